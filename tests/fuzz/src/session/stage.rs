//! The operator whom exchanges are had with: its files, made once, and a copy of them for each run.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use samar_protocol::group::Backend;
use samar_protocol::manifest::SegmentRef;
use samar_server::config::Lookup;
use samar_server::layout::Layout;
use samar_server::published;
use samar_tests::{Operator, niks, signing_request, token};

use crate::operator_files::scratch;

/// The bank's allowances: few enough for a few exchanges to use them up.
pub(super) const PER_DAY: u64 = 8;
pub(super) const LIFETIME: u64 = 12;
/// Its private lookups in a day.
pub(super) const LOOKUPS: u64 = 2;
pub(super) const BANK: &str = "bank-a";

/// Elements that a bank could send.
pub(super) static ELEMENTS: LazyLock<Vec<[u8; 32]>> = LazyLock::new(|| {
    let inputs: Vec<[u8; 1]> = (0..16).map(|i| [i]).collect();
    Backend::Portable.hash_to_group(b"samar fuzz", &inputs).encode()
});

/// An operator with one published breach and one bank that was invited, as files; made once.
pub(super) struct Template {
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    pub(super) key_id: [u8; 8],
    pub(super) manifest: Vec<u8>,
    pub(super) segment: SegmentRef,
    pub(super) segment_file: Vec<u8>,
    pub(super) hint: Vec<u8>,
    pub(super) token: [u8; 32],
    pub(super) csr: Vec<u8>,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let operator = Operator::configured(|config| {
        config.limits.memory_mib = 64;
        config.lookup = Lookup::All;
        config.lookups_per_day = LOOKUPS;
    });
    operator.ingest("breach-b", &niks(0, 3));
    let invitation = operator.invite(BANK, Some(PER_DAY), Some(LIFETIME));
    let root = operator.layout.root().to_owned();
    let manifest = published::read_manifest(&operator.layout, 1).unwrap();
    let segment = manifest.manifest().breaches[0].segments[0].clone();
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    Template {
        files,
        key_id: manifest.manifest().key_id,
        manifest: manifest.bytes().to_vec(),
        segment_file: std::fs::read(operator.layout.segment(&segment.root)).unwrap(),
        hint: std::fs::read(operator.layout.hint(&segment.root)).unwrap(),
        segment,
        token: token(&invitation),
        csr: signing_request(&rcgen::KeyPair::generate().unwrap()),
    }
});

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push((path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap()));
        }
    }
}

/// The same operator in a new folder, with an account log of its own.
pub(super) struct Stage {
    pub(super) layout: Layout,
    pub(super) template: &'static Template,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(super) fn set() -> Self {
        let folder = scratch();
        let template: &'static Template = &TEMPLATE;
        for (name, bytes) in &template.files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { layout: Layout::new(folder.path()), template, _folder: folder }
    }
}
