//! Where each segment of the set is looked in: on this machine, or privately on the server.

use std::sync::Arc;

use samar_local::exit::Failure;
use samar_local::folder::{create_private, lock};
use samar_local::progress::{Progress, Unit};
use samar_protocol::manifest::SegmentKind;

use super::{LARGE_BYTES, LookupMode, PrivateSegment, cache};
use crate::config::Home;
use crate::link::Link;
use crate::sync::{self, Wanted};
use crate::synced::{OpenSegment, Synced};

/// A segment, open.
pub(crate) enum Source {
    /// Whole, on this machine.
    Here(Arc<OpenSegment>),
    /// Left on the server.
    OnServer(Arc<PrivateSegment>),
}

/// Every segment, in manifest order, of each breach in its order. What is missing for it is fetched, once: of a segment that is
/// looked up in, header, directory and hint; else all of it, unless the mode is `never`.
///
/// # Errors
/// A damaged file, a server that offers no private lookups, no room.
pub(crate) async fn open_all(
    link: &Arc<Link>,
    home: &Home,
    synced: &Synced,
    mode: LookupMode,
) -> Result<Vec<Vec<Source>>, Failure> {
    let mut sources = Vec::new();
    for breach in &synced.manifest().breaches {
        let mut of_breach = Vec::new();
        for reference in &breach.segments {
            let wanted = Wanted { reference, breach, key_id: synced.key_id() };
            of_breach.push(open(link, home, wanted, mode).await?);
        }
        sources.push(of_breach);
    }
    Ok(sources)
}

async fn open(
    link: &Arc<Link>,
    home: &Home,
    wanted: Wanted<'_>,
    mode: LookupMode,
) -> Result<Source, Failure> {
    let Wanted { reference, breach, key_id } = wanted;
    let is_here = home.segment(&reference.root).exists();
    // Segments that add or remove are small, and always here.
    let is_base = reference.kind == SegmentKind::Base && reference.entries > 0;
    let on_server = match mode {
        LookupMode::Never => false,
        LookupMode::Always => is_base,
        LookupMode::Auto => is_base && !is_here && reference.file_bytes >= LARGE_BYTES,
    };
    if !on_server {
        if !is_here && mode != LookupMode::Never {
            let _lock = lock(home.dir(), "sync")?;
            create_private(&home.segments())?;
            sync::fetch_whole(link, home, &wanted).await?;
        }
        return Ok(Source::Here(Arc::new(OpenSegment::open(home, reference, breach, key_id)?)));
    }
    if !cache::is_here(home, &reference.root) {
        let _lock = lock(home.dir(), "sync")?;
        let progress = Progress::new("lookup", Unit::Bytes, None);
        let fetched = cache::fetch(link, home, wanted, &progress).await?;
        progress.finish();
        if fetched.is_none() {
            let what = format!("the operator offers no private lookup in {}", breach.id);
            return Err(Failure::input(what).remedy("samar sync, and check without --lookup always"));
        }
    }
    let (index, client) = cache::open(home, wanted)?;
    Ok(Source::OnServer(Arc::new(PrivateSegment::new(reference.kind, reference.root, index, client))))
}
