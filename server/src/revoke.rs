//! `revoke`: a bank is served no more, whichever of its keys it shows.

use std::time::{SystemTime, UNIX_EPOCH};

use samar_local::exit::Failure;
use samar_local::folder;
use samar_protocol::limits::TEXT_BYTES_MAX;

use crate::accounts::{Registry, Revocation};
use crate::config::Config;
use crate::layout::Layout;

/// Revokes every key and invitation of a bank and records why. Its account, what it used and the log stay. A running server
/// closes the bank's connections within seconds, and charges and answers nothing more from now on.
///
/// # Errors
/// A bank that is not enrolled or was revoked before, a reason that cannot be kept, the file system.
pub fn revoke(layout: &Layout, name: &str, reason: &str) -> Result<Revocation, Failure> {
    Config::read(&layout.config())?; // says so where the folder was never initialised
    if reason.is_empty() || reason.len() > TEXT_BYTES_MAX || reason.chars().any(char::is_control) {
        return Err(Failure::input(format!("the reason must be 1 to {TEXT_BYTES_MAX} printable bytes")));
    }
    let _lock = folder::lock(layout.root(), "enroll")?;
    let registry = Registry::new(layout);
    let not_enrolled = || Failure::input(format!("`{}` is not enrolled", name.escape_debug()));
    let mut bank = registry.bank(name)?.ok_or_else(not_enrolled)?;
    if let Some(before) = &bank.revoked {
        return Err(Failure::input(format!("{name} was revoked before: {}", before.reason)));
    }
    let at_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let revocation = Revocation { at_s, reason: reason.to_owned() };
    bank.revoked = Some(revocation.clone());
    // Tokens that nobody traded yet must not outlive it either, should the line above ever be taken out by hand.
    bank.invitations.clear();
    registry.store(&bank)?;
    Ok(revocation)
}
