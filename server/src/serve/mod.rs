//! `serve`: QUIC in front, a bounded pool behind, the account log beside.

mod admission;
mod answer;
mod clock;
mod compute;
mod connection;
mod exchange;
mod keyring;
mod lookup;
mod metrics;
mod observe;
mod range;
mod refresh;
mod reload;
mod state;
pub mod tls;

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use quinn::{Endpoint, EndpointConfig, IdleTimeout, Incoming, TokioRuntime, TransportConfig, VarInt};
use samar_local::exit::Failure;
use samar_local::folder::{self, Lock};
use samar_local::people::now_s;
use samar_local::socket;
use samar_protocol::group::Backend;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::accounts::{Accounts, Registry};
use crate::config::Config;
use crate::layout::Layout;
use crate::pki::{self, Authority};
use crate::published::Published;
use admission::{Memory, Seats};
use clock::Clock;
use compute::Compute;
pub use connection::Peer;
pub use exchange::{RequestHalf, ResponseHalf};
use keyring::Keyring;
use lookup::Lookups;
use metrics::Metrics;
pub use reload::Reload;
use state::State;

/// How often the folder is looked at for a newer manifest.
const PUBLISHED_POLL: Duration = Duration::from_secs(2);
/// How often it is looked what runs out soon.
const EXPIRY_POLL: Duration = Duration::from_secs(86_400);
/// Days before its end from which on a certificate is warned of, the server's and each bank's.
const EXPIRY_WARNED_DAYS: u64 = 30;
/// The same of the manifest, which is renewed by publishing.
const MANIFEST_WARNED_DAYS: u64 = 7;
/// How often it is looked whether the account log has outgrown its checkpoint.
const CHECKPOINT_POLL: Duration = Duration::from_secs(60);
/// Records of the account log from which on it has: a start reads so many in a second.
const CHECKPOINT_RECORDS: u64 = 100_000;
/// How long streams may go on after a drain began, before the process ends anyway.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// What a peer is told to wait where there was no room in memory.
const RETRY_AFTER_MS: u32 = 2_000;
/// Streams a connection may have open.
const STREAMS: u32 = 16;
/// Bytes a peer may send on a stream before the server reads: small, so that many slow peers stay cheap.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The same over all streams of a connection, for whoever is no bank: one request of theirs is far smaller.
const STRANGER_WINDOW: u32 = STREAM_WINDOW;
/// The same for a bank. Less than all its streams together would let those that wait starve those that are read.
const BANK_WINDOW: u32 = STREAM_WINDOW * STREAMS;
/// Bytes of connections that are not taken yet, all together.
const INCOMING_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes sent to a peer and not yet acknowledged, a connection.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;

/// A server without its network: what a request comes to, wherever its bytes come from.
pub struct Service {
    state: Arc<State>,
    _lock: Lock,
}

impl Service {
    /// Opens everything that a server needs but a port. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// A folder that was not initialised or is served already, a key file with a wrong mode, a damaged file, a clock that stands far
    /// from what was recorded by it before.
    pub fn open(layout: &Layout, backend: Backend) -> Result<Self, Failure> {
        let config = Config::read(&layout.config())?;
        let lock = folder::lock(layout.root(), "serve")?;
        let accounts = Accounts::open(&layout.account_log())?;
        let published = Published::open(layout)?;
        let manifest = published.as_ref().map(|published| published.newest().manifest());
        crate::clock::check(&config, accounts.newest_day(), manifest, now_s())?;
        let keys = Keyring::open(layout, manifest, now_s())?;
        let state = Arc::new(State {
            backend,
            keys: RwLock::new(Arc::new(keys)),
            authority: Authority::load(layout)?,
            registry: Registry::new(layout),
            accounts,
            clock: Clock::start(),
            compute: Compute::new(None)?,
            lookups: Lookups::default(),
            memory: Memory::new(config.limits.memory_mib),
            seats: Seats::new(config.limits.connections_per_bank),
            published: RwLock::new(published),
            refreshing: Mutex::default(),
            asked_of: AtomicU64::new(0),
            drain: watch::Sender::new(false),
            metrics: Metrics::new(backend),
            layout: layout.clone(),
            config: RwLock::new(Arc::new(config)),
        });
        state.measure_published();
        Ok(Self { state, _lock: lock })
    }

    /// One exchange: reads a request and answers it, or refuses it. Resolves when the peer has the answer or is gone.
    pub async fn exchange(&self, peer: Peer, send: impl ResponseHalf, recv: impl RequestHalf) {
        connection::one_stream(Arc::clone(&self.state), Arc::new(peer), send, recv).await;
    }
}

/// A server that is listening. Dropped, it stops at once; [`Server::run`] stops it in order.
pub struct Server {
    service: Service,
    endpoint: Endpoint,
    observer: Option<TcpListener>,
}

impl Server {
    /// Opens everything a server needs, and listens. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// As [`Service::open`], a missing or damaged certificate, a port in use.
    pub fn start(layout: &Layout, backend: Backend) -> Result<Self, Failure> {
        let service = Service::open(layout, backend)?;
        let config = service.state.config();
        let server = quic(layout, &config)?;
        service.state.metrics.certificate_expiry.set(pki::server_certificate_end_s(layout)?);
        let listen = config.listen;
        let socket = socket::bind(listen).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Failure::local(format!("{listen} is in use by another program"))
                .remedy("stop that program, or change `listen` in samar-server.toml"),
            _ => Failure::local(format!("cannot listen on {listen}: {error}")),
        })?;
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(server), socket, Arc::new(TokioRuntime))
            .map_err(|error| Failure::local(format!("cannot listen on {listen}: {error}")))?;
        let observer = config.metrics.map(observe::listen).transpose()?;
        Ok(Self { service, endpoint, observer })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        self.endpoint.local_addr().map_err(|error| Failure::local(format!("no local address: {error}")))
    }

    /// What makes the running server read its configuration and certificates anew.
    #[must_use]
    pub fn reload(&self) -> Reload {
        Reload::new(Arc::clone(&self.service.state), self.endpoint.clone())
    }

    /// Serves until `stop` resolves, then drains: requests under way are answered, new ones are not taken.
    ///
    /// # Errors
    /// The account log cannot be written: the server stops rather than answer what it cannot charge.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let Self { service: Service { state, _lock }, endpoint, observer } = self;
        let mut failed = state.accounts.failed();
        let mut connections = JoinSet::new();
        let mut observers = JoinSet::new();
        if let Some(listener) = observer {
            observers.spawn(observe::serve(Arc::clone(&state), listener));
        }
        let mut expiry = tokio::time::interval(EXPIRY_POLL);
        let mut poll = tokio::time::interval(PUBLISHED_POLL);
        let mut checkpoint = tokio::time::interval(CHECKPOINT_POLL);
        tokio::pin!(stop);
        let outcome = loop {
            tokio::select! {
                () = &mut stop => break Ok(()),
                () = is_true(&mut failed) => {
                    let path = state.layout.account_log();
                    let what = format!("{} cannot be written", path.display());
                    break Err(Failure::local(what).remedy("see the log for the cause, mend it, then start again"));
                }
                _ = poll.tick() => {
                    let state = Arc::clone(&state);
                    tokio::task::spawn_blocking(move || state.refresh_in_time());
                }
                _ = checkpoint.tick() => drop(write_checkpoint(&state, CHECKPOINT_RECORDS)),
                _ = expiry.tick() => warn_of_expiry(&state),
                Some(_) = connections.join_next() => {}
                Some(incoming) = endpoint.accept() => {
                    admit(&state, incoming, endpoint.open_connections(), &mut connections);
                }
            }
        };
        tracing::info!(connections = connections.len(), "draining");
        state.drain.send_replace(true);
        let drained = async {
            loop {
                tokio::select! {
                    ended = connections.join_next() => if ended.is_none() { break },
                    // Told at once, where silence would keep a bank waiting until it gives up.
                    Some(incoming) = endpoint.accept() => incoming.refuse(),
                }
            }
        };
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        endpoint.close(VarInt::from_u32(0), b"stopped");
        endpoint.wait_idle().await;
        if outcome.is_ok() {
            let _ = write_checkpoint(&state, 1).await;
        }
        outcome
    }
}

/// Writes a checkpoint of the account log, if it has so many new records, beside everything else. Without one a start takes
/// longer, and nothing else is lost.
fn write_checkpoint(state: &Arc<State>, records: u64) -> JoinHandle<()> {
    let state = Arc::clone(state);
    tokio::task::spawn_blocking(move || {
        if let Err(failure) = state.accounts.checkpoint(records) {
            tracing::warn!(%failure, "no checkpoint of the account log could be written");
        }
    })
}

fn admit(state: &Arc<State>, incoming: Incoming, open: usize, connections: &mut JoinSet<()>) {
    let limits = state.config().limits;
    if open >= limits.connections as usize {
        state.metrics.turned_away.inc();
        return incoming.refuse();
    }
    let handshakes = state.seats.handshakes();
    if handshakes >= limits.retry_from as usize && !incoming.remote_address_validated() {
        // The address must show that it is where it says, at no cost here. It fails only for one that did already.
        let _ = incoming.retry();
        return;
    }
    let (address, proven) = (incoming.remote_address().ip(), incoming.remote_address_validated());
    let Some(seat) = state.seats.take_at(address, proven, limits.connections_per_address) else {
        if proven {
            state.metrics.turned_away.inc();
            return incoming.refuse();
        }
        // Whoever uses up the seats of an address that is not its own keeps nobody out who can show that it is his.
        let _ = incoming.retry();
        return;
    };
    let (state, handshake) = (Arc::clone(state), state.seats.handshake());
    connections.spawn(async move {
        let Ok(connecting) = incoming.accept() else {
            state.metrics.handshakes_failed.inc();
            return;
        };
        let connected = tokio::time::timeout(state.deadline(), connecting).await;
        drop((handshake, seat));
        match connected {
            Ok(Ok(connection)) => connection::serve(state, connection).await,
            Ok(Err(error)) => {
                state.metrics.handshakes_failed.inc();
                tracing::debug!(%error, "handshake failed");
            }
            Err(_) => {
                state.metrics.handshakes_failed.inc();
                tracing::debug!("handshake too slow");
            }
        }
    });
}

/// QUIC as it is configured now, with the certificate that stands in the folder now.
fn quic(layout: &Layout, config: &Config) -> Result<quinn::ServerConfig, Failure> {
    let tls = tls::quic_config(layout, config.key_exchange)?;
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(tls));
    let deadline = Duration::from_secs(config.limits.deadline_s.into());
    server.transport_config(Arc::new(transport(deadline, config.gso)));
    server.incoming_buffer_size(u64::from(STREAM_WINDOW)).incoming_buffer_size_total(INCOMING_BYTES);
    Ok(server)
}

/// Says what runs out within weeks, and what helps.
fn warn_of_expiry(state: &State) {
    let days_left = |end_s: u64| end_s.saturating_sub(state.now_s()) / 86_400;
    let certificate = days_left(state.metrics.certificate_expiry.get());
    if certificate < EXPIRY_WARNED_DAYS {
        let remedy = "samar-server renew, then SIGHUP";
        tracing::warn!(days = certificate, remedy, "the server's certificate runs out");
    }
    let manifest = days_left(state.metrics.manifest_expiry.get());
    if state.metrics.epoch.get() > 0 && manifest < MANIFEST_WARNED_DAYS {
        tracing::warn!(days = manifest, remedy = "samar-server publish", "the manifest runs out");
    }
}

fn transport(deadline: Duration, gso: bool) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .send_window(SEND_WINDOW)
        .enable_segmentation_offload(gso)
        .max_idle_timeout(IdleTimeout::try_from(deadline).ok());
    transport
}

/// Resolves when the value turns `true`, or its sender is gone.
async fn is_true(value: &mut watch::Receiver<bool>) {
    let _ = value.wait_for(|value| *value).await;
}
