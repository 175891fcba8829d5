//! The operator's private certificate authority: one root, one server certificate, one certificate a bank.
//!
//! Keys are ECDSA P-256, which every TLS 1.3 library has.

use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, pem::PemObject as _};
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::wire::SERVER_NAME;
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::keys::{self, Purpose};
use crate::layout::Layout;

/// Days a certificate of a bank or of the server is valid.
const LEAF_DAYS: i64 = 825;
/// Days the authority is valid.
const CA_DAYS: i64 = 3_650;

/// SHA-256 of a certificate's SubjectPublicKeyInfo: how a bank's key is named in the account log.
pub type KeyFingerprint = [u8; 32];

/// The authority, able to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority and the server's certificate, and stores both.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(layout: &Layout, operator: &str) -> Result<(), Failure> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&format!("Samar authority of {operator}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, CA_DAYS);
        let key = generate_key()?;
        let certificate = params.self_signed(&key).map_err(internal)?;
        keys::write_pem(&layout.ca_key(), &Zeroizing::new(key.serialize_pem()))?;
        write_public(&layout.ca_certificate(), certificate.pem().as_bytes())?;
        Self { issuer: Issuer::new(params, key) }.certify_server(layout)
    }

    /// Makes a new key and certificate for the server, and stores both; a server that runs takes them up on SIGHUP.
    ///
    /// # Errors
    /// Of the file system.
    pub fn certify_server(&self, layout: &Layout) -> Result<(), Failure> {
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()]).map_err(internal)?;
        params.distinguished_name = name(SERVER_NAME);
        set_leaf(&mut params, ExtendedKeyUsagePurpose::ServerAuth);
        let key = generate_key()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(internal)?;
        let pem = Zeroizing::new(key.serialize_pem());
        if layout.server_key().exists() {
            keys::replace_pem(layout, Purpose::Server, &pem)?;
        } else {
            keys::write_pem(&layout.server_key(), &pem)?;
        }
        write_public(&layout.server_certificate(), certificate.pem().as_bytes())
    }

    /// Loads the authority.
    ///
    /// # Errors
    /// A missing or damaged file, or a key that others may read.
    pub fn load(layout: &Layout) -> Result<Self, Failure> {
        let damaged = |path: &Path| Failure::local(format!("{} is damaged", path.display()));
        let path = layout.ca_key();
        let pem = keys::pem(layout, Purpose::Authority)?;
        let text = std::str::from_utf8(&pem).map_err(|_| damaged(&path))?;
        let key = KeyPair::from_pem(text).map_err(|_| damaged(&path))?;
        let path = layout.ca_certificate();
        let certificate =
            std::fs::read_to_string(&path).map_err(|error| io_failure("read", &path, &error))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(|_| damaged(&path))?;
        Ok(Self { issuer })
    }

    /// Signs a bank's request. Of the request only the public key is used, once its own signature was verified: name,
    /// usage and validity are the operator's to say.
    ///
    /// # Errors
    /// [`SigningRequestError`].
    pub fn sign_bank(
        &self,
        bank: &str,
        csr: &[u8],
    ) -> Result<(Certificate, KeyFingerprint), SigningRequestError> {
        let request = CertificateSigningRequestDer::from(csr);
        let mut request =
            CertificateSigningRequestParams::from_der(&request).map_err(|_| SigningRequestError)?;
        request.params = CertificateParams::default();
        request.params.distinguished_name = name(bank);
        set_leaf(&mut request.params, ExtendedKeyUsagePurpose::ClientAuth);
        let certificate = request.signed_by(&self.issuer).map_err(|_| SigningRequestError)?;
        let fingerprint = key_fingerprint(certificate.der()).ok_or(SigningRequestError)?;
        Ok((certificate, fingerprint))
    }
}

/// A signing request that cannot be read, is not signed by its own key, or has a key of an unknown kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PKCS #10 signing request that is signed by its own key (ECDSA P-256 or P-384, Ed25519, RSA)")]
pub struct SigningRequestError;

/// The fingerprint of the key in a certificate.
#[must_use]
pub fn key_fingerprint(certificate: &CertificateDer<'_>) -> Option<KeyFingerprint> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(Sha256::digest(parsed.public_key().raw).into())
}

/// When a certificate runs out, seconds since 1970; `None` for what is none.
#[must_use]
pub fn end_s(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0))
}

/// When the server's certificate runs out, seconds since 1970.
///
/// # Errors
/// A missing or damaged file.
pub fn server_certificate_end_s(layout: &Layout) -> Result<u64, Failure> {
    let path = layout.server_certificate();
    let pem = std::fs::read(&path).map_err(|error| io_failure("read the certificate", &path, &error))?;
    let damaged = || Failure::local(format!("{} is damaged", path.display()));
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged())?;
    end_s(&der).ok_or_else(damaged)
}

/// The fingerprint of the operator's authority, for people to compare.
///
/// # Errors
/// A missing or damaged certificate.
pub fn authority_fingerprint(layout: &Layout) -> Result<KeyFingerprint, Failure> {
    let path = layout.ca_certificate();
    let pem = std::fs::read(&path).map_err(|error| io_failure("read", &path, &error))?;
    let certificate = CertificateDer::from_pem_slice(&pem).ok();
    certificate.as_ref().and_then(key_fingerprint).ok_or_else(|| {
        Failure::local(format!("{} holds no certificate", path.display()))
            .remedy("restore it from its backup")
    })
}

/// The DER of a signing request in a PEM or DER file.
#[must_use]
pub fn signing_request_der(file: &[u8]) -> Vec<u8> {
    CertificateSigningRequestDer::from_pem_slice(file).map_or_else(|_| file.to_vec(), |der| der.to_vec())
}

fn generate_key() -> Result<KeyPair, Failure> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(internal)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn set_leaf(params: &mut CertificateParams, purpose: ExtendedKeyUsagePurpose) {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    set_validity(params, LEAF_DAYS);
}

/// From an hour ago, so that a bank whose clock is a little slow can connect at once.
fn set_validity(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(days);
}

fn write_public(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    durable::write(path, bytes, Mode::Public).map_err(|error| io_failure("write", path, &error))
}

#[allow(clippy::needless_pass_by_value)] // fits map_err
fn internal(error: rcgen::Error) -> Failure {
    Failure::local(format!("cannot make a certificate: {error}"))
}
