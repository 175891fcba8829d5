//! TLS 1.3 for QUIC: mutual certificates, post-quantum exchange, nothing that could be replayed.

use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::wire::ALPN;

use crate::config::KeyExchange;
use crate::keys::{self, Purpose};
use crate::layout::Layout;

/// The server's TLS configuration. A client certificate must chain to the operator's own authority; none at all is let in
/// to ask for `join` and nothing else.
///
/// # Errors
/// A missing or damaged file, or a key that others may read.
pub fn config(layout: &Layout, key_exchange: KeyExchange) -> Result<rustls::ServerConfig, Failure> {
    let provider = Arc::new(provider(key_exchange));
    let mut roots = RootCertStore::empty();
    let ca = layout.ca_certificate();
    roots.add(read_certificate(&ca)?).map_err(|_| damaged(&ca))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|_| damaged(&ca))?;

    let key_path = layout.server_key();
    let key_pem = keys::pem(layout, Purpose::Server)?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| damaged(&key_path))?;
    let certificate_path = layout.server_certificate();
    let certificate = read_certificate(&certificate_path)?;

    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Failure::local(format!("no TLS 1.3: {error}")))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .map_err(|error| Failure::local(format!("{}: {error}", certificate_path.display())))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: every connection shows its certificate anew, so that a revocation is seen.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // No 0-RTT: early data could be replayed.
    config.max_early_data_size = 0;
    Ok(config)
}

/// The same for QUIC.
///
/// # Errors
/// As [`config`].
pub fn quic_config(layout: &Layout, key_exchange: KeyExchange) -> Result<QuicServerConfig, Failure> {
    QuicServerConfig::try_from(config(layout, key_exchange)?)
        .map_err(|error| Failure::local(format!("TLS cannot carry QUIC: {error}")))
}

fn provider(key_exchange: KeyExchange) -> CryptoProvider {
    let hybrid = aws_lc_rs::kx_group::X25519MLKEM768;
    let kx_groups = match key_exchange {
        KeyExchange::Hybrid => vec![hybrid],
        KeyExchange::HybridOrX25519 => vec![hybrid, aws_lc_rs::kx_group::X25519],
    };
    CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() }
}

fn read_certificate(path: &std::path::Path) -> Result<CertificateDer<'static>, Failure> {
    let pem = std::fs::read(path).map_err(|error| io_failure("read the certificate", path, &error))?;
    CertificateDer::from_pem_slice(&pem).map_err(|_| damaged(path))
}

fn damaged(path: &std::path::Path) -> Failure {
    Failure::local(format!("{} is damaged", path.display())).remedy("restore it from its backup")
}

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    use super::*;

    #[test]
    fn only_the_hybrid_exchange_unless_the_operator_says_otherwise() {
        let names = |choice| provider(choice).kx_groups.iter().map(|group| group.name()).collect::<Vec<_>>();
        assert_eq!(names(KeyExchange::default()), [NamedGroup::X25519MLKEM768]);
        assert_eq!(names(KeyExchange::HybridOrX25519), [NamedGroup::X25519MLKEM768, NamedGroup::X25519]);
    }

    #[test]
    fn nothing_can_be_resumed_or_sent_early() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("op"));
        crate::init::init(&layout, "Badan Contoh", "127.0.0.1:0".parse().unwrap()).unwrap();
        let config = config(&layout, KeyExchange::Hybrid).unwrap();
        assert_eq!(config.max_early_data_size, 0);
        assert_eq!(config.send_tls13_tickets, 0);
        assert!(!config.session_storage.can_cache());
        assert_eq!(config.alpn_protocols, [b"samar/1"]);
    }
}
