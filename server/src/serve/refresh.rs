//! Taking up what was published, and letting go of a key whose time is over, while serving.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use samar_local::exit::Failure;

use super::keyring::Keyring;
use super::state::State;
use crate::keys;
use crate::published::{self, Published};
use crate::rotate;

impl State {
    /// Whether a manifest after that which is served stands on the disk, and no request was told so before.
    pub(super) fn may_be_newer(&self) -> bool {
        let next = self.next_epoch();
        self.asked_of.load(Ordering::Relaxed) < next && self.layout.manifest(next).exists()
    }

    fn next_epoch(&self) -> u64 {
        self.published().map_or(0, |published| published.newest().manifest().epoch) + 1
    }

    /// Takes up what is new because a request asks: once for each epoch, so that one which cannot be served is not opened again and
    /// again for whoever asks. Those who ask meanwhile wait for it.
    pub(super) fn refresh_for_request(&self) {
        let _turn = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.may_be_newer() {
            let next = self.next_epoch();
            self.refresh_or_say();
            self.asked_of.store(next, Ordering::Relaxed);
        }
    }

    /// Takes up what is new because it is time to look.
    pub(super) fn refresh_in_time(&self) {
        let _turn = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh_or_say();
    }

    /// A publication that cannot be served is said, and the old one goes on being served.
    fn refresh_or_say(&self) {
        if let Err(failure) = self.refresh() {
            tracing::error!(%failure, "the newest publication cannot be served");
        }
    }

    /// Takes up a newer epoch and its keys, if there is one, and lets go of a key whose grace is over. Requests under way keep those
    /// that they began with.
    fn refresh(&self) -> Result<(), Failure> {
        let current = self.published().map_or(0, |published| published.newest().manifest().epoch);
        if published::newest_epoch(&self.layout)? > current {
            let newest = Published::open(&self.layout)?;
            let manifest = newest.as_ref().map(|published| published.newest().manifest());
            let epoch = manifest.map_or(0, |manifest| manifest.epoch);
            // The keys first: under a manifest that can be seen, its key is there.
            self.set_keys(Keyring::open(&self.layout, manifest, self.now_s())?);
            *self.published.write().unwrap_or_else(PoisonError::into_inner) = newest;
            self.measure_published();
            tracing::info!(epoch, "serving");
        }
        self.end_grace()
    }

    /// Lets go of the key before once its time is over or its file is gone, and destroys that.
    fn end_grace(&self) -> Result<(), Failure> {
        if self.clock.jumped_s().is_some() {
            return Ok(()); // by a clock that is wrong nothing is destroyed
        }
        if let Some(key) = rotate::finish_if_over(&self.layout)? {
            tracing::info!(%key, "the OPRF key of before is destroyed: its grace is over");
        }
        let keys = self.keys();
        let is_served = keys
            .rotation(self.now_s())
            .is_some_and(|rotation| keys::has_oprf_of(&self.layout, rotation.previous.id()).unwrap_or(true));
        if keys.has_previous() && !is_served {
            let newest = self.published();
            let manifest = newest.as_ref().map(|published| published.newest().manifest());
            self.set_keys(Keyring::open(&self.layout, manifest, self.now_s())?);
            tracing::info!("the OPRF key of before is served no more");
        }
        Ok(())
    }
}
