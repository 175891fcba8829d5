//! Four ways to keep a server waiting. Each begins again when the server has had enough.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{Connection, Endpoint};
use samar_protocol::limits::{BATCH_ELEMENTS_MAX, FETCH_BYTES_MAX};
use samar_protocol::wire::SERVER_NAME;
use tokio::net::UdpSocket;

use crate::fixture::dial::Dial;
use crate::fixture::invited::Bank;
use crate::fixture::messages;
use crate::fixture::pins::Pins;

/// Between two drops.
const DROP_EVERY: Duration = Duration::from_millis(500);
/// A drop, and what a slow reader takes at a time.
const DROP_BYTES: usize = 512;
/// Before a peer begins again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a peer whose connection is quiet shows that it is still there: as an honest one does, and before the server gives it up.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long a half-open peer leaves it at that: as long as the server waits.
const HALF_OPEN: Duration = Duration::from_secs(30);

pub(super) struct Peer {
    pub(super) endpoint: Endpoint,
    pub(super) bank: Bank,
    pub(super) pins: Pins,
    /// A segment of 2 MiB.
    pub(super) root: [u8; 32],
    /// Counts what the server gave up.
    pub(super) heard: Arc<AtomicUsize>,
}

impl Peer {
    /// Asks for 2 MiB and reads a few bytes a second.
    pub(super) async fn reads_by_drops(self) {
        let request = messages::fetch(self.root, 0, FETCH_BYTES_MAX).encode().unwrap_or_default();
        let slow = Dial { stream_window: Some(512), ..self.dial() };
        loop {
            if let Some(connection) = self.connect(&slow).await {
                while let Ok((mut send, mut recv)) = connection.open_bi().await {
                    let _ = send.write_all(&request).await;
                    let _ = send.finish();
                    while let Ok(Some(_)) = recv.read_chunk(DROP_BYTES, true).await {
                        tokio::time::sleep(DROP_EVERY).await;
                    }
                    self.given_up().await;
                }
            }
            self.given_up().await;
        }
    }

    /// Announces the largest batch and writes a few bytes of it a second.
    pub(super) async fn writes_by_drops(self) {
        let request = messages::evaluate(&self.pins, BATCH_ELEMENTS_MAX).encode().unwrap_or_default();
        let dial = self.dial();
        loop {
            if let Some(connection) = self.connect(&dial).await {
                while let Ok((mut send, _recv)) = connection.open_bi().await {
                    let mut written = send.write_all(&request).await;
                    while written.is_ok() {
                        tokio::time::sleep(DROP_EVERY).await;
                        written = send.write_all(&[7; DROP_BYTES]).await;
                    }
                    self.given_up().await;
                }
            }
            self.given_up().await;
        }
    }

    /// Sends all but the end of a request, and keeps the connection open.
    pub(super) async fn stops_in_the_middle(self) {
        let mut request = messages::evaluate(&self.pins, BATCH_ELEMENTS_MAX).encode().unwrap_or_default();
        request.resize(request.len() + 64 * 1_024, 7);
        let dial = self.dial();
        loop {
            if let Some(connection) = self.connect(&dial).await {
                while let Ok((mut send, mut recv)) = connection.open_bi().await {
                    let _ = send.write_all(&request).await;
                    let _ = recv.read_to_end(1 << 20).await; // until it is refused
                    self.given_up().await;
                }
            }
            self.given_up().await;
        }
    }

    /// Says hello, and no more. Its address is real, so that the server has reason to wait.
    pub(super) async fn says_hello_only(self) {
        let address = self.server();
        let config = self.bank.dial().quic();
        loop {
            if let Some((from, packets)) = hello(&self.endpoint, &config).await {
                for packet in &packets {
                    let _ = from.send_to(packet, address).await;
                }
                tokio::time::sleep(HALF_OPEN).await;
            }
            self.given_up().await;
        }
    }

    fn dial(&self) -> Dial {
        Dial { keep_alive: Some(KEEP_ALIVE), ..self.bank.dial() }
    }

    async fn connect(&self, dial: &Dial) -> Option<Connection> {
        let connecting = self.endpoint.connect_with(dial.quic(), self.server(), SERVER_NAME).ok()?;
        connecting.await.ok()
    }

    fn server(&self) -> SocketAddr {
        self.bank.invitation.address.parse().unwrap_or_else(|_| ([127, 0, 0, 1], 1).into())
    }

    async fn given_up(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The first packets of a handshake, and a socket to send them from.
async fn hello(endpoint: &Endpoint, config: &quinn::ClientConfig) -> Option<(UdpSocket, Vec<Vec<u8>>)> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.ok()?;
    let to = socket.local_addr().ok()?;
    let connecting = endpoint.connect_with(config.clone(), to, SERVER_NAME).ok()?;
    let mut packets = Vec::new();
    for _ in 0..2 {
        let mut packet = vec![0; 2_048];
        let (length, _) = tokio::time::timeout(PAUSE, socket.recv_from(&mut packet)).await.ok()?.ok()?;
        packet.truncate(length);
        packets.push(packet);
    }
    drop(connecting);
    Some((socket, packets))
}
