//! `screened/`: the manifests of epochs that were screened as a whole, so that a later screening can tell what is new since one.
//!
//! `EPOCH-FIRST-LAST.manifest` is the manifest of that epoch, with the first and the last day (since 1970 UTC) on which a screening of it
//! came to its end: whom the ledger says to have been met from the first on was looked up in all that it names. Where the epoch
//! before was screened on that day too, the ledger does not tell by which of them, and only the day after counts.

use std::path::PathBuf;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::create_private;
use samar_protocol::limits::MANIFEST_BYTES_MAX;
use samar_protocol::manifest::{Breach, SignedManifest};

use crate::config::Home;
use crate::ledger::{Day, today};
use crate::synced::Synced;

/// Epochs that are kept; of more the oldest go. Of one a night that is more than a year.
const KEPT_MAX: usize = 400;

/// An epoch that was screened.
pub(crate) struct Screened {
    /// Whoever was met from this day on was looked up in it.
    pub(crate) day: Day,
    breaches: Vec<Breach>,
}

impl Screened {
    /// The epoch of this number.
    ///
    /// # Errors
    /// One that was not screened here, or whose manifest is damaged.
    pub(crate) fn load(home: &Home, epoch: u64) -> Result<Self, Failure> {
        let kept = kept(home)?;
        let Some(Kept { first, path, .. }) = kept.iter().find(|kept| kept.epoch == epoch) else {
            let failure = Failure::input(format!("epoch {epoch} was not screened in this folder"));
            let epochs: Vec<String> = kept.iter().map(|kept| kept.epoch.to_string()).collect();
            return Err(match epochs.as_slice() {
                [] => failure.remedy(
                    "screen once without --since: later runs can then ask what is new since that epoch",
                ),
                epochs => failure.remedy(format!("--since with one of {}", epochs.join(", "))),
            });
        };
        let damaged = || {
            let what = format!("{} is damaged", path.display());
            Failure::local(what).remedy("remove it, and screen without --since")
        };
        let failed = |error| io_failure("read", path, &error);
        if std::fs::metadata(path).map_err(failed)?.len() > MANIFEST_BYTES_MAX as u64 * 2 {
            return Err(damaged());
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let signed = SignedManifest::inspect(&bytes).map_err(|_| damaged())?;
        let manifest = signed.manifest();
        if manifest.epoch != epoch {
            return Err(damaged());
        }
        let is_shared = kept.iter().any(|before| before.epoch < epoch && before.last >= *first);
        Ok(Self { day: first.saturating_add(Day::from(is_shared)), breaches: manifest.breaches.clone() })
    }

    /// How many of the first segments of a breach were there already. None, where they were others: it was compacted, or a key
    /// was changed, and what of it is new cannot be told.
    pub(crate) fn segments_of(&self, breach: &Breach) -> usize {
        let Some(before) = self.breaches.iter().find(|before| before.id == breach.id) else { return 0 };
        let roots = |breach: &Breach| breach.segments.iter().map(|segment| segment.root).collect::<Vec<_>>();
        let (before, now) = (roots(before), roots(breach));
        if now.starts_with(&before) { before.len() } else { 0 }
    }

    /// Whether it named this breach, with segments that are others now.
    pub(crate) fn is_rebuilt(&self, breach: &Breach) -> bool {
        let named = self.breaches.iter().any(|before| before.id == breach.id && !before.segments.is_empty());
        named && self.segments_of(breach) == 0
    }
}

/// Notes that a screening of the whole synced set came to its end.
pub(crate) fn keep(home: &Home, synced: &Synced) -> Result<(), Failure> {
    let folder = home.screened();
    create_private(&folder)?;
    durable::remove_leftovers(&folder).map_err(|error| io_failure("clean", &folder, &error))?;
    let (kept, epoch) = (kept(home)?, synced.manifest().epoch);
    let place = |first: Day| folder.join(format!("{epoch}-{first}-{}.manifest", today()));
    if let Some(Kept { first, path, .. }) = kept.iter().find(|kept| kept.epoch == epoch) {
        let moved = std::fs::rename(path, place(*first)).and_then(|()| durable::sync_folder(&folder));
        return moved.map_err(|error| io_failure("rename", path, &error));
    }
    let path = place(today());
    durable::write(&path, synced.bytes(), Mode::Private)
        .map_err(|error| io_failure("write", &path, &error))?;
    let surplus = (kept.len() + 1).saturating_sub(KEPT_MAX);
    for Kept { path, .. } in kept.iter().take(surplus) {
        std::fs::remove_file(path).map_err(|error| io_failure("remove", path, &error))?;
    }
    Ok(())
}

/// What the name of a kept manifest says, and its place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    epoch: u64,
    first: Day,
    last: Day,
    path: PathBuf,
}

impl Kept {
    fn of(path: PathBuf) -> Option<Self> {
        let mut numbers = path.file_name()?.to_str()?.strip_suffix(".manifest")?.splitn(3, '-');
        let epoch = numbers.next()?.parse().ok()?;
        let mut day = || numbers.next()?.parse().ok();
        Some(Self { epoch, first: day()?, last: day()?, path })
    }
}

/// Each that is kept, by ascending epoch.
fn kept(home: &Home) -> Result<Vec<Kept>, Failure> {
    let folder = home.screened();
    let failed = |error: std::io::Error| io_failure("read", &folder, &error);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut kept = Vec::new();
    for entry in entries {
        kept.extend(Kept::of(entry.map_err(failed)?.path()));
    }
    kept.sort();
    Ok(kept)
}
