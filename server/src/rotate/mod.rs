//! `rotate-key`: another OPRF key, to which the vault is taken without the identifiers (SPEC.md sections "Rekeying" and
//! "Rotation").
//!
//! ```text
//! 1 keys/oprf-next.key       the new key, durable before anything is made with it
//! 2 vault/ID/next.vault      what each breach holds, every element multiplied by the ratio of the keys ([`carry`])
//! 3 segments, next.toml      the published form of each, and which segment it is ([`segment`])
//! 4 the next manifest        names the new key, and the old one with its time: from here on the new key is the one
//! 5 names                    next.vault becomes the base, oprf-next.key the key, and the old one oprf-previous.key ([`settle`])
//! ```
//!
//! The newest manifest says on which side of step 4 a folder is. Before it the old key, vault and segments are all there, and nothing
//! but another run of this command changes the vault; after it whichever command comes next ends step 5.

mod carry;
mod grace;
mod segment;
mod settle;

use samar_local::exit::Failure;
use samar_local::folder;
use samar_local::people::now_s;
use samar_local::space::{self, Need};
use samar_protocol::group::Backend;
use samar_protocol::manifest::{Details, Manifest, ManifestHash, Rotation};
use samar_protocol::oprf::{KeyRatio, SecretKey};
use samar_protocol::segment::SegmentKind;

use crate::config::{Config, Lookup};
use crate::keys;
use crate::layout::Layout;
use crate::publish::{self, Draft, PageLayout, issue, missing, rollover};
use crate::published;
use crate::vault;
use crate::vault::elements::Elements;
use crate::vault::file::RECORD_BYTES;

pub(crate) use grace::to_be_told;
pub use grace::{Finished, State, finish, finish_if_over, state};
pub(crate) use settle::settle;

const DAY_S: u64 = 86_400;

/// How to rotate.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Memory for sorting.
    pub memory_bytes: usize,
    /// Seconds for which the old key is served beside the new one; those of the configuration where none are given.
    pub grace_s: Option<u64>,
}

/// A rotation that was made.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The manifest that names the new key.
    pub manifest: Manifest,
    /// Its hash, for banks to compare.
    pub hash: ManifestHash,
    /// The key before, and until when it is served.
    pub rotation: Rotation,
}

/// Makes a new key, takes the vault to it, and publishes it as the next epoch. Begun and cut short, it goes on.
///
/// # Errors
/// A rotation whose grace is not over, nothing published yet, a damaged vault, disks without room. Until the manifest is published
/// everything is served as it was.
pub fn rotate(layout: &Layout, backend: Backend, plan: &Plan) -> Result<Rotated, Failure> {
    let config = Config::read(&layout.config())?;
    let _lock = folder::lock(layout.root(), "vault")?;
    if settle::end_published(layout)? {
        return rotated(layout); // all but its last names was done
    }
    publish::check_clock(layout, &config)?;
    let publisher = rollover::signing_key(layout)?;
    let from = keys::oprf(layout)?;
    let to = next_key(layout)?;
    vault::remove_leftovers(layout)?;
    let ids = vault::breaches(layout)?;
    let taken_out = missing::check(layout, &ids)?;
    folder::create_private(&layout.runs())?;
    for id in &ids {
        carry::remove_foreign(layout, id, to.public())?;
    }
    require_room(layout, &ids, plan.memory_bytes, config.lookup)?;
    let ratio = KeyRatio::between(&from, &to);
    let (mut breaches, mut details) = (Vec::new(), Details::default());
    for id in &ids {
        let about = publish::about(layout, id)?;
        details.breaches.extend(about.details(id));
        carry::carry(layout, backend, &ratio, id, plan.memory_bytes)?;
        let (header, segment) = segment::segment(layout, id, (plan.memory_bytes, config.lookup))?;
        breaches.push(publish::as_told(layout, id, about, header, vec![segment])?);
    }
    let created_s = now_s();
    let grace_s = plan.grace_s.unwrap_or(u64::from(config.grace_days) * DAY_S);
    let rotation = Rotation { previous: *from.public(), until_s: created_s.saturating_add(grace_s) };
    let draft = Draft {
        key: *to.public(),
        rotation: Some(rotation),
        breaches,
        details,
        next_publisher: None,
        created_s,
    };
    let manifest = issue(layout, &config, &publisher, draft)?;
    publish::remove_unnamed_segments(layout, manifest.epoch)?;
    missing::forget(&taken_out)?;
    settle::end_published(layout)?;
    rotated(layout)
}

/// The rotation that the newest manifest tells of.
fn rotated(layout: &Layout) -> Result<Rotated, Failure> {
    let newest = published::read_manifest(layout, published::newest_epoch(layout)?)?;
    let manifest = newest.manifest().clone();
    let rotation =
        manifest.rotation().ok_or_else(|| Failure::local("the newest manifest tells of no rotation"))?;
    Ok(Rotated { hash: newest.hash(), rotation, manifest })
}

/// The key to come: that of a run which was cut short, or a new one. Durable, and protected as the present one is.
fn next_key(layout: &Layout) -> Result<SecretKey, Failure> {
    if layout.next_oprf_key().exists() {
        return keys::oprf_at(layout, &layout.next_oprf_key());
    }
    if published::newest_epoch(layout)? == 0 {
        return Err(Failure::input("nothing is published yet under the present key")
            .remedy("run `samar-server publish` first"));
    }
    grace::require_over(layout)?;
    keys::write_next_oprf(layout, &SecretKey::generate(&mut rand::rng()))?;
    // As it was written: were it not to read back, nothing would have been made with it.
    keys::oprf_at(layout, &layout.next_oprf_key())
}

/// Refuses a rotation that the disks have no room for: the whole set once more, in the vault and published, and what sorting takes.
fn require_room(layout: &Layout, ids: &[String], memory_bytes: usize, lookup: Lookup) -> Result<(), Failure> {
    let (mut vault, mut segments, mut sorting) = (0u64, 0u64, 0u64);
    for id in ids {
        let Some(elements) = Elements::open(layout, id)? else { continue };
        let entries = elements.count_most();
        let bytes = entries.saturating_mul(RECORD_BYTES as u64);
        if !layout.next_vault(id).exists() {
            vault = vault.saturating_add(bytes);
            sorting = sorting.max(if bytes > memory_bytes as u64 { bytes } else { 0 });
        }
        if !layout.next_made(id).exists() {
            let label_bits = elements.header().varies.len();
            let page_layout = PageLayout::choose(id, SegmentKind::Base, entries, label_bits, lookup)?;
            let bytes = publish::file_bytes(entries, label_bits).saturating_add(page_layout.hint_bytes());
            segments = segments.saturating_add(bytes);
            sorting = sorting.max(publish::sorting_bytes(entries, memory_bytes));
        }
    }
    space::require(&[
        Need { what: "sorting", folder: &layout.runs(), bytes: sorting },
        Need { what: "the vault under the new key", folder: &layout.vault(), bytes: vault },
        Need { what: "what is published", folder: &layout.segments(), bytes: segments },
    ])
}
