//! Whether a disk has room, asked before work that would fill it half-way.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::exit::{Failure, io_failure};
use crate::people::bytes;

/// What some work will write.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    /// Its name in a message, with an article: "the report".
    pub what: &'a str,
    /// A folder on the disk it goes to, which must be there.
    pub folder: &'a Path,
    /// Its size, as far as it is known.
    pub bytes: u64,
}

/// Refuses work that the disks have no room for now. Needs on the same disk count together.
///
/// # Errors
/// [`Failure`] that names what is needed, what is free and where.
pub fn require(needs: &[Need<'_>]) -> Result<(), Failure> {
    let disk = |need: &Need<'_>| {
        let metadata = std::fs::metadata(need.folder);
        metadata.map(|found| found.dev()).map_err(|error| io_failure("look at", need.folder, &error))
    };
    let disks = needs.iter().map(disk).collect::<Result<Vec<_>, _>>()?;
    for (need, disk) in needs.iter().zip(&disks) {
        let beside = needs.iter().zip(&disks).filter(|(need, other)| *other == disk && need.bytes > 0);
        let beside: Vec<&Need<'_>> = beside.map(|(need, _)| need).collect();
        let total = beside.iter().fold(0u64, |total, need| total.saturating_add(need.bytes));
        if let Some(free) = free(need.folder)?
            && total > free
        {
            let parts: Vec<String> =
                beside.iter().map(|need| format!("{} needs {}", need.what, bytes(need.bytes))).collect();
            let (folder, free) = (need.folder.display(), bytes(free));
            return Err(Failure::local(format!("{folder} has {free} free; {}", parts.join(", ")))
                .remedy("free some space, or choose a folder on another disk"));
        }
    }
    Ok(())
}

/// Bytes that this user may still write on the folder's disk; nothing where the file system does not say.
fn free(folder: &Path) -> Result<Option<u64>, Failure> {
    let stat = rustix::fs::statvfs(folder).map_err(|error| io_failure("look at", folder, &error.into()))?;
    Ok((stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn what_does_not_fit_is_refused_with_need_free_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let need = |what, bytes| Need { what, folder: folder.path(), bytes };
        require(&[need("the report", 0), need("the set", 1)]).unwrap();
        let refused = require(&[need("the report", 1 << 60), need("the set", 7)]).unwrap_err();
        assert_eq!(refused.exit(), Exit::Local);
        let text = refused.to_string();
        let place = folder.path().display().to_string();
        for word in [place.as_str(), " free", "the report needs 1,152,921.5 TB", "the set needs 7 bytes"] {
            assert!(text.contains(word), "no {word} in {text}");
        }
    }

    #[test]
    fn what_goes_to_one_disk_counts_together() {
        let folder = tempfile::tempdir().unwrap();
        let free = free(folder.path()).unwrap().expect("a disk that says what is free");
        let half = |what| Need { what, folder: folder.path(), bytes: free / 2 + free / 4 };
        require(&[half("the runs")]).unwrap();
        require(&[half("the runs"), half("the vault")]).unwrap_err();
    }
}
