//! Who is let in, and with what cryptography.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use quinn::ConnectionError;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore};
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::ServerSessionMemoryCache;
use rustls::{ClientConnection, HandshakeKind, NamedGroup, ServerConnection};
use samar_protocol::wire::SERVER_NAME;
use samar_server::config::KeyExchange;
use samar_server::serve::tls;
use samar_tests::{Bank, Caller, Dial, Identity, Operator, Scene};

/// TLS alerts, as QUIC carries them: 0x100 + the alert (RFC 9001 section 4.8).
const HANDSHAKE_FAILURE: u64 = 0x100 + 40;
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// The transport error code a connection was refused with by the server.
fn refused_with(error: &ConnectionError) -> u64 {
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        other => panic!("{other:?}"),
    }
}

async fn call(scene: &Scene, dial: &Dial) -> Result<Caller, ConnectionError> {
    dial.call(scene.serving.address).await
}

// R-TLS-1: the handshake fails
#[tokio::test(flavor = "multi_thread")]
async fn only_the_hybrid_exchange_by_default() {
    let scene = Scene::new().await;
    for groups in [vec![X25519], vec![SECP256R1], vec![X25519, SECP256R1]] {
        let dial = Dial { groups, ..scene.bank.dial() };
        let error = call(&scene, &dial).await.err().expect("a refusal");
        assert_eq!(refused_with(&error), HANDSHAKE_FAILURE);
    }
    // Offered beside others, even as the last, the hybrid is what comes out.
    let dial = Dial { groups: vec![X25519, X25519MLKEM768], ..scene.bank.dial() };
    call(&scene, &dial).await.unwrap().allowance().await;
    scene.still_honest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x25519_where_the_operator_admits_it_and_nothing_else() {
    let scene = Scene::configured(|config| config.key_exchange = KeyExchange::HybridOrX25519).await;
    let dial = Dial { groups: vec![X25519], ..scene.bank.dial() };
    call(&scene, &dial).await.unwrap().allowance().await;
    let dial = Dial { groups: vec![SECP256R1], ..scene.bank.dial() };
    let error = call(&scene, &dial).await.err().expect("a refusal");
    assert_eq!(refused_with(&error), HANDSHAKE_FAILURE);
    scene.still_honest().await;
}

// R-TLS-1: the handshake fails
#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_is_refused() {
    let scene = Scene::new().await;
    for alpn in [vec![b"samar/2".to_vec()], vec![b"h3".to_vec(), b"samar".to_vec()], vec![]] {
        let dial = Dial { alpn, ..scene.bank.dial() };
        let error = call(&scene, &dial).await.err().expect("a refusal");
        assert_eq!(refused_with(&error), NO_APPLICATION_PROTOCOL);
    }
    scene.still_honest().await;
}

/// Shows that a call with this identity ends in a TLS alert. In TLS 1.3 the client is done before the server has seen its
/// certificate, so the refusal may come a moment later.
async fn refuses_identity(scene: &Scene, identity: &Identity) {
    let error = match call(scene, &scene.bank.dial().as_bank(identity)).await {
        Ok(caller) => caller.connection.closed().await,
        Err(error) => error,
    };
    let code = refused_with(&error);
    assert!(
        (0x100..0x200).contains(&code) && code != HANDSHAKE_FAILURE,
        "about the certificate, not {code:#x}"
    );
    scene.still_honest().await;
}

// R-TLS-3: the handshake fails
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_is_refused() {
    let (scene, elsewhere) = (Scene::new().await, Scene::new().await);
    refuses_identity(&scene, &elsewhere.bank.identity).await;
}

// R-TLS-3: the handshake fails
#[tokio::test(flavor = "multi_thread")]
async fn another_banks_certificate_is_of_no_use_without_its_key() {
    let scene = Scene::new().await;
    let second = Bank::join(scene.operator.invite("bank-maju", None, None), scene.serving.address).await;
    let key = scene.bank.identity.key.clone();
    refuses_identity(&scene, &Identity { key, ..second.identity }).await;
}

// R-TLS-3: the handshake fails
#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_certificate_is_none_of_a_bank() {
    let scene = Scene::new().await;
    let layout = &scene.operator.layout;
    let certificate = CertificateDer::from_pem_file(layout.server_certificate()).unwrap();
    let key = PrivatePkcs8KeyDer::from_pem_file(layout.server_key()).unwrap().secret_pkcs8_der().to_vec();
    refuses_identity(&scene, &Identity { certificate, key }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_operators_server_is_not_trusted() {
    let (scene, elsewhere) = (Scene::new().await, Scene::new().await);
    let error = scene.bank.dial().call(elsewhere.serving.address).await.err().expect("no trust");
    assert!(matches!(error, ConnectionError::TransportError(_)), "{error:?}");
}

/// Notes what a server gives a client to come back with.
#[derive(Debug)]
struct Notes {
    tickets: Mutex<usize>,
    group: Mutex<Option<NamedGroup>>,
    memory: ClientSessionMemoryCache,
}

impl ClientSessionStore for Notes {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        *self.group.lock().unwrap() = Some(group);
        self.memory.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.memory.kx_hint(name)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: rustls::client::Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<rustls::client::Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(
        &self,
        name: ServerName<'static>,
        ticket: rustls::client::Tls13ClientSessionValue,
    ) {
        *self.tickets.lock().unwrap() += 1;
        self.memory.insert_tls13_ticket(name, ticket);
    }

    fn take_tls13_ticket(
        &self,
        name: &ServerName<'static>,
    ) -> Option<rustls::client::Tls13ClientSessionValue> {
        self.memory.take_tls13_ticket(name)
    }
}

fn notes() -> Arc<Notes> {
    let memory = ClientSessionMemoryCache::new(8);
    Arc::new(Notes { tickets: Mutex::default(), group: Mutex::default(), memory })
}

#[tokio::test(flavor = "multi_thread")]
async fn over_quic_the_exchange_is_hybrid_and_nothing_can_be_resumed_or_sent_early() {
    let scene = Scene::new().await;
    let notes = notes();
    let dial = Dial { early_data: true, sessions: Some(notes.clone()), ..scene.bank.dial() };
    let caller = call(&scene, &dial).await.unwrap();
    caller.allowance().await; // by now tickets, if there were any, would have come
    assert_eq!(*notes.group.lock().unwrap(), Some(NamedGroup::X25519MLKEM768));
    assert_eq!(*notes.tickets.lock().unwrap(), 0);
    caller.hang_up().await;
    let (_endpoint, connecting) = dial.begin(scene.serving.address);
    assert!(connecting.into_0rtt().is_err(), "no early data");
}

/// A whole TLS handshake, and a byte each way after it so that tickets arrive.
fn handshake(
    client: &Arc<rustls::ClientConfig>,
    server: &Arc<rustls::ServerConfig>,
) -> (HandshakeKind, NamedGroup) {
    let mut client = ClientConnection::new(Arc::clone(client), SERVER_NAME.try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    client.writer().write_all(b"?").unwrap();
    server.writer().write_all(b"!").unwrap();
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    client.reader().read_exact(&mut [0]).unwrap();
    let group = client.negotiated_key_exchange_group().unwrap().name();
    (client.handshake_kind().unwrap(), group)
}

#[test]
fn a_second_handshake_is_a_full_one() {
    let operator = Operator::empty(|_| {});
    let ca = std::fs::read_to_string(operator.layout.ca_certificate()).unwrap();
    let dial = || Dial { sessions: Some(notes()), ..Dial::new(&ca) };
    let mut server = tls::config(&operator.layout, KeyExchange::Hybrid).unwrap();

    let (client, ours) = (Arc::new(dial().tls()), Arc::new(server.clone()));
    for _ in 0..2 {
        assert_eq!(handshake(&client, &ours), (HandshakeKind::Full, NamedGroup::X25519MLKEM768));
    }

    // The same client with a server that does hand out tickets, to show that it would resume if it could.
    server.session_storage = ServerSessionMemoryCache::new(8);
    server.send_tls13_tickets = 2;
    let (client, theirs) = (Arc::new(dial().tls()), Arc::new(server));
    let kinds = [(); 2].map(|()| handshake(&client, &theirs).0);
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
}
