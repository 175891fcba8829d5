//! The whole road on one machine: a real operator and a real bank in one process, over QUIC on loopback.
//!
//! One iteration screens 20,000 customers against a set of 100,000: it reads the file, blinds, asks, verifies, unblinds,
//! matches and writes the report. Both sides use all cores, and share them.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use samar::Home;
use samar::report::Format;
use samar::screen::{Column, ScreenPlan, screen};
use samar_protocol::group::Backend;
use samar_protocol::identifier::Kind;
use samar_server::config::Config;
use samar_server::enroll::{Enrolment, enroll};
use samar_server::ingest::{IdentifierColumn, Plan, Source, ingest};
use samar_server::layout::Layout;
use samar_server::serve::Server;
use samar_server::synth::{CustomerSpec, Dirt, DumpSpec, Group, Like, write_customers, write_dump};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const PERSONS: u64 = 100_000;
const CUSTOMERS: u64 = 20_000;
/// Customers who are in the set.
const EXPOSED: u64 = 5_000;
const MEMORY_BYTES: usize = 64 << 20;

/// A folder with everything initialised, ingested and published, and made-up customers beside it.
fn operator(folder: &Path) -> Layout {
    let layout = Layout::new(folder.join("operator"));
    samar_server::init::init(&layout, "Badan Contoh", "127.0.0.1:0".parse().unwrap()).unwrap();
    let dump = folder.join("dump.csv");
    let (like, dirt) = (Like::Bpjs, Dirt::default());
    let spec = DumpSpec { seed: 1, first: 0, count: PERSONS, like, photo_per_mille: 0, dirt };
    write_dump(&mut File::create(&dump).unwrap(), &spec).unwrap();
    let plan = Plan {
        breach: "bpjs-2021".to_owned(),
        title: None,
        date: Some("2021-05".to_owned()),
        status: None,
        about: None,
        columns: vec![IdentifierColumn { kind: Kind::Nik, column: "NIK".to_owned() }],
        exposes: vec![],
        memory_bytes: MEMORY_BYTES,
        form: None,
        table: None,
        rejects: None,
        sources: vec![Source::File(dump)],
    };
    ingest(&layout, Backend::best(), &plan).unwrap();
    samar_server::publish::publish(&layout, MEMORY_BYTES).unwrap();

    let group = |persons, take, breaches| Group { persons, take, breaches };
    let groups = vec![
        group(0..PERSONS, EXPOSED, vec!["bpjs-2021".to_owned()]),
        group(PERSONS..2 * PERSONS, CUSTOMERS - EXPOSED, vec![]),
    ];
    let spec = CustomerSpec { seed: 1, groups, all_kinds: false, dirt: Dirt::default() };
    write_customers(&mut File::create(folder.join("customers.csv")).unwrap(), None, &spec).unwrap();
    layout
}

/// The text of an invitation to the server at this address.
fn invitation(folder: &Path, layout: &Layout, address: String) -> String {
    let config = Config { address: Some(address), ..Config::read(&layout.config()).unwrap() };
    fs::write(layout.config(), config.to_text()).unwrap();
    let out = folder.join("bank.invitation");
    let all = Some(u64::MAX);
    let enrolment =
        Enrolment { bank: "bank-jaya", out: &out, per_day: all, lifetime: all, csr: None, again: false };
    enroll(layout, &enrolment).unwrap();
    fs::read_to_string(out).unwrap()
}

fn loopback(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let layout = operator(folder);
    let operators = Runtime::new().unwrap();
    let server = operators.block_on(async { Server::start(&layout, Backend::best()) }).unwrap();
    let address = server.address().unwrap().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = operators.spawn(server.run(async { drop(stopped.await) }));

    let banks = Runtime::new().unwrap();
    let home = Home::new(&folder.join("bank"));
    let invitation = invitation(folder, &layout, address);
    banks.block_on(samar::join::join(&home, &invitation, None)).unwrap();
    banks.block_on(samar::sync::sync(&home)).unwrap();
    let plan = ScreenPlan {
        home,
        file: folder.join("customers.csv"),
        columns: vec![Column::parse("NIK")],
        form: None,
        table: None,
        out: folder.join("report.csv"),
        format: Format::Csv,
        summary: None,
        html: None,
        only: vec![],
        since: None,
        memory_bytes: 512 << 20,
        ledger: true,
    };

    let mut group = criterion.benchmark_group("loopback");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(CUSTOMERS));
    group.bench_function("screen", |bencher| {
        bencher.iter(|| {
            let summary = banks.block_on(screen(&plan)).unwrap();
            assert_eq!((summary.evaluated, summary.exposed), (CUSTOMERS, EXPOSED));
        });
    });
    group.finish();

    stop.send(()).unwrap();
    operators.block_on(serving).unwrap().unwrap();
}

criterion_group!(benches, loopback);
criterion_main!(benches);
