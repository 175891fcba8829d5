//! The vault: for each breach its elements, sorted, with class bits. It holds no identifier and no hash of one.
//!
//! A breach is two files: `elements.vault` ([`mod@file`]), which is all that matters, and `about.toml` ([`about`]), what is
//! known of it for people to read and edit.

pub mod about;
pub mod class;
pub mod file;

use samar_local::exit::{Failure, io_failure};
use samar_protocol::manifest::is_breach_id;

use crate::layout::Layout;

/// The breaches in the vault, by id.
///
/// # Errors
/// The folder cannot be read.
pub fn breaches(layout: &Layout) -> Result<Vec<String>, Failure> {
    let folder = layout.vault();
    let failure = |error: std::io::Error| io_failure("read", &folder, &error);
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let name = entry.map_err(failure)?.file_name();
        ids.extend(name.to_str().filter(|name| is_breach_id(name)).map(str::to_owned));
    }
    ids.retain(|id| layout.elements(id).exists());
    ids.sort();
    Ok(ids)
}
