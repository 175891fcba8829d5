//! After all that an operator does with a dump, no identifier and no plain hash of one is anywhere in its folder or log.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use md5::Digest as _;
use samar_tests::{Batch, Dial, Operator, Pins, Scene, messages, niks};
use tracing_subscriber::fmt::MakeWriter;

/// Every way in which an identifier could have been written down, with a name for it.
fn traces(nik: &str) -> Vec<(&'static str, Vec<u8>)> {
    let digits = nik.as_bytes();
    let number: u64 = nik.parse().unwrap();
    let packed: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')).collect();
    let utf16 = |order: fn(u16) -> [u8; 2]| nik.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let mut traces = vec![
        ("ASCII", digits.to_vec()),
        ("UTF-16 LE", utf16(u16::to_le_bytes)),
        ("UTF-16 BE", utf16(u16::to_be_bytes)),
        ("packed BCD", packed),
        ("digits as bytes", digits.iter().map(|digit| digit - b'0').collect()),
        ("u64 LE", number.to_le_bytes().to_vec()),
        ("u64 BE", number.to_be_bytes().to_vec()),
        ("grouped", format!("{} {} {}", &nik[..6], &nik[6..12], &nik[12..]).into_bytes()),
    ];
    // What the OPRF takes is hashed with a label of its own; a plain hash of that would be as bad.
    let labelled = [b"samar id v1\x01".as_slice(), digits].concat();
    for input in [digits, &labelled] {
        let hashes: [(&str, Vec<u8>); 5] = [
            ("MD5", md5::Md5::digest(input).to_vec()),
            ("SHA-1", sha1::Sha1::digest(input).to_vec()),
            ("SHA-256", sha2::Sha256::digest(input).to_vec()),
            ("SHA-512", sha2::Sha512::digest(input).to_vec()),
            ("BLAKE3", blake3::hash(input).as_bytes().to_vec()),
        ];
        for (name, hash) in hashes {
            // Half of a hash is as good as the whole for finding who it is of.
            let half = &hash[..hash.len() / 2];
            let hex: String = half.iter().map(|byte| format!("{byte:02x}")).collect();
            traces.push((name, half.to_vec()));
            traces.push((name, hex.to_uppercase().into_bytes()));
            traces.push((name, hex.into_bytes()));
            traces.push((name, base64(&hash[..half.len() / 3 * 3]).into_bytes()));
        }
    }
    traces
}

/// Base 64 of a multiple of three bytes.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let word = three.iter().fold(0usize, |word, byte| word << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[word >> shift & 63]))
    };
    bytes.chunks(3).flat_map(four).collect()
}

/// A search for many needles at once: by their first eight bytes, then whole.
struct Search {
    needles: Vec<(&'static str, Vec<u8>)>,
    firsts: HashSet<[u8; 8]>,
}

impl Search {
    fn of(niks: &[String]) -> Self {
        let needles: Vec<_> = niks.iter().flat_map(|nik| traces(nik)).collect();
        let firsts = needles.iter().map(|(_, needle)| *needle.first_chunk().unwrap()).collect();
        Self { needles, firsts }
    }

    /// The name of the first trace in these bytes.
    fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        bytes.windows(8).enumerate().find_map(|(at, first)| {
            if !self.firsts.contains(first) {
                return None;
            }
            self.needles.iter().find(|(_, needle)| bytes[at..].starts_with(needle)).map(|(name, _)| *name)
        })
    }

    /// Every file of a folder in which there is a trace, in its content or its name.
    fn find_in(&self, folder: &Path) -> Vec<(PathBuf, &'static str)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.extend(self.find(path.as_os_str().as_encoded_bytes()).map(|name| (path.clone(), name)));
            if path.is_dir() {
                found.extend(self.find_in(&path));
            } else {
                let bytes = std::fs::read(&path).unwrap();
                found.extend(self.find(&bytes).map(|name| (path.clone(), name)));
            }
        }
        found
    }
}

#[test]
fn the_search_finds_what_is_planted() {
    let operator = Operator::new();
    let niks = niks(0, 60);
    let search = Search::of(&niks);
    let place = operator.layout.vault().join("planted");
    let traces = traces(&niks[59]);
    assert!(traces.len() > 40);
    for (name, trace) in traces {
        std::fs::write(&place, [b"before".as_slice(), &trace, b"after"].concat()).unwrap();
        assert_eq!(search.find_in(operator.layout.root()), [(place.clone(), name)]);
    }
    std::fs::remove_file(&place).unwrap();
    let named = operator.layout.vault().join(format!("{}.tmp", niks[0]));
    std::fs::write(&named, "").unwrap();
    assert_eq!(search.find_in(operator.layout.root()), [(named, "ASCII")]);
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything an operator and its banks do, over `asked` and what was ingested.
async fn a_day_of_work(ingested: &[String], asked: &[String]) -> Scene {
    let mut scene = Scene::new().await;
    scene.operator.ingest("breach-b", ingested);
    scene.operator.ingest("breach-b", &[ingested, &["broken".to_owned(), "12345".to_owned()]].concat());
    scene.operator.publish();
    scene.serving = scene.operator.serve_again(scene.serving).await;
    scene.caller = scene.call().await;
    scene.pins = Pins::take(&scene.caller, &scene.bank.invitation).await;
    Batch::new(asked, 3).evaluate(&scene.caller, &scene.pins).await;
    Batch::new(ingested, 4).evaluate(&scene.caller, &scene.pins).await;
    // And what goes wrong, where a log line might say too much: an identifier where something else belongs.
    let stranger =
        Dial::new(&scene.bank.invitation.ca_certificate).call(scene.serving.address).await.unwrap();
    let nik = ingested[0].as_bytes();
    for caller in [&scene.caller, &stranger] {
        for lie in [nik.to_vec(), messages::framed(1, 4, nik), messages::framed(1, 1, nik)] {
            assert!(caller.send(&lie).await.unwrap().refused().is_some());
        }
        let token: [u8; 32] = [nik, nik].concat().try_into().unwrap();
        let join = messages::join(token, nik.to_vec());
        assert!(caller.ask(&join, &[]).await.refused().is_some());
        let fetch = messages::fetch(token, 0, 1);
        assert!(caller.ask(&fetch, &[]).await.refused().is_some());
    }
    scene
}

#[test]
fn no_identifier_is_left_on_the_disk_or_in_the_log() {
    let (ingested, asked) = (niks(0, 300), niks(1_000, 100));
    let log = Buffer::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // For the whole process: the server's threads log too. No other test of this file logs anything of its own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let search = Search::of(&[ingested.as_slice(), &asked].concat());
    runtime.block_on(async {
        let scene = a_day_of_work(&ingested, &asked).await;
        // While it serves, and after.
        let root = scene.operator.layout.root().to_owned();
        assert_eq!(search.find_in(&root), []);
        scene.serving.stop().await;
        assert_eq!(search.find_in(&root), []);
    });
    let log = log.0.lock().unwrap();
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("refused") && text.contains("answered"), "the log was captured");
    assert_eq!(search.find(&log), None);
    assert_eq!(search.find(&[&log, ingested[7].as_bytes()].concat()), Some("ASCII"));
}
