//! The same records in every form that is read: the vault that each makes must be the same byte for byte, and how fast it is made
//! stands beside the encoder alone and beside the reader alone.
//!
//! `cargo run --release -p samar-benches --bin forms -- [--rows N] [--folder DIR] [--json]`. Each form is written to a file, read through once
//! without encoding, and ingested into a copy of one operator's folder, which has the same key.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use rayon::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use samar_benches::{machine, oprf_inputs};
use samar_local::table::{Input, Row, Table, TableOptions};
use samar_protocol::group::Backend;
use samar_protocol::identifier::{Identifier, Kind};
use samar_protocol::segment::SegmentKind;
use samar_server::ingest::{Exposure, IdentifierColumn, Plan, Report, Source, ingest};
use samar_server::init::init;
use samar_server::keys;
use samar_server::layout::Layout;
use samar_server::synth::{Dirt, DumpForm, DumpSpec, Like, write_dump_as};
use serde::Serialize;

const BREACH: &str = "bpjs-2021";
const MEMORY_BYTES: usize = 1 << 30;
/// Elements that share an inversion, as in ingest.
const BATCH: usize = 1_024;
/// Inputs that the encoder is given at a time, as in ingest.
const CHUNK: usize = 32_768;
/// Cells that are written oddly, rows that are broken, and rows that repeat a person.
const DIRT: Dirt = Dirt { odd_per_mille: 20, broken_per_mille: 10, repeated_per_mille: 10 };

/// Ingests the same records in every form.
#[derive(Parser)]
struct Arguments {
    /// Persons in the dump; broken and repeated rows come on top.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    rows: u64,
    /// Folder in which a folder for this run is made; it needs about 700 bytes a row.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Print one JSON object; what is told meanwhile goes to standard error.
    #[arg(long)]
    json: bool,
}

/// What a form is packed in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
    Zip,
}

/// A form, what it is packed in, and what it is called.
type Case = (&'static str, DumpForm, Packing);

const CASES: [Case; 13] = [
    ("csv", DumpForm::Csv, Packing::None),
    ("tsv", DumpForm::Tsv, Packing::None),
    ("sql-insert", DumpForm::SqlInsert, Packing::None),
    ("sql-one-line", DumpForm::SqlOneLine, Packing::None),
    ("sql-copy", DumpForm::SqlCopy, Packing::None),
    ("jsonl", DumpForm::Jsonl, Packing::None),
    ("json", DumpForm::Json, Packing::None),
    ("json-nested", DumpForm::JsonNested, Packing::None),
    ("xlsx", DumpForm::Xlsx, Packing::None),
    ("parquet", DumpForm::Parquet, Packing::None),
    ("csv.gz", DumpForm::Csv, Packing::Gzip),
    ("csv.zst", DumpForm::Csv, Packing::Zstd),
    ("csv.zip", DumpForm::Csv, Packing::Zip),
];

/// What one form came to.
#[derive(Clone, Debug, Serialize)]
struct Figure {
    form: &'static str,
    file_mb: f64,
    ingest_s: f64,
    processor_s: f64,
    rows_per_s: f64,
    mb_per_s: f64,
    /// Of the encoder's rate.
    share_of_encoder: f64,
    /// Rows that are read and parsed in a second, on one core, with nothing encoded.
    reader_rows_per_s: f64,
    /// How much of the ingest its reading alone would take.
    reader_share: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Figures {
    rows: u64,
    encoder_rows_per_s: f64,
    vault_bytes: usize,
    backend: String,
    machine: String,
    forms: Vec<Figure>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("forms: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let backend = Backend::choose(|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    let folder = tempfile::Builder::new().prefix("samar-forms.").tempdir_in(&arguments.folder);
    let folder = folder.map_err(cannot("make a folder"))?;
    let fresh = folder.path().join("operator");
    let listen = ([127, 0, 0, 1], 0).into();
    init(&Layout::new(&fresh), "Badan Contoh", listen).map_err(|failure| failure.to_string())?;
    let encoder = encoder(&Layout::new(&fresh), backend, arguments.rows)?;
    eprintln!("encoder alone: {encoder:.0} rows/s on all cores");

    let mut first: Option<(Vec<u8>, Report)> = None;
    let (mut forms, mut rows) = (Vec::new(), 0);
    for case in CASES {
        let (figure, vault, report) = measure(case, arguments.rows, folder.path(), &fresh, backend, encoder)?;
        eprintln!("{}: {:.1} s, {:.0} rows/s", figure.form, figure.ingest_s, figure.rows_per_s);
        let expected = first.get_or_insert_with(|| (vault.clone(), report.clone()));
        if vault != expected.0 {
            return Err(format!("{} makes another vault than csv", case.0));
        }
        if bare(&report) != bare(&expected.1) {
            return Err(format!("{} is reported otherwise than csv: {report:?}", case.0));
        }
        rows = report.rows();
        forms.push(figure);
    }
    let vault_bytes = first.map_or(0, |(vault, _)| vault.len());
    let (machine, backend) = (machine::describe(), backend.name().to_owned());
    let figures = Figures { rows, encoder_rows_per_s: encoder.round(), vault_bytes, backend, machine, forms };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&figures).map_err(cannot("print"))?);
    } else {
        show(&figures);
    }
    Ok(())
}

/// A report without what the file was taken for, which is all that may differ.
fn bare(report: &Report) -> Report {
    let mut bare = report.clone();
    bare.read_as.clear();
    bare
}

/// Identifiers that all cores encode in a second, with nothing read and nothing written.
#[allow(clippy::cast_precision_loss)] // shown with few digits
fn encoder(layout: &Layout, backend: Backend, rows: u64) -> Result<f64, String> {
    let key = keys::oprf(layout).map_err(|failure| failure.to_string())?;
    let inputs = oprf_inputs(CHUNK);
    let encode = || inputs.par_chunks(BATCH).map(|batch| key.encode(backend, batch).len()).sum::<usize>();
    let mut encoded = encode();
    let began = Instant::now();
    let before = encoded;
    while ((encoded - before) as u64) < rows.max(4 * CHUNK as u64) {
        encoded += encode();
    }
    Ok((encoded - before) as f64 / began.elapsed().as_secs_f64())
}

#[allow(clippy::cast_precision_loss)] // shown with few digits
fn measure(
    (name, form, packing): Case,
    persons: u64,
    folder: &Path,
    fresh: &Path,
    backend: Backend,
    encoder: f64,
) -> Result<(Figure, Vec<u8>, Report), String> {
    let (path, operator) = (folder.join(format!("dump.{name}")), folder.join(name));
    write(&path, form, packing, persons)?;
    copy(fresh, &operator)?;
    let within = if form == DumpForm::JsonNested { "peserta." } else { "" };
    let column = |name: &str| format!("{within}{name}");
    let reader_s = read(&path, &column("NIK"))?;

    let plan = Plan {
        breach: BREACH.to_owned(),
        title: None,
        date: Some("2021-05".to_owned()),
        status: None,
        about: None,
        columns: vec![IdentifierColumn { kind: Kind::Nik, column: column("NIK") }],
        form: None,
        table: None,
        exposes: vec![Exposure { class: "photo".to_owned(), column: Some(column("FOTO")) }],
        memory_bytes: MEMORY_BYTES,
        rejects: None,
        sources: vec![Source::File(path.clone())],
    };
    let layout = Layout::new(&operator);
    let (began, processor) = (Instant::now(), processor_s());
    let report = ingest(&layout, backend, &plan).map_err(|failure| format!("{name}: {failure}"))?;
    let (ingest_s, processor_s) = (began.elapsed().as_secs_f64(), processor_s() - processor);
    let vault = fs::read(layout.part(BREACH, 1, SegmentKind::Base)).map_err(cannot("read the vault"))?;
    let file_mb = fs::metadata(&path).map_err(cannot("read a dump"))?.len() as f64 / 1e6;
    let rows = report.rows() as f64;
    for gone in [fs::remove_file(&path), fs::remove_dir_all(&operator)] {
        gone.map_err(cannot("remove what was measured"))?;
    }
    let figure = Figure {
        form: name,
        file_mb: round(file_mb),
        ingest_s: round(ingest_s),
        processor_s: round(processor_s),
        rows_per_s: (rows / ingest_s).round(),
        mb_per_s: round(file_mb / ingest_s),
        share_of_encoder: round(rows / ingest_s / encoder),
        reader_rows_per_s: (rows / reader_s).round(),
        reader_share: round(reader_s / ingest_s),
    };
    Ok((figure, vault, report))
}

fn write(path: &Path, form: DumpForm, packing: Packing, persons: u64) -> Result<(), String> {
    let file = BufWriter::new(File::create(path).map_err(cannot("write a dump"))?);
    let spec =
        DumpSpec { seed: 1, first: 0, count: persons, like: Like::Bpjs, photo_per_mille: 70, dirt: DIRT };
    let dump = |out: &mut (dyn Write + Send)| {
        write_dump_as(&mut Out(out), &spec, form).map_err(cannot("write a dump"))
    };
    match packing {
        Packing::None => dump(&mut { file }).map(|_| ()),
        Packing::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            dump(&mut gzip)?;
            gzip.finish().and_then(|mut file| file.flush()).map_err(cannot("pack a dump"))
        }
        Packing::Zstd => {
            let mut zstd = zstd::Encoder::new(file, 3).map_err(cannot("pack a dump"))?;
            dump(&mut zstd)?;
            zstd.finish().and_then(|mut file| file.flush()).map_err(cannot("pack a dump"))
        }
        Packing::Zip => {
            let mut zip = zip::ZipWriter::new(file);
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file("dump.csv", options.large_file(true)).map_err(cannot("pack a dump"))?;
            dump(&mut zip)?;
            let finished = zip.finish().map_err(cannot("pack a dump"))?;
            finished.into_inner().map(|_| ()).map_err(cannot("pack a dump"))
        }
    }
}

/// An output of any kind, as the writers of forms take it.
struct Out<'a>(&'a mut (dyn Write + Send));

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Seconds in which every row is read and its identifier parsed, on this thread.
fn read(path: &Path, column: &str) -> Result<f64, String> {
    let began = Instant::now();
    let file = File::open(path).map_err(cannot("read a dump"))?;
    let options = TableOptions { name: path.display().to_string(), ..TableOptions::default() };
    let mut table = Table::open(Input::file(file), &options).map_err(cannot("read a dump"))?;
    let column = table.select_column(column).map_err(cannot("read a dump"))?;
    let (mut row, mut parsed) = (Row::new(), 0u64);
    while table.next_row(&mut row).map_err(cannot("read a dump"))? {
        parsed +=
            u64::from(row.require(column).is_ok_and(|cell| Identifier::parse(Kind::Nik, &cell).is_ok()));
    }
    if parsed == 0 { Err("nothing was parsed".to_owned()) } else { Ok(began.elapsed().as_secs_f64()) }
}

/// Copies an operator's folder, keys and all.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir(to).map_err(cannot("copy the folder"))?;
    let mode = fs::metadata(from).map_err(cannot("copy the folder"))?.permissions();
    fs::set_permissions(to, mode).map_err(cannot("copy the folder"))?;
    for entry in fs::read_dir(from).map_err(cannot("copy the folder"))? {
        let entry = entry.map_err(cannot("copy the folder"))?;
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place).map_err(cannot("copy the folder"))?;
        }
    }
    Ok(())
}

fn show(figures: &Figures) {
    let Figures { rows, encoder_rows_per_s, vault_bytes, backend, machine, forms } = figures;
    println!("{machine}\nbackend {backend}; {rows} rows; encoder alone {encoder_rows_per_s} rows/s\n");
    println!(
        "{:<14}{:>9}{:>10}{:>11}{:>10}{:>12}{:>14}{:>10}",
        "form", "file MB", "ingest s", "rows/s", "MB/s", "of encoder", "reader rows/s", "reading"
    );
    for figure in forms {
        println!(
            "{:<14}{:>9.1}{:>10.2}{:>11.0}{:>10.1}{:>10.0} %{:>14.0}{:>8.0} %",
            figure.form,
            figure.file_mb,
            figure.ingest_s,
            figure.rows_per_s,
            figure.mb_per_s,
            figure.share_of_encoder * 100.0,
            figure.reader_rows_per_s,
            figure.reader_share * 100.0,
        );
    }
    println!("\nEach makes the same vault, byte for byte: {vault_bytes} bytes.");
    println!(
        "The encoder has all cores, a reader one, while the others encode: where reading is most of the time, it is what bounds."
    );
}

/// Processor time of this program, on all cores.
#[allow(clippy::cast_precision_loss)] // of no consequence below months
fn processor_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn cannot<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {what}: {error}")
}
