//! What every connection shares: the folder's keys and newest publication, and the bounds on work.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use samar_local::people::now_s;
use samar_protocol::group::Backend;
use tokio::sync::watch;

use super::admission::{Memory, Seats};
use super::clock::Clock;
use super::compute::Compute;
use super::keyring::Keyring;
use super::lookup::Lookups;
use super::metrics::Metrics;
use crate::accounts::{Accounts, Registry};
use crate::config::Config;
use crate::layout::Layout;
use crate::pki::Authority;
use crate::published::Published;

/// What every connection shares.
pub(super) struct State {
    pub(super) layout: Layout,
    pub(super) config: RwLock<Arc<Config>>,
    pub(super) backend: Backend,
    pub(super) keys: RwLock<Arc<Keyring>>,
    pub(super) authority: Authority,
    pub(super) registry: Registry,
    pub(super) accounts: Accounts,
    pub(super) clock: Clock,
    pub(super) compute: Compute,
    pub(super) lookups: Lookups,
    pub(super) memory: Memory,
    pub(super) seats: Seats,
    pub(super) published: RwLock<Option<Arc<Published>>>,
    /// Held while a newer epoch is taken up, so that none is put in the place of a newer one.
    pub(super) refreshing: Mutex<()>,
    /// The newest epoch that was looked for because of a request.
    pub(super) asked_of: AtomicU64,
    pub(super) drain: watch::Sender<bool>,
    pub(super) metrics: Metrics,
}

impl State {
    pub(super) fn now_s(&self) -> u64 {
        now_s()
    }

    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(self.config().limits.deadline_s.into())
    }

    /// The configuration as it was last read.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn published(&self) -> Option<Arc<Published>> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys that are served.
    pub(super) fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.drain.subscribe()
    }

    /// Why a bank cannot be served at present; `None` if it can.
    pub(super) fn not_ready(&self) -> Option<&'static str> {
        match self.published() {
            _ if *self.drain.borrow() => Some("the server is going down"),
            None => Some("nothing is published"),
            Some(published) if published.newest().manifest().valid_until_s < self.now_s() => {
                Some("the manifest has run out: run `samar-server publish`")
            }
            Some(_) => None,
        }
    }

    /// Sets what the metrics say of the published set.
    pub(super) fn measure_published(&self) {
        let newest = self.published();
        let manifest = newest.as_ref().map(|published| published.newest().manifest());
        self.metrics.epoch.set(manifest.map_or(0, |manifest| manifest.epoch));
        self.metrics.manifest_expiry.set(manifest.map_or(0, |manifest| manifest.valid_until_s));
    }

    pub(super) fn set_keys(&self, keys: Keyring) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}
