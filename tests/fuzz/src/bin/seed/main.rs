//! Writes honest inputs into the corpus of each target, for a fuzzer to begin from: `cargo run -p samar-fuzz --bin seed`.
//! They are what this version writes, so that after a change of a format it is enough to run it again.

mod files;
mod published;
mod sessions;
mod tables;
mod wire;

use std::path::{Path, PathBuf};

use samar_protocol::codec::Extension;
use samar_protocol::oprf::SecretKey;

fn main() {
    wire::wire();
    published::manifests();
    published::details();
    published::segments();
    published::lookups();
    files::operator_files();
    files::ledgers();
    tables::cells();
    tables::tables();
    wire::elements();
    sessions::sessions();
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn put(target: &str, name: &str, parts: &[&[u8]]) {
    let folder = corpus(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("seed-{name}")), parts.concat()).unwrap();
}

fn extension() -> Vec<Extension> {
    vec![Extension { id: 7, bytes: vec![1, 2, 3] }]
}

fn oprf_key() -> SecretKey {
    SecretKey::from_bytes(&core::array::from_fn(|i| u8::from(i == 0) * 9)).unwrap()
}
