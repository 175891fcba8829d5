//! What a client sees of the operator before the first request.

use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use samar_protocol::wire::{ALPN, SERVER_NAME};

/// How a server shows itself.
pub(crate) struct Face {
    /// Name in its certificate.
    pub(crate) name: &'static str,
    /// Protocols that it speaks.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// Key exchanges that it admits.
    pub(crate) groups: Vec<&'static dyn SupportedKxGroup>,
}

impl Default for Face {
    fn default() -> Self {
        let groups = aws_lc_rs::default_provider().kx_groups;
        Self { name: SERVER_NAME, alpn: vec![ALPN.to_vec()], groups }
    }
}

/// A server that shows itself so, certified by `ca`.
pub(super) fn server_config(ca: &CertifiedIssuer<'static, KeyPair>, face: Face) -> quinn::ServerConfig {
    let key = KeyPair::generate().unwrap();
    let names = vec![face.name.to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, ca).unwrap();
    let provider = CryptoProvider { kx_groups: face.groups, ..aws_lc_rs::default_provider() };
    let provider = Arc::new(provider);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    tls.alpn_protocols = face.alpn;
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
    quinn::ServerConfig::with_crypto(Arc::new(crypto))
}
