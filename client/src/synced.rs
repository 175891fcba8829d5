//! What a sync left behind, opened for use. Every header and directory is verified against its root here; a page is
//! verified when it is used.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use samar_local::exit::{Failure, io_failure};
use samar_protocol::limits::MANIFEST_BYTES_MAX;
use samar_protocol::manifest::{
    Breach, Chain, ChainError, Manifest, SegmentKind, SegmentRef, SignedManifest,
};
use samar_protocol::oprf::{KeyId, PublicKey};
use samar_protocol::segment::{Header, SegmentIndex, SegmentRoot};

use crate::config::Home;
use crate::people::time;
use crate::seen::Seen;

/// The synced manifest.
#[derive(Debug)]
pub(crate) struct Synced {
    pub(crate) seen: Seen,
    manifest: SignedManifest,
}

impl Synced {
    /// The manifest of the last sync, or nothing where there was none.
    pub(crate) fn load(home: &Home) -> Result<Option<Self>, Failure> {
        let Some(seen) = Seen::load(home)? else { return Ok(None) };
        let path = home.manifest(seen.floor.epoch);
        let damaged = || {
            Failure::local(format!("{} is damaged or missing", path.display()))
                .remedy("samar sync restores it")
        };
        let length = std::fs::metadata(&path).map_err(|_| damaged())?.len();
        if length > MANIFEST_BYTES_MAX as u64 * 2 {
            return Err(damaged());
        }
        let bytes = std::fs::read(&path).map_err(|error| io_failure("read", &path, &error))?;
        // Its signature was verified when it came; the hash says that it is still the same one.
        let manifest = SignedManifest::inspect(&bytes).map_err(|_| damaged())?;
        if manifest.hash() != seen.floor.hash {
            return Err(damaged());
        }
        Ok(Some(Self { seen, manifest }))
    }

    /// The manifest of the last sync, which must be there and still valid at `now_s`.
    pub(crate) fn load_valid(home: &Home, now_s: u64) -> Result<Self, Failure> {
        let none = || Failure::input("no breach set was synced yet").remedy("samar sync");
        let synced = Self::load(home)?.ok_or_else(none)?;
        match Chain::check_fresh(&synced.manifest, now_s) {
            Ok(()) => Ok(synced),
            Err(ChainError::Expired { epoch, .. }) => {
                let until = time(synced.manifest().valid_until_s);
                Err(Failure::input(format!("the synced set, epoch {epoch}, was valid until {until}"))
                    .remedy("samar sync"))
            }
            Err(error) => Err(Failure::local(error)),
        }
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        self.manifest.manifest()
    }

    pub(crate) fn key_id(&self) -> KeyId {
        self.manifest().key_id()
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey, Failure> {
        self.manifest().oprf_key().map_err(Failure::local) // a manifest that was read was checked
    }

    /// The manifest as it was signed.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.manifest.bytes()
    }

    /// Opens every segment of these breaches of the manifest, so that a sync beside this run cannot take one away.
    pub(crate) fn open_segments_of(
        &self,
        home: &Home,
        breaches: &[Breach],
    ) -> Result<Vec<OpenBreach>, Failure> {
        let open = |breach: &Breach| -> Result<OpenBreach, Failure> {
            let segments = breach
                .segments
                .iter()
                .map(|reference| OpenSegment::open(home, reference, breach, self.key_id()));
            Ok(OpenBreach { breach: breach.clone(), segments: segments.collect::<Result<_, _>>()? })
        };
        breaches.iter().map(open).collect()
    }
}

/// A breach and its segments in the order in which they apply.
pub(crate) struct OpenBreach {
    pub(crate) breach: Breach,
    pub(crate) segments: Vec<OpenSegment>,
}

/// A whole segment on disk.
pub(crate) struct OpenSegment {
    pub(crate) kind: SegmentKind,
    pub(crate) index: SegmentIndex,
    name: String,
    file: File,
}

impl OpenSegment {
    pub(crate) fn open(
        home: &Home,
        reference: &SegmentRef,
        breach: &Breach,
        key: KeyId,
    ) -> Result<Self, Failure> {
        let path = home.segment(&reference.root);
        let damaged = |reason: &dyn std::fmt::Display| {
            Failure::local(format!("{}: {reason}", path.display())).remedy("samar sync restores it")
        };
        let file = File::open(&path).map_err(|error| damaged(&error))?;
        let length = file.metadata().map_err(|error| damaged(&error))?.len();
        if length != reference.file_bytes {
            return Err(damaged(&format_args!("{length} bytes, not {}", reference.file_bytes)));
        }
        let index = read_index(&file, reference, breach, key).map_err(|error| damaged(&error))?;
        Ok(Self { kind: reference.kind, index, name: path.display().to_string(), file })
    }

    /// The bytes of a page, not yet verified.
    pub(crate) fn read_page(&self, page: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        self.file
            .read_exact_at(bytes, self.index.header().page_offset(page))
            .map_err(|error| self.damaged(&error))
    }

    pub(crate) fn damaged(&self, reason: &dyn std::fmt::Display) -> Failure {
        Failure::local(format!("{}: {reason}", self.name))
            .remedy(format!("rm {} and samar sync; check the disk", self.name))
    }
}

/// Header and directory of a segment file, verified against its root and its line in the manifest.
pub(crate) fn read_index(
    file: &File,
    reference: &SegmentRef,
    breach: &Breach,
    key: KeyId,
) -> Result<SegmentIndex, String> {
    let mut block = vec![0; reference.page_bytes as usize];
    file.read_exact_at(&mut block, 0).map_err(|error| error.to_string())?;
    let header = read_header(&block, reference, breach, key)?;
    let (at, length) = directory_place(&header, reference)?;
    let mut directory = vec![0; length];
    file.read_exact_at(&mut directory, at).map_err(|error| error.to_string())?;
    verify_index(&block, &directory, reference)
}

/// A header block, compared with what the manifest says of the segment. Nothing vouches for it before its root does.
pub(crate) fn read_header(
    block: &[u8],
    reference: &SegmentRef,
    breach: &Breach,
    key: KeyId,
) -> Result<Header, String> {
    let header = Header::parse(block).map_err(|error| error.to_string())?;
    let params = header.params();
    let other = |what: &str| Err(format!("its {what} is not what the manifest says"));
    if params.kind != reference.kind {
        return other("kind");
    }
    if u64::from(params.entries) != reference.entries {
        return other("number of entries");
    }
    if params.page_bytes != reference.page_bytes {
        return other("page size");
    }
    if params.breach_id.as_str() != breach.id {
        return other("breach");
    }
    if params.key_id != key.0 {
        return other("OPRF key");
    }
    if params.label_bits != breach.label_bits() {
        return other("label width");
    }
    Ok(header)
}

/// Where the directory of a segment stands and how long it is, if the file has the size that the manifest says.
pub(crate) fn directory_place(header: &Header, reference: &SegmentRef) -> Result<(u64, usize), String> {
    if header.file_bytes() != reference.file_bytes {
        return Err("its size is not what the manifest says".to_owned());
    }
    let length = usize::try_from(header.directory_bytes()).map_err(|error| error.to_string())?;
    Ok((header.directory_offset(), length))
}

/// Header block and directory, as far as the root vouches for them.
pub(crate) fn verify_index(
    block: &[u8],
    directory: &[u8],
    reference: &SegmentRef,
) -> Result<SegmentIndex, String> {
    SegmentIndex::parse(block, directory, &SegmentRoot(reference.root)).map_err(|error| error.to_string())
}
