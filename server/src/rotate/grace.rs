//! The time after a rotation in which the old key is served beside the new one, and its end: the old key is destroyed, and the
//! ratio with it, which nobody can make again without it.

use samar_local::exit::Failure;
use samar_local::folder;
use samar_local::people::{now_s, time};
use samar_protocol::manifest::Rotation;
use samar_protocol::oprf::KeyId;

use super::settle;
use crate::config::Config;
use crate::keys;
use crate::layout::Layout;
use crate::published;

/// Where a folder stands in a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In none: there is one key.
    None,
    /// A new key is there, and not published yet.
    Begun,
    /// It is published; the key before is served beside it.
    Grace {
        /// The key before.
        previous: KeyId,
        /// Until when, seconds since 1970 UTC.
        until_s: u64,
    },
    /// The same, but its time is over, and it is still there.
    Over {
        /// The key before.
        previous: KeyId,
    },
}

/// What came of ending a grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The key that was destroyed.
    pub previous: KeyId,
    /// Until when banks were told that it is served, where that is to come.
    pub told_until_s: Option<u64>,
}

/// Where a folder stands in a rotation.
///
/// # Errors
/// A damaged key file or manifest.
pub fn state(layout: &Layout) -> Result<State, Failure> {
    if layout.next_oprf_key().exists() {
        return Ok(State::Begun);
    }
    let Some(key) = keys::oprf_public_at(&layout.previous_oprf_key())? else { return Ok(State::None) };
    let previous = key.id();
    match told(layout)?.filter(|rotation| rotation.previous == key) {
        Some(rotation) if rotation.is_open(now_s()) => {
            Ok(State::Grace { previous, until_s: rotation.until_s })
        }
        _ => Ok(State::Over { previous }),
    }
}

/// The rotation that the next manifest is to tell of: that of the newest, for as long as the key before is there and its time is not
/// over.
pub(crate) fn to_be_told(layout: &Layout) -> Result<Option<Rotation>, Failure> {
    match state(layout)? {
        State::Grace { .. } => told(layout),
        State::None | State::Begun | State::Over { .. } => Ok(None),
    }
}

/// The rotation that the newest manifest tells of.
fn told(layout: &Layout) -> Result<Option<Rotation>, Failure> {
    match published::newest_epoch(layout)? {
        0 => Ok(None),
        epoch => Ok(published::read_manifest(layout, epoch)?.manifest().rotation()),
    }
}

/// Ends the grace now: destroys the key before, whether its time is over or not.
///
/// # Errors
/// A rotation that is not published yet, or none at all; the file system.
pub fn finish(layout: &Layout) -> Result<Finished, Failure> {
    Config::read(&layout.config())?; // says so where the folder was never initialised
    let _lock = folder::lock(layout.root(), "vault")?;
    settle::end_published(layout)?;
    let finished = match state(layout)? {
        State::None => return Err(Failure::input("there is no key of before: nothing is to be finished")),
        State::Begun => {
            return Err(Failure::input("a rotation of the OPRF key was begun and is not published yet")
                .remedy("run `samar-server rotate-key` again: it goes on from there"));
        }
        State::Grace { previous, until_s } => Finished { previous, told_until_s: Some(until_s) },
        State::Over { previous } => Finished { previous, told_until_s: None },
    };
    destroy_previous(layout)?;
    Ok(finished)
}

/// Destroys the key before if its time is over, unless another run is working on the vault; which key it was.
///
/// # Errors
/// A damaged key file or manifest; the file system.
pub fn finish_if_over(layout: &Layout) -> Result<Option<KeyId>, Failure> {
    if !layout.previous_oprf_key().exists() {
        return Ok(None);
    }
    let Ok(_lock) = folder::lock(layout.root(), "vault") else { return Ok(None) };
    match state(layout)? {
        State::Over { previous } => destroy_previous(layout).map(|()| Some(previous)),
        State::None | State::Begun | State::Grace { .. } => Ok(None),
    }
}

/// The same for whoever holds the vault's lock.
pub(super) fn destroy_if_over(layout: &Layout) -> Result<(), Failure> {
    match state(layout)? {
        State::Over { .. } => destroy_previous(layout),
        State::None | State::Begun | State::Grace { .. } => Ok(()),
    }
}

/// Refuses a rotation while the key before the present one is still served: only two keys are, at a time.
pub(super) fn require_over(layout: &Layout) -> Result<(), Failure> {
    destroy_if_over(layout)?;
    match state(layout)? {
        State::Grace { previous, until_s } => {
            let what =
                format!("the key before the present one, {previous}, is served until {}", time(until_s));
            Err(Failure::input(what)
                .remedy("wait until then, or end it now with `samar-server rotate-key --finish`"))
        }
        State::None | State::Begun | State::Over { .. } => Ok(()),
    }
}

/// Destroys the key before.
fn destroy_previous(layout: &Layout) -> Result<(), Failure> {
    keys::destroy(&layout.previous_oprf_key())
}
