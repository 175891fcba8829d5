//! The bank's road against an operator that is honest, and against one that is not.

mod operator;

use std::path::{Path, PathBuf};

use operator::Operator;
use samar::check::Checker;
use samar::report::{Format, Summary};
use samar::screen::{ScreenPlan, screen};
use samar::sync::{SyncReport, sync};
use samar::{Home, join::join};
use samar_local::exit::{Exit, Failure};
use samar_protocol::manifest::SegmentKind::{Add, Base, Remove};
use samar_protocol::wire::{Request, RequestKind};

/// A NIK that is well formed, one for each number.
fn nik(number: usize) -> String {
    format!("3201{:02}0101{:02}{:04}", number / 9_999 % 90 + 10, number / 900_000 + 50, number % 9_999 + 1)
}

fn entries(numbers: std::ops::Range<usize>) -> Vec<(String, u32)> {
    numbers.map(|number| (nik(number), u32::from(number % 10 == 0))).collect()
}

struct Bank {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Bank {
    fn joined(operator: &Operator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bank = Self { folder, runtime };
        bank.join(operator).unwrap();
        bank
    }

    fn join(&self, operator: &Operator) -> Result<(), Failure> {
        let text = operator.invitation().to_text().unwrap();
        self.runtime.block_on(join(&self.home(), &text, None)).map(|_| ())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> Home {
        Home::new(&self.path("samar"))
    }

    fn sync(&self) -> Result<SyncReport, Failure> {
        self.runtime.block_on(sync(&self.home()))
    }

    /// Screens these customers; the report stands in `report.csv`.
    fn screen(&self, numbers: impl IntoIterator<Item = usize>) -> Result<Summary, Failure> {
        let rows: String = numbers.into_iter().map(|number| format!("{number},{}\n", nik(number))).collect();
        self.screen_text(&format!("cif,nik\n{rows}"))
    }

    /// Screens a file with this text, by its column "nik".
    fn screen_text(&self, text: &str) -> Result<Summary, Failure> {
        std::fs::write(self.path("customers.csv"), text).unwrap();
        let plan = ScreenPlan {
            home: self.home(),
            file: self.path("customers.csv"),
            column: "nik".to_owned(),
            out: self.path("report.csv"),
            format: Format::Csv,
            summary: None,
            memory_bytes: 512 << 20,
        };
        self.runtime.block_on(screen(&plan))
    }

    fn report(&self) -> String {
        std::fs::read_to_string(self.path("report.csv")).unwrap()
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("samar").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn count(asked: &[Request], kind: RequestKind) -> usize {
    asked.iter().filter(|request| request.kind() == kind).count()
}

/// Swaps the bulk of answers to one kind of request.
fn change_bulk(
    kind: RequestKind,
    change: impl Fn(&mut [u8]) + Send + Sync + 'static,
) -> impl Fn(&Request, Vec<u8>) -> Vec<u8> + Send + Sync {
    move |request, mut answer| {
        if request.kind() == kind {
            let control = u32::from_le_bytes(answer[2..6].try_into().unwrap()) as usize;
            change(&mut answer[6 + control..]);
        }
        answer
    }
}

#[test]
fn a_bank_learns_of_its_own_customers() {
    let operator = Operator::start();
    operator.publish(&[
        (Base, &entries(0..3_000)),
        (Add, &entries(5_000..5_010)),
        (Remove, &entries(100..110)),
    ]);
    let bank = Bank::joined(&operator);
    assert_eq!(bank.sync().unwrap().segments_fetched, 3);
    // Exposed: 90..100 of the base without the removed ones, 110..120, and 5000 of those added. 90 stands there twice.
    let summary = bank.screen((90..120).chain([5_000, 4_000, 90])).unwrap();
    assert_eq!((summary.rows, summary.unique, summary.exposed, summary.charged), (33, 32, 22, 32));
    let report = bank.report();
    let lines: Vec<&str> = report.lines().collect();
    let added = "samar_status,samar_breaches,samar_fields,samar_confidence,samar_since";
    assert_eq!(lines[0], format!("cif,nik,{added}"));
    assert_eq!(lines[1], format!("90,{},exposed,bpjs-2021,phone+photo,claimed,2021-05", nik(90)));
    assert_eq!(lines[2], format!("91,{},exposed,bpjs-2021,phone,claimed,2021-05", nik(91)));
    assert_eq!(lines[11], format!("100,{},clear,,,,", nik(100)));
    assert_eq!(lines[33], lines[1]);
    assert!(bank.files("pending").is_empty(), "what was reported need not be kept");

    let (home, texts) = (bank.home(), [nik(90), "x".to_owned(), nik(100), nik(90)]);
    let check = async {
        let checker = Checker::open(&home).await.unwrap();
        let verdicts = checker.verdicts(&texts).await.unwrap();
        verdicts.iter().map(samar::report::Verdict::status).collect::<Vec<_>>()
    };
    operator.asked();
    assert_eq!(bank.runtime.block_on(check), ["exposed", "invalid:not-digits", "clear", "exposed"]);
    let asked = operator.asked();
    let Some(Request::Evaluate(evaluate)) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(evaluate.count, 2, "the same identifier twice is charged once");
}

#[test]
fn either_blinding_comes_to_the_same_report() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    // Three batches, so that blinds prepared beside an earlier one are used too.
    let screen = |blinding: &str| {
        let path = bank.home().dir().join("samar.toml");
        let lines = std::fs::read_to_string(&path).unwrap();
        let others: Vec<&str> = lines.lines().filter(|line| !line.starts_with("blinding")).collect();
        std::fs::write(&path, format!("{}\nblinding = \"{blinding}\"\n", others.join("\n"))).unwrap();
        let summary = bank.screen(0..9_000).unwrap();
        assert_eq!((summary.exposed, summary.charged), (50, 9_000), "{blinding}");
        bank.report()
    };
    assert_eq!(screen("additive"), screen("rfc"));
}

#[test]
fn a_later_sync_fetches_what_is_new_and_drops_what_is_not_named() {
    let operator = Operator::start();
    let bank = Bank::joined(&operator);
    assert_eq!(bank.sync().unwrap_err().exit(), Exit::Refused, "nothing is published yet");
    operator.publish(&[(Base, &entries(0..500))]);
    bank.sync().unwrap();
    operator.publish(&[(Base, &entries(0..10))]);
    operator.publish(&[(Base, &[])]);
    let report = bank.sync().unwrap();
    assert_eq!((report.epoch, report.segments_fetched, report.segments_removed), (3, 1, 1));
    assert_eq!((bank.files("segments").len(), bank.files("manifests").len()), (1, 1));
    operator.asked();
    let report = bank.sync().unwrap();
    assert!(!report.advanced && report.segments_fetched == 0);
    assert_eq!(count(&operator.asked(), RequestKind::Fetch), 0);
    assert_eq!(bank.screen(0..3).unwrap().exposed, 0, "a breach without entries exposes nobody");
}

#[test]
fn a_download_that_was_cut_short_goes_on_where_it_stopped() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..150_000))]); // some 400 pages: four stretches
    let bank = Bank::joined(&operator);
    // The last page of the third stretch comes out wrong.
    operator.lie(|request, mut answer| {
        if matches!(request, Request::Fetch(fetch) if fetch.offset == 2_048 * (1 + 2 * 128)) {
            *answer.last_mut().unwrap() ^= 1;
        }
        answer
    });
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer);
    assert!(failure.to_string().contains("page 383"), "{failure}");
    assert_eq!(bank.screen(0..3).unwrap_err().exit(), Exit::Input, "nothing half-fetched is used");

    operator.be_honest();
    operator.asked();
    let report = bank.sync().unwrap();
    let asked = operator.asked();
    assert!(count(&asked, RequestKind::Fetch) < 4, "{} fetches", count(&asked, RequestKind::Fetch));
    assert!(report.bytes_fetched < 600_000, "{report:?}");
    assert_eq!(bank.screen(0..3).unwrap().exposed, 3);
}

#[test]
fn every_lie_about_the_set_is_named_and_nothing_of_it_is_kept() {
    let operator = Operator::start();
    let old = operator.publish(&[(Base, &entries(0..10))]);
    operator.publish(&[(Base, &entries(0..20))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();

    let refused = |says: &str| {
        let failure = bank.sync().unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert_eq!(bank.screen(0..30).unwrap().exposed, 20, "what was synced before stays in use");
    };
    let instead = |manifest: Vec<u8>| {
        operator.lie(move |request, answer| match request {
            Request::Manifest(_) => {
                let length = u32::try_from(manifest.len()).unwrap();
                let sent = samar_protocol::wire::ManifestSent { length, extensions: vec![] };
                let head = samar_protocol::wire::Response::Manifest(sent).encode().unwrap();
                [head, manifest.clone()].concat()
            }
            _ => answer,
        });
    };
    instead(old);
    refused("rollback");
    let other = Operator::start();
    other.publish(&[(Base, &entries(0..1))]);
    instead(other.publish(&[(Base, &entries(0..2))]));
    refused("fork");
    operator.lie(change_bulk(RequestKind::Manifest, |bulk| bulk[20] ^= 1));
    // The newest manifest is known by its hash, so a changed signature over the same body is no other manifest.
    assert!(!bank.sync().unwrap().advanced);

    operator.be_honest();
    operator.publish(&[(Base, &entries(0..30))]);
    operator.lie(change_bulk(RequestKind::Manifest, |bulk| bulk[20] ^= 1));
    refused("signature");
    operator.lie(change_bulk(RequestKind::Fetch, |bulk| bulk[100] ^= 1));
    refused("segment");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Fetch {
            answer.push(0);
        }
        answer
    });
    refused("bytes follow");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Fetch {
            answer.truncate(answer.len() - 1);
        }
        answer
    });
    refused("ends too early");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Manifest {
            answer[1] = 0x83;
        }
        answer
    });
    refused("kind");
    operator.be_honest();
    assert_eq!(bank.sync().unwrap().epoch, 3);

    operator.publish_until(&[(Base, &entries(0..20))], samar::people::now_s() - 5);
    let failure = bank.sync().unwrap_err();
    assert!(failure.exit() == Exit::Peer && failure.to_string().contains("ran out"), "{failure}");
}

#[test]
fn every_lie_in_an_evaluation_ends_the_run_without_a_report() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let refused = |says: &str| {
        operator.asked();
        let failure = bank.screen(0..10).unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert!(!bank.path("report.csv").exists());
        assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 1, "a lie is not asked for twice");
    };
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk.rotate_left(32)));
    refused("batch proof does not hold");
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk[..32].fill(0)));
    refused("identity");
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk[32..64].fill(0xff)));
    refused("element 1 is not a canonical");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Evaluate {
            answer[6] -= 1; // the count
            answer.truncate(answer.len() - 32);
        }
        answer
    });
    refused("a batch is charged whole");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Evaluate {
            let charged = 6 + 4 + 64;
            answer[6] -= 1;
            answer[charged] -= 1;
            answer.truncate(answer.len() - 32);
        }
        answer
    });
    refused("asked for 10 evaluated elements, it announces 9");

    operator.be_honest();
    assert_eq!(bank.screen(0..10).unwrap().exposed, 10);
}

#[test]
fn what_an_allowance_covered_is_not_paid_for_twice() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    operator.allow(5_000); // one batch of 4,096 and a smaller one: the allowance is used up to its end
    let failure = bank.screen(0..8_192).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(failure.to_string().contains("5,000 evaluated (5,000 charged) and kept"), "{failure}");
    assert!(!bank.path("report.csv").exists());
    for path in bank.files("pending") {
        let spool = std::fs::read(path).unwrap();
        assert!(!spool.windows(16).any(|bytes| bytes == nik(0).as_bytes()), "an identifier was spooled");
    }
    operator.allow(u64::MAX);
    let summary = bank.screen(0..8_192).unwrap();
    assert_eq!(
        (summary.reused, summary.evaluated, summary.charged, summary.exposed),
        (5_000, 3_192, 3_192, 100)
    );
}

#[test]
fn a_column_without_a_single_nik_is_an_error_and_not_good_news() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let failure = bank.screen_text("nik,name\nAni,3\nBudi,4\n").unwrap_err();
    assert_eq!(failure.exit(), Exit::Input);
    assert!(failure.to_string().contains("none of the 2 rows"), "{failure}");
    assert!(!bank.path("report.csv").exists());
}

#[test]
fn a_busy_server_is_asked_again_and_not_for_ever() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    operator.be_busy(3);
    bank.sync().unwrap();
    operator.be_busy(100);
    let failure = bank.sync().unwrap_err();
    assert!(failure.exit() == Exit::Refused && failure.to_string().contains("busy"), "{failure}");
}

#[test]
fn a_foreign_server_is_told_from_an_absent_one() {
    let (operator, other) = (Operator::start(), Operator::start());
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    let config = bank.path("samar/samar.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(&operator.address.to_string(), &other.address.to_string())).unwrap();
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("certificate"), "{failure}");

    // The other way round: the server is right, the bank's certificate is of another operator.
    std::fs::write(&config, text).unwrap();
    let stranger = Bank::joined(&other);
    for name in ["client.key", "client.pem"] {
        std::fs::copy(stranger.path("samar").join(name), bank.path("samar").join(name)).unwrap();
    }
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused, "{failure}");
}

#[test]
fn a_join_ends_with_a_key_of_ones_own_or_not_at_all() {
    use std::os::unix::fs::PermissionsExt as _;
    let operator = Operator::start();
    let bank = Bank::joined(&operator);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&bank.path("samar")), mode(&bank.path("samar/client.key"))), (0o700, 0o600));
    assert_eq!(bank.join(&operator).unwrap_err().exit(), Exit::Input, "an enrolment is never overwritten");

    let attempt = |lie: fn(Vec<u8>) -> Vec<u8>| {
        operator.lie(move |_, answer| lie(answer));
        let folder = tempfile::tempdir().unwrap();
        let fresh = Bank { folder, runtime: tokio::runtime::Runtime::new().unwrap() };
        let failure = fresh.join(&operator).unwrap_err();
        assert!(!fresh.path("samar/samar.toml").exists());
        operator.be_honest();
        fresh.join(&operator).unwrap(); // the same folder, the same key
        failure
    };
    let foreign_key = attempt(|_| {
        let certified = rcgen::generate_simple_self_signed(vec!["bank-a".to_owned()]).unwrap();
        let joined = samar_protocol::wire::Joined {
            bank: "bank-a".to_owned(),
            certificate: certified.cert.der().to_vec(),
            extensions: vec![],
        };
        samar_protocol::wire::Response::Joined(joined).encode().unwrap()
    });
    assert_eq!(foreign_key.exit(), Exit::Peer);
    assert!(foreign_key.to_string().contains("another key"), "{foreign_key}");
    let torn = attempt(|mut answer| {
        answer.truncate(20);
        answer
    });
    assert_eq!(torn.exit(), Exit::Peer, "{torn}");
}

#[test]
fn a_damaged_page_is_never_taken_for_clear() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..5_000))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let segment = bank.files("segments").remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[2_048 + 700] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    let failure = bank.screen(0..5_000).unwrap_err();
    assert_eq!(failure.exit(), Exit::Local, "{failure}");
    assert!(!bank.path("report.csv").exists());
}
