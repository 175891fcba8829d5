//! Every vector of what must be refused, read by the decoder that meets such bytes, and sent to a server that runs.

#[path = "../protocol/vectors/refused.rs"]
#[allow(dead_code)] // the client's tests use the rest
mod refused;

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use refused::Vector;
use samar_local::exit::{Exit, Failure};
use samar_protocol::group::Backend;
use samar_protocol::identifier::{Identifier, Kind};
use samar_protocol::invitation::Invitation;
use samar_protocol::limits::{ELEMENT_BYTES, PREAMBLE_BYTES};
use samar_protocol::lookup::{Hint, HintNote, QueryVector, Shape};
use samar_protocol::manifest::{SegmentKind, SignedManifest};
use samar_protocol::oprf::{BlindedBatch, Proof, SecretKey};
use samar_protocol::segment::{Header, SegmentIndex, SegmentRoot};
use samar_protocol::wire::{Preamble, RefusalCode, Request, RequestKind, Response};
use samar_server::accounts::Accounts;
use samar_server::keys;
use samar_server::layout::Layout;
use samar_server::publish::publish;
use samar_server::serve::Service;
use samar_server::vault::file::Reader;
use samar_tests::{Operator, Scene, niks};

/// Bytes of a page in SPEC.md's example of a publication.
const PAGE_BYTES: usize = 8_192;

/// What only a peer can refuse, that knows what it holds or what it asked: these are sent, not decoded here.
const SENT: [&str; 7] = [
    "request to the server",
    "answer to the client's evaluate",
    "answer to the client's manifest",
    "answer to the client's fetch",
    "answer to the client's hint",
    "answer to the client's join",
    "segment that the manifest describes otherwise",
];

#[test]
fn every_vector_is_refused_in_the_words_that_it_names() {
    let mut decoded = 0;
    for vector in refused::all() {
        if SENT.contains(&vector.reads_as.as_str()) {
            continue;
        }
        let Vector { name, refused_as, .. } = &vector;
        assert_eq!(decode(&vector).expect_err(name), *refused_as, "{name}");
        decoded += 1;
    }
    assert!(decoded > 200, "{decoded} vectors");
}

/// The examples that the vectors were made of are refused by none of these readers: it is the mistake that is refused.
#[test]
fn the_examples_without_a_mistake_are_taken() {
    let taken = |reads_as: &str, bytes: Vec<u8>| {
        let (name, rule) = (reads_as.to_owned(), String::new());
        let (refused_as, seen_as) = (String::new(), String::new());
        let vector = Vector { name, rule, reads_as: reads_as.to_owned(), refused_as, seen_as, bytes };
        assert_eq!(decode(&vector), Ok(()), "{reads_as}");
    };
    for request in ["join", "manifest-newest", "manifest-3", "fetch", "hint", "lookup", "allowance"] {
        taken("request", refused::example(request));
    }
    taken("answer to hint", refused::example("hint-sent"));
    taken("answer to lookup", refused::example("looked-up"));
    taken("answer to evaluate", refused::example("refusal"));
    taken("answer to join", refused::example("joined"));
    taken("answer to manifest", refused::example("manifest-sent"));
    taken("manifest", refused::example("manifest"));
    let segment = ["small-header", "small-page", "small-directory"].map(refused::example).concat();
    taken("segment", segment);
    taken("publisher key file", refused::example("key-file"));
    taken("account log", refused::example("account-log"));
    taken("vault", refused::example("vault"));
    taken("cell", b"3201010101900001".to_vec());
    taken("phone cell", b"081234567890".to_vec());
    taken("email cell", b"budi@example.com".to_vec());
    taken("kk cell", b"3201011703170003".to_vec());
    taken("npwp cell", b"09.254.294.3-407.000".to_vec());
}

/// Reads a vector as what it says it is; the error in its exact words.
fn decode(vector: &Vector) -> Result<(), String> {
    let bytes = vector.bytes.as_slice();
    if let Some(root) = vector.reads_as.strip_prefix("segment of root ") {
        return segment(bytes, Some(refused::hex(root).try_into().unwrap()));
    }
    if let Some(hash) = vector.reads_as.strip_prefix("hint of hash ") {
        let note = HintNote { hash: refused::hex(hash).try_into().unwrap() };
        return text(Hint::parse(bytes, &note, 2_048));
    }
    match vector.reads_as.as_str() {
        "request" => request(bytes),
        "answer to join" => answer(RequestKind::Join, bytes),
        "answer to manifest" => answer(RequestKind::Manifest, bytes),
        "answer to evaluate" => answer(RequestKind::Evaluate, bytes),
        "answer to rekey" => answer(RequestKind::Rekey, bytes),
        "answer to hint" => answer(RequestKind::Hint, bytes),
        "answer to lookup" => answer(RequestKind::Lookup, bytes),
        "query over 3 pages" => text(QueryVector::parse(bytes, Shape::new(2_048, 3).unwrap())),
        "hint" => text(Hint::parse(bytes, &HintNote::of(bytes), 2_048)),
        "cell" => cell(Kind::Nik, bytes),
        "phone cell" => cell(Kind::Phone, bytes),
        "email cell" => cell(Kind::Email, bytes),
        "kk cell" => cell(Kind::Kk, bytes),
        "npwp cell" => cell(Kind::Npwp, bytes),
        "manifest" => text(SignedManifest::verify(bytes, &SigningKey::from_bytes(&[7; 32]).verifying_key())),
        "segment" => segment(bytes, None),
        "header and directory" => {
            let (block, directory) = bytes.split_at(PAGE_BYTES);
            index(block, directory, None).map(|_| ())
        }
        "invitation" => text(Invitation::parse(str::from_utf8(bytes).unwrap())),
        "OPRF key file" => file(bytes, |path| key(path, "oprf.key", |layout| keys::oprf(layout).map(|_| ()))),
        "publisher key file" => {
            file(bytes, |path| key(path, "publisher.key", |layout| keys::publisher(layout).map(|_| ())))
        }
        "account log" => file(bytes, |path| Accounts::standing(path).map(|_| ())),
        "vault" => file(bytes, |path| {
            let mut reader = Reader::open(path)?.expect("a file");
            while reader.read_record()?.is_some() {}
            Ok(())
        }),
        other => panic!("{}: nothing reads as {other}", vector.name),
    }
}

fn text<T>(read: Result<T, impl ToString>) -> Result<(), String> {
    read.map(|_| ()).map_err(|error| error.to_string())
}

fn cell(kind: Kind, bytes: &[u8]) -> Result<(), String> {
    text(Identifier::parse(kind, str::from_utf8(bytes).unwrap()).map_err(|rejection| rejection.name()))
}

fn framed(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
    let (preamble, rest) = bytes.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
    let Preamble { kind, control_bytes } = Preamble::parse(*preamble).map_err(|error| error.to_string())?;
    let (control, bulk) = rest.split_at(control_bytes as usize);
    Ok((kind, control, bulk))
}

fn elements(bulk: &[u8]) -> Vec<[u8; ELEMENT_BYTES]> {
    bulk.as_chunks().0.to_vec()
}

fn request(bytes: &[u8]) -> Result<(), String> {
    let (kind, control, bulk) = framed(bytes)?;
    match Request::decode(kind, control).map_err(|error| error.to_string())? {
        Request::Evaluate(_) => text(BlindedBatch::decode(Backend::best(), elements(bulk))),
        _ => Ok(()),
    }
}

fn answer(asked: RequestKind, bytes: &[u8]) -> Result<(), String> {
    let (kind, control, bulk) = framed(bytes)?;
    match Response::decode(asked, kind, control).map_err(|error| error.to_string())? {
        Response::Rekeyed(rekeyed) => {
            text(Proof::from_bytes(&rekeyed.proof).map_err(|error| format!("batch proof: {error}")))
        }
        Response::Evaluated(evaluated) => {
            text(Proof::from_bytes(&evaluated.proof).map_err(|error| format!("batch proof: {error}")))?;
            text(Backend::best().decode(&elements(bulk)).map_err(|error| format!("evaluated {error}")))
        }
        _ => Ok(()),
    }
}

/// Under the root that its bytes have, unless another was asked for.
fn index(block: &[u8], directory: &[u8], root: Option<[u8; 32]>) -> Result<SegmentIndex, String> {
    let own = blake3::hash(&[b"samar segment root v1", block, directory].concat());
    let root = SegmentRoot(root.unwrap_or(*own.as_bytes()));
    SegmentIndex::parse(block, directory, &root).map_err(|error| error.to_string())
}

fn segment(bytes: &[u8], root: Option<[u8; 32]>) -> Result<(), String> {
    let (block, rest) = bytes.split_at(PAGE_BYTES);
    let header = Header::parse(block).map_err(|error| error.to_string())?;
    let (pages, directory) = rest.split_at(header.pages() as usize * PAGE_BYTES);
    let index = index(block, directory, root)?;
    (0..).zip(pages.chunks(PAGE_BYTES)).try_for_each(|(page, bytes)| text(index.verify_page(page, bytes)))
}

/// What a reader says of a file with these bytes, without the file's name. It is always damage of one's own machine.
fn file(bytes: &[u8], read: impl Fn(&Path) -> Result<(), Failure>) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    file.write_all(bytes).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    read(&path).map_err(|failure| {
        assert_eq!(failure.exit(), Exit::Local, "{failure}");
        let said = failure.to_string();
        let said = said.strip_prefix(&path.display().to_string()).expect("the file is named");
        said.trim_start_matches([':', ' ']).to_owned()
    })
}

/// A key as an operator's folder has it, which is where `path` stands.
fn key(path: &Path, name: &str, read: impl Fn(&Layout) -> Result<(), Failure>) -> Result<(), Failure> {
    let root = path.parent().unwrap();
    std::fs::create_dir(root.join("keys")).unwrap();
    std::os::unix::fs::symlink(path, root.join("keys").join(name)).unwrap();
    read(&Layout::new(root)).map_err(|failure| {
        // The file is named by where it stands in the folder.
        let said = failure
            .to_string()
            .replace(&format!("{}/keys/{name}", root.display()), &path.display().to_string());
        Failure::new(failure.exit(), said)
    })
}

/// An operator with the OPRF key that the vectors name.
fn operator() -> Operator {
    let operator = Operator::empty(|_| {});
    let key = SecretKey::from_bytes(&refused::listed("k")).unwrap();
    keys::write_oprf(&operator.layout.oprf_key(), &key).unwrap();
    operator.ingest("breach-a", &niks(0, 60));
    operator.publish();
    operator
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_of_a_request_is_refused_by_a_server_that_goes_on() {
    let scene = Scene::of(operator()).await;
    for vector in refused::read_as("request").into_iter().chain(refused::read_as("request to the server")) {
        let code = RefusalCode::ALL.iter().find(|code| code.name() == vector.seen_as);
        let code = *code.unwrap_or_else(|| panic!("{}: no refusal {}", vector.name, vector.seen_as));
        scene.refuses(&vector.bytes, code).await;
    }
}

// R-ID-1: counted by ingest
#[test]
fn every_vector_of_a_cell_is_counted_by_ingest() {
    let cells = refused::read_as("cell");
    let quoted = cells.iter().map(|cell| format!("\"{}\"", str::from_utf8(&cell.bytes).unwrap()));
    let rows: Vec<String> = quoted.chain(niks(0, 3)).collect();
    let report = Operator::empty(|_| {}).ingest("breach-a", &rows);
    assert_eq!((report.accepted, report.rows()), (3, rows.len() as u64));
    for cell in &cells {
        let alike = cells.iter().filter(|other| other.refused_as == cell.refused_as).count();
        let counted = report.rejected.get(cell.refused_as.as_str()).copied();
        assert_eq!(counted, Some(alike as u64), "{}", cell.name);
    }
}

/// Met by the programs, and not by a reader alone: nothing is published or served over such a file, the failure names it, and
/// it stays as it is, for whoever mends it.
#[test]
fn every_vector_of_an_operators_file_stops_the_operator_and_changes_nothing() {
    type Run<'a> = &'a dyn Fn() -> Result<(), Failure>;
    let operator = operator();
    let layout = &operator.layout;
    let everything = || {
        let mut files = BTreeMap::new();
        let mut folders = vec![layout.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(files.insert(path.clone(), std::fs::read(&path).unwrap())),
                }
            }
        }
        files
    };
    let publish = || publish(layout, 16 << 20).map(|_| ());
    let serve = || Service::open(layout, Backend::Portable).map(|_| ());
    // A first start makes its log and lock.
    serve().unwrap();
    let vault = layout.part("breach-a", 1, SegmentKind::Base);
    let cases: [(&str, PathBuf, Run<'_>); 4] = [
        ("OPRF key file", layout.oprf_key(), &serve),
        ("publisher key file", layout.publisher_key(), &publish),
        ("account log", layout.account_log(), &serve),
        ("vault", vault, &publish),
    ];
    for (reads_as, place, run) in cases {
        let honest = std::fs::read(&place).ok();
        for vector in refused::read_as(reads_as) {
            std::fs::write(&place, &vector.bytes).unwrap();
            std::fs::set_permissions(&place, Permissions::from_mode(0o600)).unwrap();
            let before = everything();
            let failure = run().expect_err(&vector.name);
            assert_eq!(
                (failure.exit(), vector.seen_as.as_str()),
                (Exit::Local, "6"),
                "{}: {failure}",
                vector.name
            );
            assert!(failure.to_string().contains(&place.display().to_string()), "{}: {failure}", vector.name);
            assert!(everything() == before, "{}: something was written", vector.name);
        }
        match honest {
            Some(bytes) => std::fs::write(&place, bytes).unwrap(),
            None => std::fs::remove_file(&place).unwrap(),
        }
    }
    publish().unwrap();
    serve().unwrap();
}
