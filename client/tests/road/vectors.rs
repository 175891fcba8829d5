//! Every vector that an operator can answer, sign or publish, met by a bank: it ends with exit code 5 and the vector's words,
//! and nothing of it is kept.

use samar::check::Checker;
use samar_local::exit::{Exit, Failure};
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::manifest::{SegmentRef, SignedManifest};
use samar_protocol::segment::Header;
use samar_protocol::wire::RequestKind;

use super::bank::{Bank, count, entries};
use super::operator::Operator;
use super::refused::{self, Vector};

/// The answers to one kind of request: those that the decoder refuses, and those that only this bank can.
fn answers(to: &str) -> Vec<Vector> {
    let asked = refused::all().into_iter().filter(|vector| {
        [format!("answer to {to}"), format!("answer to the client's {to}")].contains(&vector.reads_as)
    });
    let answers: Vec<Vector> = asked.collect();
    assert!(!answers.is_empty(), "no answer to {to}");
    answers
}

fn is_refused<T: std::fmt::Debug>(vector: &Vector, outcome: Result<T, Failure>) {
    let failure = outcome.expect_err(&vector.name);
    assert_eq!((failure.exit(), vector.seen_as.as_str()), (Exit::Peer, "5"), "{}: {failure}", vector.name);
    let said = failure.to_string();
    assert!(
        said.contains(&vector.refused_as),
        "{}: {said}\ndoes not say\n{}",
        vector.name,
        vector.refused_as
    );
}

#[test]
fn an_answer_to_a_join_leaves_the_folder_unjoined() {
    let operator = Operator::start();
    let bank = Bank::new();
    for vector in answers("join") {
        operator.answer_always(RequestKind::Join, &vector.bytes);
        is_refused(&vector, bank.join(&operator));
        assert!(!bank.path("samar/samar.toml").exists(), "{}", vector.name);
    }
    operator.be_honest();
    bank.join(&operator).unwrap();
}

#[test]
fn an_answer_with_a_manifest_or_a_range_is_not_kept() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    for (to, kind) in [("manifest", RequestKind::Manifest), ("fetch", RequestKind::Fetch)] {
        for vector in answers(to) {
            operator.answer_always(kind, &vector.bytes);
            is_refused(&vector, bank.sync());
            assert!(bank.files("manifests").is_empty(), "{}", vector.name);
        }
    }
    operator.be_honest();
    assert_eq!(bank.sync().unwrap().epoch, 1);
}

#[test]
fn an_answer_to_a_batch_ends_the_run_without_a_report() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    for vector in answers("evaluate") {
        operator.answer_always(RequestKind::Evaluate, &vector.bytes);
        operator.asked();
        is_refused(&vector, bank.screen(0..2));
        assert!(!bank.path("report.csv").exists(), "{}", vector.name);
        assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 1, "{} is asked for once", vector.name);
    }
    operator.be_honest();
    assert_eq!(bank.screen(0..2).unwrap().exposed, 2);
}

#[test]
fn a_signed_manifest_that_breaks_a_rule_is_not_kept() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    for vector in refused::read_as("manifest") {
        operator.send_manifest(&vector.bytes);
        is_refused(&vector, bank.sync());
        assert!(bank.files("manifests").is_empty(), "{}", vector.name);
    }
    operator.be_honest();
    assert_eq!(bank.sync().unwrap().epoch, 1);
}

#[test]
fn a_published_segment_that_breaks_a_rule_is_not_used() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let others = refused::read_as("segment that the manifest describes otherwise");
    let rooted = refused::all().into_iter().filter(|vector| vector.reads_as.starts_with("segment of root"));
    // Those of the example's root first: once its own header is here, only its own pages are still asked for.
    for vector in rooted.chain(others).chain(refused::read_as("segment")) {
        operator.publish_file(named(&vector), vector.bytes.clone());
        is_refused(&vector, bank.sync());
        assert_eq!(bank.files("manifests").len(), 1, "{}", vector.name);
        assert!(bank.path("samar/manifests/1.manifest").exists(), "{}", vector.name);
    }
    assert_eq!(bank.screen(0..10).unwrap().exposed, 10, "what was synced before stays in use");
}

/// How a manifest would name this segment: as SPEC.md's example does, under the root that its bytes have, and of the size
/// that its header comes to.
fn named(vector: &Vector) -> SegmentRef {
    let example = SignedManifest::inspect(&refused::example("manifest")).unwrap();
    let mut reference = example.manifest().breaches[0].segments[0].clone();
    if vector.reads_as.starts_with("segment of root") {
        return reference;
    }
    let page_bytes = reference.page_bytes as usize;
    let (block, rest) = vector.bytes.split_at(page_bytes);
    let header = Header::parse(block).ok();
    let pages = header.as_ref().map_or(1, Header::pages) as usize;
    let directory = rest.get(pages * page_bytes..).unwrap_or_default();
    reference.root = *blake3::hash(&[b"samar segment root v1", block, directory].concat()).as_bytes();
    if let Some(header) = header.filter(|_| vector.reads_as == "segment") {
        reference.entries = header.params().entries.into();
        reference.file_bytes = header.file_bytes();
    }
    reference
}

#[test]
fn a_cell_that_is_no_nik_gets_its_reason_and_no_verdict() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let cells = refused::read_as("cell");
    let texts: Vec<String> =
        cells.iter().map(|cell| String::from_utf8(cell.bytes.clone()).unwrap()).collect();
    let home = bank.home();
    let check = async {
        let checker = Checker::open(&home).await.unwrap();
        let verdicts = checker.verdicts(&texts).await.unwrap();
        verdicts.iter().map(samar::report::Verdict::status).collect::<Vec<_>>()
    };
    let expected: Vec<String> = cells.iter().map(|cell| format!("invalid:{}", cell.refused_as)).collect();
    assert_eq!(bank.runtime.block_on(check), expected);
    assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 0, "nothing is asked or charged for them");
}
