//! `serve`: QUIC in front, a bounded pool behind, the account log beside.

mod admission;
mod answer;
mod compute;
mod connection;
mod exchange;
pub mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quinn::{Endpoint, IdleTimeout, Incoming, TransportConfig, VarInt};
use samar_local::exit::Failure;
use samar_local::folder::{self, Lock};
use samar_protocol::group::Backend;
use samar_protocol::oprf::SecretKey;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::accounts::{Accounts, Registry};
use crate::config::Config;
use crate::keys;
use crate::layout::Layout;
use crate::pki::Authority;
use crate::published::{self, Published};
use admission::{Memory, Seats};
use compute::Compute;

/// How often the folder is looked at for a newer manifest.
const PUBLISHED_POLL: Duration = Duration::from_secs(2);
/// How long streams may go on after a drain began, before the process ends anyway.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// What a peer is told to wait where there was no room in memory.
const RETRY_AFTER_MS: u32 = 2_000;
/// Streams a connection may have open.
const STREAMS: u32 = 16;
/// Bytes a peer may send on a stream before the server reads: small, so that many slow peers stay cheap.
const STREAM_WINDOW: u32 = 128 * 1024;
/// Bytes sent to a peer and not yet acknowledged, a connection.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;

/// What every connection shares.
struct State {
    layout: Layout,
    config: Config,
    backend: Backend,
    oprf: SecretKey,
    authority: Authority,
    registry: Registry,
    accounts: Accounts,
    compute: Compute,
    memory: Memory,
    seats: Seats,
    published: RwLock<Option<Arc<Published>>>,
    drain: watch::Sender<bool>,
}

impl State {
    fn now_s(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.config.limits.deadline_s.into())
    }

    fn published(&self) -> Option<Arc<Published>> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn draining(&self) -> watch::Receiver<bool> {
        self.drain.subscribe()
    }

    /// Takes up a newer epoch, if there is one. Requests under way keep the one they began with.
    fn refresh(&self) -> Result<(), Failure> {
        let current = self.published().map_or(0, |published| published.newest().manifest().epoch);
        if published::newest_epoch(&self.layout)? > current {
            let newest = Published::open(&self.layout)?;
            let epoch = newest.as_ref().map_or(0, |published| published.newest().manifest().epoch);
            *self.published.write().unwrap_or_else(PoisonError::into_inner) = newest;
            tracing::info!(epoch, "serving");
        }
        Ok(())
    }
}

/// A server that is listening. Dropped, it stops at once; [`Server::run`] stops it in order.
pub struct Server {
    state: Arc<State>,
    endpoint: Endpoint,
    _lock: Lock,
}

impl Server {
    /// Opens everything a server needs, and listens. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// A folder that was not initialised or is served already, a key file with a wrong mode, a damaged file, a port in
    /// use.
    pub fn start(layout: &Layout, backend: Backend) -> Result<Self, Failure> {
        let config = Config::read(&layout.config())?;
        let lock = folder::lock(layout.root(), "serve")?;
        let tls = tls::quic_config(layout, config.key_exchange)?;
        let accounts = Accounts::open(&layout.account_log())?;
        let state = Arc::new(State {
            backend,
            oprf: keys::read_oprf(&layout.oprf_key())?,
            authority: Authority::load(layout)?,
            registry: Registry::new(layout),
            accounts,
            compute: Compute::new(None)?,
            memory: Memory::new(config.limits.memory_mib),
            seats: Seats::new(config.limits.connections_per_bank),
            published: RwLock::new(Published::open(layout)?),
            drain: watch::Sender::new(false),
            layout: layout.clone(),
            config,
        });
        let mut server = quinn::ServerConfig::with_crypto(Arc::new(tls));
        server.transport_config(Arc::new(transport(state.deadline())));
        let listen = state.config.listen;
        let endpoint = Endpoint::server(server, listen).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Failure::local(format!("{listen} is in use by another program"))
                .remedy("stop that program, or change `listen` in samar-server.toml"),
            _ => Failure::local(format!("cannot listen on {listen}: {error}")),
        })?;
        Ok(Self { state, endpoint, _lock: lock })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        self.endpoint.local_addr().map_err(|error| Failure::local(format!("no local address: {error}")))
    }

    /// Serves until `stop` resolves, then drains: requests under way are answered, new ones are not taken.
    ///
    /// # Errors
    /// The account log cannot be written: the server stops rather than answer what it cannot charge.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let Self { state, endpoint, _lock } = self;
        let mut failed = state.accounts.failed();
        let mut connections = JoinSet::new();
        let mut poll = tokio::time::interval(PUBLISHED_POLL);
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
                    // A damaged publication is said and the old one goes on being served.
                    tokio::task::spawn_blocking(move || {
                        if let Err(failure) = state.refresh() {
                            tracing::error!(%failure, "the newest publication cannot be served");
                        }
                    });
                }
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
        outcome
    }
}

fn admit(state: &Arc<State>, incoming: Incoming, open: usize, connections: &mut JoinSet<()>) {
    let limits = &state.config.limits;
    if open >= limits.connections as usize {
        return incoming.refuse();
    }
    let handshakes = state.seats.handshakes();
    if handshakes >= limits.retry_from as usize && !incoming.remote_address_validated() {
        // The address must show that it is where it says, at no cost here. It fails only for one that did already.
        let _ = incoming.retry();
        return;
    }
    let (state, handshake) = (Arc::clone(state), state.seats.handshake());
    connections.spawn(async move {
        let Ok(connecting) = incoming.accept() else { return };
        let connected = tokio::time::timeout(state.deadline(), connecting).await;
        drop(handshake);
        match connected {
            Ok(Ok(connection)) => connection::serve(state, connection).await,
            Ok(Err(error)) => tracing::debug!(%error, "handshake failed"),
            Err(_) => tracing::debug!("handshake too slow"),
        }
    });
}

fn transport(deadline: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STREAM_WINDOW * STREAMS))
        .send_window(SEND_WINDOW)
        .max_idle_timeout(IdleTimeout::try_from(deadline).ok());
    transport
}

/// Resolves when the value turns `true`, or its sender is gone.
async fn is_true(value: &mut watch::Receiver<bool>) {
    let _ = value.wait_for(|value| *value).await;
}
