//! `bench`: what it spends, what it reports, and when it has no result.

use samar_local::exit::Exit;
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::wire::{Request, RequestKind};

use super::bank::{Bank, count, entries};
use super::lies::change_bulk;
use super::operator::Operator;

#[test]
fn a_bench_spends_what_it_said_and_names_both_sides() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    operator.allow(3_000);
    operator.asked();
    let report = bank.bench(3_000).unwrap();
    let asked: Vec<u32> = operator
        .asked()
        .iter()
        .filter_map(|request| match request {
            Request::Evaluate(evaluate) => Some(evaluate.count),
            _ => None,
        })
        .collect();
    assert_eq!(report.charged, asked.iter().copied().map(u64::from).sum::<u64>());
    assert!(report.charged <= 3_000 && asked.iter().all(|count| [8, 32].contains(count)), "{asked:?}");
    assert_eq!(report.server_backend, "stand-in");
    assert_eq!(
        report.steps.iter().map(|step| (step.batch, step.streams)).collect::<Vec<_>>(),
        [(8, 1), (8, 3), (32, 1), (32, 3)]
    );
    // Each step warms up with a batch on each stream, which is charged and not counted.
    let measured: u64 = report.steps.iter().map(|step| step.customers).sum();
    assert_eq!(measured + 4 * (8 + 32), report.charged);
    for step in &report.steps {
        assert!(step.exchanges >= u64::from(step.streams) && step.customers_per_second > 0.0, "{step:?}");
        assert!(step.bytes_sent_per_customer > 32.0 && step.bytes_received_per_customer > 32.0, "{step:?}");
        assert!(step.latency_ms.max > 0.0, "{step:?}");
    }
    let page = std::fs::read_to_string(bank.path("bench.html")).unwrap();
    assert!(page.contains("stand-in") && page.ends_with("</html>\n"));
    let longest = page.split(|sign: char| !sign.is_ascii_digit()).map(str::len).max();
    assert!(longest < Some(16), "an identifier in the page");
}

#[test]
fn a_bench_that_the_allowance_does_not_cover_never_begins() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    operator.allow(2_999);
    operator.asked();
    let failure = bank.bench(3_000).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    let says = failure.to_string();
    assert!(says.contains("3,000 evaluations") && says.contains("leaves 2,999"), "{says}");
    assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 0);
    assert!(!bank.path("bench.html").exists());
}

#[test]
fn a_bench_of_a_server_that_lies_has_no_result() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk.swap(0, 32)));
    assert_eq!(bank.bench(3_000).unwrap_err().exit(), Exit::Peer);
    assert!(!bank.path("bench.html").exists());
}
