//! TLS as the bank speaks it: 1.3 only, one pinned certificate authority, no resumption, no early data.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::read_secret;
use samar_protocol::wire::ALPN;

use crate::config::{Config, Home, KeyExchange};

/// What the bank shows: its certificate and the key to it.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// The folder's identity and trust, ready to connect.
pub(crate) fn enrolled(home: &Home, config: &Config) -> Result<ClientConfig, Failure> {
    let ca = read_ca(home)?;
    client_config(&ca, Some(read_identity(home)?), config.key_exchange)
}

/// The operator's certificate authority, as it was pinned.
pub(crate) fn read_ca(home: &Home) -> Result<CertificateDer<'static>, Failure> {
    let path = home.ca();
    let pem = std::fs::read(&path).map_err(|error| io_failure("read", &path, &error))?;
    parse_certificate(&pem).ok_or_else(|| damaged(&path.display(), "one certificate in PEM"))
}

/// The folder's certificate.
pub(crate) fn read_certificate(home: &Home) -> Result<CertificateDer<'static>, Failure> {
    let path = home.certificate();
    let pem = std::fs::read(&path).map_err(|error| io_failure("read", &path, &error))?;
    parse_certificate(&pem).ok_or_else(|| damaged(&path.display(), "one certificate in PEM"))
}

fn read_identity(home: &Home) -> Result<Identity, Failure> {
    let key = PrivateKeyDer::from_pem_slice(&read_secret(&home.key())?)
        .map_err(|_| damaged(&home.key().display(), "a private key in PEM (PKCS #8)"))?;
    Ok(Identity { certificate: read_certificate(home)?, key })
}

fn damaged(path: &dyn std::fmt::Display, expected: &str) -> Failure {
    Failure::local(format!("{path} does not hold {expected}"))
        .remedy("restore it from a backup, or join again with a new invitation in another --dir")
}

/// The one certificate of a PEM text; nothing where there is none, or more than one.
pub(crate) fn parse_certificate(pem: &[u8]) -> Option<CertificateDer<'static>> {
    let mut certificates = CertificateDer::pem_slice_iter(pem);
    let first = certificates.next()?.ok()?;
    certificates.next().is_none().then_some(first)
}

/// Trusts servers of this authority alone, and shows `identity`, where there is one.
pub(crate) fn client_config(
    ca: &CertificateDer<'static>,
    identity: Option<Identity>,
    key_exchange: KeyExchange,
) -> Result<ClientConfig, Failure> {
    let unusable = |error: rustls::Error| Failure::local(format!("cannot set up TLS: {error}"));
    let trusting = ClientConfig::builder_with_provider(provider(key_exchange))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_root_certificates(roots(ca)?);
    let mut config = match identity {
        Some(Identity { certificate, key }) => {
            trusting.with_client_auth_cert(vec![certificate], key).map_err(unusable)?
        }
        None => trusting.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Whether `certificate` is one that the operator's server would take from a client: issued by this authority, for
/// this use, in force at `now_s`.
pub(crate) fn check_chain(
    ca: &CertificateDer<'static>,
    certificate: &CertificateDer<'_>,
    now_s: u64,
) -> Result<(), Failure> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider(KeyExchange::Hybrid))
            .build()
            .map_err(|error| Failure::local(format!("cannot set up TLS: {error}")))?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now_s));
    verifier.verify_client_cert(certificate, &[], now).map(|_| ()).map_err(|error| {
        Failure::peer(format!("the certificate issued for this bank does not hold: {error}"))
    })
}

fn roots(ca: &CertificateDer<'static>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    roots
        .add(ca.clone())
        .map_err(|error| Failure::input(format!("the operator's CA certificate cannot be used: {error}")))?;
    Ok(roots)
}

fn provider(key_exchange: KeyExchange) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = match key_exchange {
        KeyExchange::Hybrid => vec![aws_lc_rs::kx_group::X25519MLKEM768],
        KeyExchange::HybridOrX25519 => {
            vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519]
        }
    };
    Arc::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_decided_is_offered() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = parameters.self_signed(&key).unwrap().der().clone();
        let groups = |key_exchange| -> Vec<rustls::NamedGroup> {
            let config = client_config(&ca, None, key_exchange).unwrap();
            assert!(!config.enable_early_data);
            assert_eq!(config.alpn_protocols, [ALPN]);
            config.crypto_provider().kx_groups.iter().map(|group| group.name()).collect()
        };
        use rustls::NamedGroup::{X25519, X25519MLKEM768};
        assert_eq!(groups(KeyExchange::Hybrid), [X25519MLKEM768]);
        assert_eq!(groups(KeyExchange::HybridOrX25519), [X25519MLKEM768, X25519]);
    }

    #[test]
    fn one_certificate_is_one_certificate() {
        let certified = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        assert!(parse_certificate(pem.as_bytes()).is_some());
        assert!(parse_certificate(pem.repeat(2).as_bytes()).is_none());
        assert!(parse_certificate(b"").is_none());
    }
}
