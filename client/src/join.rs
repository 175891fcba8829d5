//! `join`: from an invitation to a folder that can connect. The bank's key is made here and never leaves.

use std::path::Path;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls::pki_types::CertificateDer;
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::{create_private, lock, read_secret};
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::oprf::Blinding;
use samar_protocol::wire::Joined;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::config::{Config, Home, KeyExchange};
use crate::link::Link;
use crate::people::{now_s, time};
use crate::tls;

/// What a join came to, for both sides to compare.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// What `samar.toml` now holds.
    pub config: Config,
    /// SHA-256 of the public key (SPKI) in the bank's certificate.
    pub bank_key: [u8; 32],
    /// SHA-256 of the public key (SPKI) of the operator's authority.
    pub ca_key: [u8; 32],
    /// When the certificate runs out, seconds since 1970 UTC.
    pub certificate_until_s: u64,
}

/// Enrols the folder by an invitation's text. `key` names the bank's own key (PEM), for an invitation that already
/// holds its certificate; else the key is made here and the token traded for one.
///
/// # Errors
/// [`Failure`]; the folder is then not joined, and the same invitation can be tried again.
pub async fn join(home: &Home, invitation: &str, key: Option<&Path>) -> Result<Enrolment, Failure> {
    let invitation = parse(invitation)?;
    refuse_second(home)?;
    let ca = authority(&invitation)?;
    create_private(home.dir())?;
    let _lock = lock(home.dir(), "sync")?;
    refuse_second(home)?;

    let certificate = match (&invitation.credential, key) {
        (Credential::Token(_), Some(path)) => {
            let what = format!("{} is not needed: this invitation has the key made here", path.display());
            return Err(Failure::input(what).remedy("leave out --key"));
        }
        (Credential::Token(token), None) => trade(home, &invitation, &ca, *token).await?,
        (Credential::Certificate(_), None) => {
            return Err(Failure::input("the invitation holds a certificate for a key of your own")
                .remedy("name that key with --key KEYFILE"));
        }
        (Credential::Certificate(pem), Some(path)) => adopt(home, &ca, pem, path)?,
    };
    let config = Config {
        operator: invitation.operator,
        bank: invitation.bank,
        address: invitation.address,
        publisher_key: invitation.publisher_key,
        floor: invitation.floor,
        key_exchange: KeyExchange::Hybrid,
        gso: true,
        blinding: Blinding::default(),
    };
    let enrolment = describe(config, &ca, &certificate)?;
    write_public(&home.ca(), invitation.ca_certificate.as_bytes())?;
    write_certificate(home, &certificate)?;
    enrolment.config.store(home)?; // last: with it the folder is joined
    Ok(enrolment)
}

/// An invitation.
pub(crate) fn parse(text: &str) -> Result<Invitation, Failure> {
    Invitation::parse(text).map_err(|error| {
        Failure::input(error).remedy("use the file as the operator sent it, or ask for a new one")
    })
}

/// The authority that an invitation pins.
pub(crate) fn authority(invitation: &Invitation) -> Result<CertificateDer<'static>, Failure> {
    tls::parse_certificate(invitation.ca_certificate.as_bytes())
        .ok_or_else(|| Failure::input("the invitation's `ca_certificate` is not one certificate in PEM"))
}

/// What stands in a folder that was joined.
pub(crate) fn enrolment(home: &Home) -> Result<Enrolment, Failure> {
    describe(Config::load(home)?, &tls::read_ca(home)?, &tls::read_certificate(home)?)
}

fn refuse_second(home: &Home) -> Result<(), Failure> {
    if !home.config().exists() {
        return Ok(());
    }
    let what = match Config::load(home) {
        Ok(config) => {
            format!("{} is already joined to {} as {}", home.dir().display(), config.operator, config.bank)
        }
        Err(_) => format!("{} already holds a samar.toml", home.dir().display()),
    };
    let remedy = "samar renew FILE to renew its certificate; else join in another --dir: an enrolment is never overwritten";
    Err(Failure::input(what).remedy(remedy))
}

/// Makes the key, where there is none yet, and trades the token for a certificate.
pub(crate) async fn trade(
    home: &Home,
    invitation: &Invitation,
    ca: &CertificateDer<'static>,
    token: [u8; 32],
) -> Result<CertificateDer<'static>, Failure> {
    if invitation.expires_s <= now_s() {
        let what = format!("the invitation ran out on {}", time(invitation.expires_s));
        return Err(
            Failure::input(what).remedy("ask the operator for a new one, and check this machine's clock")
        );
    }
    let key = own_key(home)?;
    let request = signing_request(&key, &invitation.bank)?;
    let tls = tls::client_config(ca, None, KeyExchange::Hybrid)?;
    let link = Link::connect(&invitation.address, tls, true).await?;
    let joined = link.join(token, request).await;
    link.close().await;
    check(joined?, &invitation.bank, &key, ca)
}

/// A signing request (DER) for a key.
pub(crate) fn signing_request(key: &KeyPair, bank: &str) -> Result<Vec<u8>, Failure> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, bank);
    let request = parameters.serialize_request(key).map_err(|error| unusable(&error))?;
    Ok(request.der().to_vec())
}

/// The certificate that a server issued, if it is one of this bank and its key, by this authority, and in force.
pub(crate) fn check(
    joined: Joined,
    bank: &str,
    key: &KeyPair,
    ca: &CertificateDer<'static>,
) -> Result<CertificateDer<'static>, Failure> {
    if joined.bank != bank {
        return Err(Failure::peer(format!("this bank is {bank}, the server enrolled {:?}", joined.bank)));
    }
    let certificate = CertificateDer::from(joined.certificate);
    if !is_of(&certificate, key)? {
        return Err(Failure::peer(
            "the certificate that the server issued is for another key than this bank's",
        ));
    }
    tls::check_chain(ca, &certificate, now_s())?;
    Ok(certificate)
}

/// Whether a certificate is for this key.
pub(crate) fn is_of(certificate: &CertificateDer<'_>, key: &KeyPair) -> Result<bool, Failure> {
    Ok(spki(certificate)? == key.subject_public_key_info())
}

/// The key of a folder that was joined.
pub(crate) fn key_of(home: &Home) -> Result<KeyPair, Failure> {
    let path = home.key();
    parse_key(&path, &read_secret(&path)?)
}

/// Puts a certificate in its place, whole or not at all.
pub(crate) fn write_certificate(home: &Home, certificate: &CertificateDer<'_>) -> Result<(), Failure> {
    write_public(&home.certificate(), pem_of(certificate).as_bytes())
}

/// The certificate that stands in an invitation.
pub(crate) fn certificate_in(pem: &str) -> Result<CertificateDer<'static>, Failure> {
    tls::parse_certificate(pem.as_bytes())
        .ok_or_else(|| Failure::input("the invitation's `certificate` is not one certificate in PEM"))
}

/// The key of this folder. One that a join which was cut short left behind is used again: if the server's answer was
/// lost on the way, the same request can be answered again.
fn own_key(home: &Home) -> Result<KeyPair, Failure> {
    let path = home.key();
    if path.exists() {
        return key_of(home);
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| unusable(&error))?;
    write_key(home, &key)?;
    Ok(key)
}

/// Takes a certificate that the bank already has, with its key.
fn adopt(
    home: &Home,
    ca: &CertificateDer<'static>,
    pem: &str,
    key_file: &Path,
) -> Result<CertificateDer<'static>, Failure> {
    let certificate = certificate_in(pem)?;
    let key = parse_key(key_file, &read_secret(key_file)?)?;
    if !is_of(&certificate, &key)? {
        let what = format!("{} is not the key of the invitation's certificate", key_file.display());
        return Err(Failure::input(what).remedy("name the key that made the signing request"));
    }
    tls::check_chain(ca, &certificate, now_s())?;
    write_key(home, &key)?;
    Ok(certificate)
}

fn parse_key(path: &Path, pem: &[u8]) -> Result<KeyPair, Failure> {
    let key = str::from_utf8(pem).ok().and_then(|pem| KeyPair::from_pem(pem).ok());
    key.ok_or_else(|| {
        Failure::input(format!("{} does not hold a private key in PEM (PKCS #8)", path.display()))
            .remedy("openssl pkcs8 -topk8 -nocrypt converts other forms")
    })
}

fn write_key(home: &Home, key: &KeyPair) -> Result<(), Failure> {
    let pem = Zeroizing::new(key.serialize_pem());
    durable::write(&home.key(), pem.as_bytes(), Mode::Private)
        .map_err(|error| io_failure("write", &home.key(), &error))
}

fn write_public(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    durable::write(path, bytes, Mode::Public).map_err(|error| io_failure("write", path, &error))
}

fn describe(
    config: Config,
    ca: &CertificateDer<'_>,
    certificate: &CertificateDer<'_>,
) -> Result<Enrolment, Failure> {
    let until = parsed(certificate)?.validity().not_after.timestamp();
    Ok(Enrolment {
        config,
        bank_key: Sha256::digest(spki(certificate)?).into(),
        ca_key: Sha256::digest(spki(ca)?).into(),
        certificate_until_s: u64::try_from(until).unwrap_or(0),
    })
}

fn spki<'a>(certificate: &'a CertificateDer<'_>) -> Result<&'a [u8], Failure> {
    Ok(parsed(certificate)?.tbs_certificate.subject_pki.raw)
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Failure> {
    let parsed = X509Certificate::from_der(certificate);
    parsed.map(|(_, parsed)| parsed).map_err(|_| Failure::peer("what should be a certificate is none"))
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", certificate.to_vec()))
}

fn unusable(error: &rcgen::Error) -> Failure {
    Failure::local(format!("cannot make the bank's key: {error}"))
}
