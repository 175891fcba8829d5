//! Handshakes that come to nothing: random datagrams, first packets that were damaged on the way, and clients that mean it but
//! may not come in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quinn::{Connecting, Endpoint};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use samar_protocol::wire::SERVER_NAME;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::fixture::dial::{Dial, Identity};
use crate::fixture::invited::Bank;
use crate::ordeal::{cannot, progress};

/// Clients at a time.
const CLIENTS: usize = 8;
/// Longest datagram.
const DATAGRAM_BYTES_MAX: usize = 1_472;
/// How long a first packet may take over loopback.
const FIRST_PACKET_MAX: Duration = Duration::from_secs(10);

/// Makes so many handshakes that must not succeed, and says how many did not. `bank` is one that is let in.
pub(super) async fn garble(bank: &Bank, count: u32) -> Result<u32, String> {
    let address = bank.invitation.address.parse().map_err(cannot("read the server's address"))?;
    let made = Arc::new(AtomicU32::new(0));
    let ways = Arc::new(Ways::new(bank));
    let mut tasks = JoinSet::new();
    for _ in 0..CLIENTS {
        let (made, ways) = (Arc::clone(&made), Arc::clone(&ways));
        tasks.spawn(async move {
            let mut client = Client::new(address, ways).await?;
            loop {
                let number = made.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, String>(());
                }
                client.garble().await?;
                progress("handshakes", number + 1, count);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    Ok(count)
}

/// A certificate that nobody of this operator signed.
fn foreign(bank: &Bank) -> Identity {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec![bank.invitation.bank.clone()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    Identity { certificate: certificate.der().clone(), key: key.serialize_der() }
}

/// How clients call.
struct Ways {
    /// As the bank that is let in.
    right: quinn::ClientConfig,
    /// With another protocol, a certificate of nobody's, and one whose key is another.
    wrong: [quinn::ClientConfig; 3],
}

impl Ways {
    fn new(bank: &Bank) -> Self {
        let (dial, foreign) = (bank.dial(), foreign(bank));
        let mismatched = Identity { key: foreign.key.clone(), ..bank.identity.clone() };
        let other_protocol = Dial { alpn: vec![b"h3".to_vec()], ..dial.clone() };
        let wrong = [other_protocol, dial.clone().as_bank(&foreign), dial.clone().as_bank(&mismatched)];
        Self { right: dial.quic(), wrong: wrong.map(|dial| dial.quic()) }
    }
}

struct Client {
    server: SocketAddr,
    ways: Arc<Ways>,
    endpoint: Endpoint,
    /// Where first packets are caught before the server sees them.
    catch: UdpSocket,
    /// What sends to the server.
    socket: UdpSocket,
    dice: StdRng,
}

impl Client {
    async fn new(server: SocketAddr, ways: Arc<Ways>) -> Result<Self, String> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let endpoint = Endpoint::client(loopback).map_err(cannot("open an endpoint"))?;
        let socket = || UdpSocket::bind("127.0.0.1:0");
        let catch = socket().await.map_err(cannot("open a socket"))?;
        let socket = socket().await.map_err(cannot("open a socket"))?;
        Ok(Self { server, ways, endpoint, catch, socket, dice: StdRng::from_seed(rand::random()) })
    }

    async fn garble(&mut self) -> Result<(), String> {
        match self.dice.random_range(0..20) {
            0..8 => self.random_datagram().await,
            8..16 => self.damaged_first_packets().await,
            16 | 17 => self.unwelcome().await,
            _ => self.given_up().await,
        }
    }

    async fn random_datagram(&mut self) -> Result<(), String> {
        let mut datagram = vec![0; self.dice.random_range(0..DATAGRAM_BYTES_MAX)];
        self.dice.fill_bytes(&mut datagram);
        // Half of them look like an Initial of QUIC version 1.
        if self.dice.random() && datagram.len() > 5 {
            datagram[0] = 0xc0 | datagram[0] & 0x0f;
            datagram[1..5].copy_from_slice(&1u32.to_be_bytes());
        }
        self.send(&datagram).await
    }

    /// A true ClientHello, of which the server gets another form, or a part.
    async fn damaged_first_packets(&mut self) -> Result<(), String> {
        let to = self.catch.local_addr().map_err(cannot("tell a socket's address"))?;
        // What an earlier client still sent is of no use: later packets must not pass for first ones.
        while self.catch.try_recv(&mut [0; 2_048]).is_ok() {}
        let connecting = self.call(&self.ways.right, to)?;
        // The hybrid key share makes it two datagrams.
        let mut packets = Vec::new();
        for _ in 0..2 {
            let mut packet = vec![0; 2_048];
            let caught = tokio::time::timeout(FIRST_PACKET_MAX, self.catch.recv_from(&mut packet)).await;
            let (length, _) = caught.map_err(cannot("catch a packet"))?.map_err(cannot("catch a packet"))?;
            packet.truncate(length);
            packets.push(packet);
        }
        drop(connecting);
        match self.dice.random_range(0..6) {
            0 => packets.truncate(1),     // half a ClientHello, and never the rest
            1 => drop(packets.remove(0)), // the other half alone
            2 => {
                let length = self.dice.random_range(0..packets[0].len());
                packets[0].truncate(length);
            }
            3 | 4 => {
                let which = self.dice.random_range(0..packets.len());
                let packet = &mut packets[which];
                for _ in 0..self.dice.random_range(1..4) {
                    let at = self.dice.random_range(0..packet.len().min(64));
                    packet[at] ^= self.dice.random_range(1..=255);
                }
            }
            _ => {} // whole, and no word more: an address that need not be the sender's
        }
        for packet in &packets {
            self.send(packet).await?;
        }
        Ok(())
    }

    /// A handshake that is meant, and refused.
    async fn unwelcome(&mut self) -> Result<(), String> {
        let way = &self.ways.wrong[self.dice.random_range(0..self.ways.wrong.len())];
        let connecting = self.call(way, self.server)?;
        if let Ok(connection) = connecting.await {
            // In TLS 1.3 the client is done before the server has seen its certificate.
            let closed = tokio::time::timeout(FIRST_PACKET_MAX, connection.closed()).await;
            closed.map_err(|_| "a peer that must not come in was let in".to_owned())?;
        }
        Ok(())
    }

    /// A handshake that is given up at some moment.
    async fn given_up(&mut self) -> Result<(), String> {
        let connecting = self.call(&self.ways.right, self.server)?;
        let patience = Duration::from_micros(self.dice.random_range(0..3_000));
        let _ = tokio::time::timeout(patience, connecting).await;
        Ok(())
    }

    fn call(&self, way: &quinn::ClientConfig, to: SocketAddr) -> Result<Connecting, String> {
        self.endpoint.connect_with(way.clone(), to, SERVER_NAME).map_err(cannot("call"))
    }

    async fn send(&self, datagram: &[u8]) -> Result<(), String> {
        self.socket.send_to(datagram, self.server).await.map(|_| ()).map_err(cannot("send a datagram"))
    }
}
