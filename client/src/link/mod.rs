//! The connection to the operator's server: one QUIC connection, one stream an exchange.

mod error;
mod exchange;
mod requests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use error::LinkError;
pub use exchange::Streams;
pub(crate) use exchange::busy_wait;
pub use requests::EvaluateAnswer;

use exchange::{BUSY_TRIES, patiently};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime, TransportConfig, VarInt,
};
use samar_local::exit::Failure;
use samar_local::socket;
use samar_protocol::wire::{RefusalCode, SERVER_NAME};

/// How long one address has to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is dead.
const IDLE_TIMEOUT_MS: u32 = 30_000;
/// How often a quiet connection shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long the goodbye has to leave when a connection is closed, and how often it is looked whether it has.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const CLOSE_LOOK: Duration = Duration::from_millis(1);

/// A connection to the operator's server, or whatever else its streams come from.
pub struct Link<S = Quic> {
    address: String,
    streams: S,
}

/// A QUIC connection, and how to make another like it.
pub struct Quic {
    endpoint: Endpoint,
    socket: SocketAddr,
    config: quinn::ClientConfig,
    line: Mutex<Line>,
    /// Held by whoever makes another connection: those who were turned away together share the next one.
    renewing: tokio::sync::Mutex<()>,
}

/// The connection there is.
struct Line {
    connection: Connection,
    /// What those before it have carried.
    before: Traffic,
}

/// Bytes a connection has carried, headers and retransmissions included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Link {
    /// Connects to `host:port`, trying every address that the name has, and again where the server has no seat free. `gso` has
    /// the network card cut what is sent into packets.
    ///
    /// # Errors
    /// [`LinkError`]: nobody there, a server that the pinned authority does not vouch for, one that does not take
    /// this bank's certificate, or has no seat free for long.
    pub async fn connect(address: &str, tls: rustls::ClientConfig, gso: bool) -> Result<Self, LinkError> {
        Self::connect_by(address, tls, gso, BUSY_TRIES).await
    }

    /// The same, of a server that has a seat: one that has none is not called again.
    ///
    /// # Errors
    /// As [`Link::connect`].
    pub(crate) async fn connect_once(
        address: &str,
        tls: rustls::ClientConfig,
        gso: bool,
    ) -> Result<Self, LinkError> {
        Self::connect_by(address, tls, gso, 1).await
    }

    async fn connect_by(
        address: &str,
        tls: rustls::ClientConfig,
        gso: bool,
        tries: u32,
    ) -> Result<Self, LinkError> {
        let away = |reason: String| LinkError::Away { address: address.to_owned(), reason };
        let crypto = QuicClientConfig::try_from(tls).map_err(|error| away(error.to_string()))?;
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport(gso)));

        let resolved = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host(address)).await;
        let addresses: Vec<SocketAddr> = match resolved {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(away(format!("cannot look up the name: {error}"))),
            Err(_) => return Err(away("looking up the name took too long".to_owned())),
        };
        let mut last = away("the name has no address".to_owned());
        for socket in addresses {
            match patiently(tries, |_| Self::connect_to(address, socket, config.clone())).await {
                Ok(link) => return Ok(link),
                // Another address cannot mend what a server of this operator said.
                Err(error @ (LinkError::Lied { .. } | LinkError::Refused { .. })) => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect_to(
        address: &str,
        socket: SocketAddr,
        config: quinn::ClientConfig,
    ) -> Result<Self, LinkError> {
        let unspecified: IpAddr = match socket {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let endpoint = endpoint((unspecified, 0).into()).map_err(|error| LinkError::away(address, error))?;
        let connection = dial(&endpoint, address, socket, config.clone()).await?;
        let line = Mutex::new(Line { connection, before: Traffic::default() });
        let streams = Quic { endpoint, socket, config, line, renewing: tokio::sync::Mutex::default() };
        Ok(Self { address: address.to_owned(), streams })
    }

    /// What this link has carried so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.streams.line().traffic()
    }

    /// Says goodbye, so that the server need not wait for the connection to time out.
    ///
    /// It ends once that has left. The three timeouts for which a closed connection lingers are there to answer late packets, and
    /// who closes the socket need not wait for them (RFC 9000, section 10.2): some 100 ms of every command.
    pub async fn close(self) {
        let connection = self.streams.connection();
        if connection.close_reason().is_some() {
            return; // there is nobody to say it to
        }
        connection.close(VarInt::from_u32(0), b"");
        // A closed connection sends nothing else.
        let before = connection.stats().udp_tx.datagrams;
        let said = async {
            while connection.stats().udp_tx.datagrams == before {
                tokio::time::sleep(CLOSE_LOOK).await;
            }
        };
        let either = async {
            tokio::select! {
                () = said => {}
                () = self.streams.endpoint.wait_idle() => {} // it had left before it was looked
            }
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, either).await;
    }
}

impl<S> Link<S> {
    /// A link over streams of any other origin; `address` is what messages call it.
    pub fn over(address: impl Into<String>, streams: S) -> Self {
        Self { address: address.into(), streams }
    }

    /// The server, as it was named.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Quic {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> Connection {
        self.line().connection.clone()
    }
}

impl Line {
    fn traffic(&self) -> Traffic {
        let stats = self.connection.stats();
        Traffic {
            sent: self.before.sent + stats.udp_tx.bytes,
            received: self.before.received + stats.udp_rx.bytes,
        }
    }
}

impl Streams for Quic {
    type Send = SendStream;
    type Receive = RecvStream;

    async fn open(&self) -> io::Result<(SendStream, RecvStream)> {
        Ok(self.connection().open_bi().await?)
    }

    async fn renew(&self, address: &str) -> Result<(), LinkError> {
        let _one = self.renewing.lock().await;
        let turned_away =
            self.connection().close_reason().map(|end| LinkError::from_connection(address, &end));
        if turned_away.and_then(|error| error.refusal_code()) != Some(RefusalCode::Busy) {
            return Ok(()); // it is there, or ended in a way that another cannot mend
        }
        let connection = dial(&self.endpoint, address, self.socket, self.config.clone()).await?;
        let mut line = self.line();
        *line = Line { connection, before: line.traffic() };
        Ok(())
    }
}

/// A socket from which connections are made.
fn endpoint(address: SocketAddr) -> io::Result<Endpoint> {
    let socket = socket::bind(address)?;
    Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))
}

/// Makes a connection.
async fn dial(
    endpoint: &Endpoint,
    address: &str,
    socket: SocketAddr,
    config: quinn::ClientConfig,
) -> Result<Connection, LinkError> {
    let connecting = endpoint.connect_with(config, socket, SERVER_NAME);
    let connecting = connecting.map_err(|error| LinkError::away(address, error))?;
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(LinkError::from_connection(address, &error)),
        Err(_) => {
            let seconds = CONNECT_TIMEOUT.as_secs();
            Err(LinkError::away(address, format!("no answer within {seconds} s (is UDP let through to it?)")))
        }
    }
}

/// A server opens no stream towards a bank.
fn transport(gso: bool) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_TIMEOUT_MS).into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .enable_segmentation_offload(gso)
        .datagram_receive_buffer_size(None);
    transport
}

impl<S> std::fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link(to {})", self.address)
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        error.into_failure()
    }
}
