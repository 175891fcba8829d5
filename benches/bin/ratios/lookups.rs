//! Private lookups beside reading the same memory, beside each other, and beside `ChalametPIR`.

use std::fmt::Write as _;

use samar_benches::lookup::{self, Mapped};
use samar_benches::opponents::chalamet::Chalamet;
use samar_benches::{machine, rounds};
use samar_protocol::lookup::BATCH_QUERIES_MAX;

use super::{Arguments, Row, row, show, table};

/// The steps of a private lookup, and below the table what has no opponent.
pub(super) fn measure(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mapped = Mapped::new(arguments.pages)?;
    let mut chalamet = arguments.chalamet.as_deref().map(Chalamet::start).transpose()?;
    let prepared = chalamet.as_ref().map(|chalamet| chalamet.prepared);
    let small = prepared.map(|prepared| Mapped::holding(prepared.bytes)).transpose()?;
    let mut steps = mapped.steps();
    if let (Some(chalamet), Some(small)) = (&mut chalamet, &small) {
        steps.push(small.against(Chalamet::NAME, Box::new(|| chalamet.answer_s())));
    }
    let mut outcomes = rounds::run(&mut steps, arguments.rounds.into());
    // A round of the second step has a pass of sixteen beside a pass of one; what compares is a query.
    let per_query = |ratio: f64| ratio * BATCH_QUERIES_MAX as f64;
    let (low, high) = outcomes[1].spread;
    outcomes[1].spread = (per_query(low), per_query(high));
    let bytes = mapped.bytes() as f64;
    let rows: Vec<Row> = steps
        .iter()
        .zip(&outcomes)
        .map(|(step, outcome)| match step.name {
            "lookup_scan" => row(step, outcome, bytes, bytes),
            "lookup_small" => row(step, outcome, 1.0, 1.0),
            _ => row(step, outcome, BATCH_QUERIES_MAX as f64, 1.0),
        })
        .collect();
    let head = format!(
        "{}\nkernel {}, n 1,024, q 2^32, sigma 16, query 28 bits, answer 13, hint 21; {} pages of 8,192 bytes in a mapped file, one thread, \
         medians of {} interleaved rounds; bytes (lookup_scan) and queries (the others) per second of processor time\n",
        machine::describe(),
        mapped.kernel(),
        arguments.pages,
        arguments.rounds
    );
    let [hint, up, down] = mapped.sizes();
    let client = lookup::client_time(arguments.pages);
    let mut text = head + &table(&rows, &outcomes);
    let milliseconds = |seconds: f64| seconds * 1e3;
    // Cannot fail: a String takes everything.
    let beside = mapped.beside_s();
    for (name, pass) in [
        ("one lookup", outcomes[0].ours_s),
        ("one of sixteen", outcomes[1].ours_s / BATCH_QUERIES_MAX as f64),
    ] {
        let _ = writeln!(
            text,
            "{name}, server: {:.1} ms of a core: pass {:.1}, reading the query and packing the answer {:.2}",
            milliseconds(pass + beside),
            milliseconds(pass),
            milliseconds(beside)
        );
    }
    let _ = writeln!(
        text,
        "client, once there is an identifier: {:.2} ms of a core",
        milliseconds(client.online_s)
    );
    let _ = writeln!(
        text,
        "client, ahead: {:.0} ms a query, four at a time, all cores",
        milliseconds(client.prepare_s)
    );
    let _ = writeln!(text, "bytes: up {up}, down {down}, hint {hint}");
    let _ = writeln!(text, "hint: {:.0} MB of segment a second of a core", lookup::hint_bytes_per_s() / 1e6);
    if let (Some(prepared), Some(small)) = (prepared, &small) {
        let [hint, up, down] = small.sizes();
        let _ = writeln!(
            text,
            "{}: {} values, {} bytes, prepared in {:.0} s on all cores; up {}, down {}, hint {}, client {:.1} ms of a core for all of it; \
             ours of as many bytes: up {up}, down {down}, hint {hint}",
            Chalamet::NAME,
            prepared.entries,
            prepared.bytes,
            prepared.prepare_s,
            prepared.query_bytes,
            prepared.answer_bytes,
            prepared.hint_bytes,
            milliseconds(prepared.client_s)
        );
    }
    show(arguments, &text, &rows)
}
