//! The keys that are served: that of the newest manifest and, while a rotation's grace lasts, the one before and their ratio.
//!
//! A keyring is immutable. A request keeps the one that it found its key in, so that a batch is answered under one key whatever is
//! published meanwhile.

use std::sync::Arc;

use samar_local::exit::Failure;
use samar_protocol::manifest::{Manifest, Rotation};
use samar_protocol::oprf::{BlindedBatch, Evaluation, KeyId, KeyRatio, SecretKey};

use crate::keys;
use crate::layout::Layout;

/// A secret on a page of its own, kept from the swap as far as the system allows: locks of memory count pages, and do not add up.
struct Held<T> {
    secret: Box<Page<T>>,
    _in_memory: Option<region::LockGuard>,
}

#[repr(C, align(4096))]
struct Page<T>(T);

impl<T> Held<T> {
    fn new(secret: T) -> Self {
        let secret = Box::new(Page(secret));
        let in_memory = region::lock(&raw const *secret, size_of::<Page<T>>());
        if let Err(error) = &in_memory {
            tracing::warn!(%error, "the key's memory cannot be kept from the swap; raise the limit of locked memory");
        }
        Self { secret, _in_memory: in_memory.ok() }
    }

    fn get(&self) -> &T {
        &self.secret.0
    }
}

/// The keys that are served.
pub(super) struct Keyring {
    current: Held<SecretKey>,
    previous: Option<Previous>,
}

struct Previous {
    key: Held<SecretKey>,
    ratio: Held<KeyRatio>,
    rotation: Rotation,
}

/// What a batch is answered with.
pub(super) struct UnderKey {
    keys: Arc<Keyring>,
    which: Which,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Current,
    Previous,
    Ratio,
}

impl Keyring {
    /// The keys that a manifest names; the present one where there is none.
    ///
    /// # Errors
    /// A missing or damaged key file. One of before that is gone is not served, and no error.
    pub(super) fn open(layout: &Layout, manifest: Option<&Manifest>, now_s: u64) -> Result<Self, Failure> {
        let Some(manifest) = manifest else {
            return Ok(Self { current: Held::new(keys::oprf(layout)?), previous: None });
        };
        let (id, epoch) = (manifest.key_id(), manifest.epoch);
        let missing = || {
            Failure::local(format!("{} has no key {id}, which epoch {epoch} names", layout.keys().display()))
                .remedy("restore keys/ from its backup")
        };
        let current = keys::oprf_of(layout, id)?.ok_or_else(missing)?;
        let open = manifest.rotation().filter(|rotation| rotation.is_open(now_s));
        let previous = match open {
            Some(rotation) => keys::oprf_of(layout, rotation.previous.id())?.map(|key| Previous {
                ratio: Held::new(KeyRatio::between(&key, &current)),
                key: Held::new(key),
                rotation,
            }),
            None => None,
        };
        Ok(Self { current: Held::new(current), previous })
    }

    /// Whether the key before is served at this time, and how long.
    pub(super) fn rotation(&self, now_s: u64) -> Option<&Rotation> {
        self.open_at(now_s).map(|previous| &previous.rotation)
    }

    /// Whether it holds a key before, served or not.
    pub(super) fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    /// What evaluates under the key of this id.
    pub(super) fn evaluating(self: &Arc<Self>, id: KeyId, now_s: u64) -> Option<UnderKey> {
        let which = if id == self.current.get().public().id() {
            Which::Current
        } else {
            self.open_at(now_s).filter(|previous| previous.rotation.previous.id() == id)?;
            Which::Previous
        };
        Some(UnderKey { keys: Arc::clone(self), which })
    }

    /// What rekeys from one key to the other.
    pub(super) fn rekeying(self: &Arc<Self>, from: KeyId, to: KeyId, now_s: u64) -> Option<UnderKey> {
        let ratio = self.open_at(now_s)?.ratio.get();
        let is_ours = ratio.from().id() == from && ratio.to().id() == to;
        is_ours.then(|| UnderKey { keys: Arc::clone(self), which: Which::Ratio })
    }

    fn open_at(&self, now_s: u64) -> Option<&Previous> {
        self.previous.as_ref().filter(|previous| previous.rotation.is_open(now_s))
    }
}

impl UnderKey {
    /// Whether it rekeys rather than evaluates.
    pub(super) fn rekeys(&self) -> bool {
        self.which == Which::Ratio
    }

    /// The answer to a batch, with its proof.
    pub(super) fn answer(&self, batch: &BlindedBatch) -> Evaluation {
        let (keys, mut rng) = (&self.keys, rand::rng());
        match (self.which, &keys.previous) {
            (Which::Previous, Some(previous)) => previous.key.get().evaluate(batch, &mut rng),
            (Which::Ratio, Some(previous)) => previous.ratio.get().rekey(batch, &mut rng),
            // The other two are made only of a keyring that has a key before.
            (Which::Current | Which::Previous | Which::Ratio, _) => {
                keys.current.get().evaluate(batch, &mut rng)
            }
        }
    }
}
