//! Whom a bank takes for its operator, and what for its own certificate.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs::kx_group::X25519;
use samar_local::exit::Exit;
use samar_protocol::invitation::Credential;
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::wire::Request;

use super::bank::{Bank, entries};
use super::operator::{Face, Operator, joined};

// R-TLS-2: 5, R-TLS-3: 3
#[test]
fn a_foreign_server_is_told_from_an_absent_one() {
    let (operator, other) = (Operator::start(), Operator::start());
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    let config = bank.path("samar/samar.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(&operator.address.to_string(), &other.address.to_string())).unwrap();
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("certificate"), "{failure}");

    // The other way round: the server is right, the bank's certificate is of another operator.
    std::fs::write(&config, text).unwrap();
    let stranger = Bank::joined(&other);
    for name in ["client.key", "client.pem"] {
        std::fs::copy(stranger.path("samar").join(name), bank.path("samar").join(name)).unwrap();
    }
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused, "{failure}");
}

#[test]
fn a_join_ends_with_a_key_of_ones_own_or_not_at_all() {
    let operator = Operator::start();
    let bank = Bank::joined(&operator);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&bank.path("samar")), mode(&bank.path("samar/client.key"))), (0o700, 0o600));
    assert_eq!(bank.join(&operator).unwrap_err().exit(), Exit::Input, "an enrolment is never overwritten");
}

// R-JOIN-3: 5
#[test]
fn a_certificate_that_is_not_this_banks_is_not_taken() {
    type Change = fn(&mut CertificateParams);
    let (operator, other) = (Operator::start(), Operator::start());
    let bank = Bank::new();
    let refused = |says: &str| {
        let failure = bank.join(&operator).unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert!(!bank.path("samar/samar.toml").exists());
    };
    operator.lie(|_, _| {
        let foreign = rcgen::generate_simple_self_signed(vec!["bank-a".to_owned()]).unwrap();
        joined(foreign.cert.der().to_vec()).encode().unwrap()
    });
    refused("for another key");
    // Its own key, but of another authority, no longer or not yet in force, or for another use.
    let changes: [(&Operator, Change); 4] = [
        (&other, |_| {}),
        (&operator, |parameters| parameters.not_after = date_time_ymd(2020, 1, 1)),
        (&operator, |parameters| parameters.not_before = date_time_ymd(4000, 1, 1)),
        (&operator, |parameters| parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
    ];
    for (authority, change) in changes {
        let certify = authority.certifier();
        operator.lie(move |request, answer| match request {
            Request::Join(join) => joined(certify(&join.csr, change)).encode().unwrap(),
            _ => answer,
        });
        refused("the certificate issued for this bank does not hold");
    }
    operator.be_honest();
    bank.join(&operator).unwrap(); // the same folder, the same key
}

// R-JOIN-4: 2
#[test]
fn an_invitations_certificate_is_for_the_key_that_is_named() {
    let operator = Operator::start();
    let bank = Bank::new();
    let key_file = bank.path("own.key");
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let csr = CertificateParams::default().serialize_request(&key).unwrap();
    let certificate = operator.certifier()(csr.der(), |_| {});
    let pem = pem::encode(&pem::Pem::new("CERTIFICATE", certificate));
    let invitation = operator.invitation_with(Credential::Certificate(pem));
    let write = |key: &KeyPair| {
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&other);
    let failure = bank.join_by(&invitation, Some(&key_file)).unwrap_err();
    assert_eq!(failure.exit(), Exit::Input, "{failure}");
    assert!(failure.to_string().contains("is not the key of the invitation's certificate"), "{failure}");
    assert!(!bank.path("samar/samar.toml").exists());
    write(&key);
    bank.join_by(&invitation, Some(&key_file)).unwrap();
}

// R-TLS-2: 5
#[test]
fn a_server_of_the_right_authority_needs_the_right_name() {
    let operator = Operator::showing(Face { name: "another-server", ..Face::default() });
    let failure = Bank::new().join(&operator).unwrap_err();
    assert!(failure.exit() == Exit::Peer && failure.to_string().contains("certificate"), "{failure}");
}

// R-TLS-1: the handshake fails
#[test]
fn a_server_that_speaks_another_protocol_is_not_spoken_to() {
    for alpn in [vec![b"samar/2".to_vec()], vec![]] {
        let operator = Operator::showing(Face { alpn, ..Face::default() });
        let failure = Bank::new().join(&operator).unwrap_err();
        assert_eq!(failure.exit(), Exit::Network, "{failure}");
        assert!(failure.to_string().contains("does not speak this version of Samar"), "{failure}");
        assert!(operator.asked().is_empty(), "the token was not sent");
    }
}

// R-TLS-1: the handshake fails
#[test]
fn a_server_without_the_hybrid_exchange_is_not_spoken_to() {
    let operator = Operator::showing(Face { groups: vec![X25519], ..Face::default() });
    let failure = Bank::new().join(&operator).unwrap_err();
    assert!(failure.exit() == Exit::Network && failure.to_string().contains("key exchange"), "{failure}");
    assert!(operator.asked().is_empty(), "the token was not sent");
}
