//! `screen`: every customer of a file against the synced set, in bounded memory however many there are.
//!
//! ```text
//! 1 survey     read the file: who stands where, as keyed hashes; which rows are unusable; nothing is sent
//! 2 evaluate   whom the ledger does not know: read it again, identifiers → batches → blind, ask, verify, unblind →
//!              elements, in the ledger as they come
//! 3 match      file and ledger, both sorted by hash, side by side: elements → tags → the segments on disk
//! 4 report     read the file once more: every row with its verdict
//! ```
//!
//! A customer has a slot for each column of identifiers that is screened. Who has anything to evaluate is sent with as many
//! elements as there are slots: what he lacks, and what is known, is made up by padding (SECURITY.md says what that hides).
//! Rows and matches are brought together by sorting, on disk where memory does not hold them. The report is the same
//! whatever the memory.

mod evaluate;
mod kinds;
mod memory;
mod scope;
mod survey;
mod verdicts;
mod write;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use samar_local::durable::folder_of;
use samar_local::exit::{Failure, io_failure, say};
use samar_local::folder::{create_private, lock};
use samar_local::output;
use samar_local::people::thousands;
use samar_local::progress::{Progress, Unit};
use samar_local::sort;
use samar_local::space::{self, Need};
use samar_local::table::{Form, TableOptions};
use samar_protocol::identifier::Kind;
use samar_protocol::invitation::to_hex;
use samar_protocol::manifest::Breach;
use samar_protocol::oprf::PublicKey;
use samar_protocol::wire::RefusalCode;

use crate::config::{Config, Home};
use crate::customers::Customers;
pub use crate::customers::{COLUMNS_MAX, Column};
use crate::evaluation::{self, Evaluator};
use crate::expiry;
use crate::ledger::{self, Ledger};
use crate::link::{Link, Traffic};
use crate::people::now_s;
use crate::rekey;
use crate::report::{ColumnSummary, Format, Shape, Summary, false_match_probability, page, uncounted};
use crate::screened;
use crate::synced::Synced;
use crate::tls;
use evaluate::{Allowed, Evaluated};
use memory::Memory;
use scope::Scope;
use survey::{ColumnSeen, Survey, Unknown};
use verdicts::Verdicts;

/// What to screen, and where the results go.
#[derive(Clone, Debug)]
pub struct ScreenPlan {
    /// The bank's folder.
    pub home: Home,
    /// The customers: a plain file, read three times.
    pub file: PathBuf,
    /// The columns of identifiers, one or more.
    pub columns: Vec<Column>,
    /// Form of the file; told from it where it is not given.
    pub form: Option<Form>,
    /// Table of a dump, or file in an archive; needed where there are several.
    pub table: Option<String>,
    /// The report.
    pub out: PathBuf,
    /// Its form.
    pub format: Format,
    /// The summary as JSON, where one is wanted.
    pub summary: Option<PathBuf>,
    /// The summary as a web page, where one is wanted.
    pub html: Option<PathBuf>,
    /// Only these breaches; all where none is named.
    pub only: Vec<String>,
    /// Only what is new since this epoch, which was screened before.
    pub since: Option<u64>,
    /// Bytes of memory that the program may use in all.
    pub memory_bytes: u64,
    /// Whether what is evaluated is kept, for later screenings under the same key. If not, the ledger is neither read nor
    /// added to, and nothing stays.
    pub ledger: bool,
}

/// Screens a file. The report is written whole, or not at all.
///
/// # Errors
/// [`Failure`]. What the server evaluated before it is kept, and the next screening does not pay for it again.
pub async fn screen(plan: &ScreenPlan) -> Result<Summary, Failure> {
    let began = Instant::now();
    let home = &plan.home;
    let (config, backend) = (Config::load(home)?, evaluation::backend()?);
    let _lock = lock(home.dir(), "screen")?;
    let options = TableOptions { form: plan.form, table: plan.table.clone(), ..TableOptions::default() };
    let customers = Arc::new(Customers::new(&plan.file, &plan.columns, options)?);
    let shape = Shape { format: plan.format, niks_alone: customers.niks_alone() };
    check_places(plan)?;
    // Everything that the user may have mistyped fails before anything is sent.
    let reading = customers.read()?;
    if let Some(decided) = reading.decided_otherwise() {
        say(format_args!("samar: {} is read as {decided}", plan.file.display()));
    }
    let columns = reading.columns().to_vec();
    drop(reading);
    shape.check_columns(&columns)?;
    let create = |place: &Path| output::create(place, &home.kept());
    let out = create(&plan.out)?;
    let summary_out = plan.summary.as_deref().map(create).transpose()?;
    let html_out = plan.html.as_deref().map(create).transpose()?;
    let synced = Synced::load_valid(home, now_s())?;
    let memory = Memory::share_out(plan.memory_bytes, synced.manifest())?;
    expiry::warn_of(home, synced.manifest())?;
    let scope = Scope::of(plan, synced.manifest())?;
    let details = synced.manifest().details().map_err(Failure::local)?;
    let warnings = kinds::warnings(&scope.breaches, &details, &plan.columns);
    for warning in &warnings {
        say(format_args!("samar: warning: {warning}"));
    }
    let breaches = Arc::new(synced.open_segments_of(home, &scope.breaches)?);
    let folder = home.pending();
    if plan.ledger {
        rekey::take_along(home, &config, &synced, backend, memory.share(), None).await?;
    }
    let ledger = blocking({
        let (home, key, kept) = (home.clone(), synced.public_key()?, plan.ledger);
        move || open_ledger(&home, &key, kept, memory).map(Arc::new)
    })
    .await?;

    let (survey, unknown) = blocking({
        let (customers, ledger, folder) = (Arc::clone(&customers), Arc::clone(&ledger), folder.clone());
        move || survey(&customers, &ledger, &folder, memory)
    })
    .await?;
    let (to_evaluate, unique, evaluations) = (unknown.count, unknown.unique, unknown.evaluations());
    let report_bytes = survey.text_bytes + survey.met.rows * shape.added_bytes(&columns);
    let ledger_bytes = if to_evaluate > 0 { ledger::room_bytes(to_evaluate) } else { 0 };
    space::require(&[
        Need { what: "the report", folder: folder_of(&plan.out), bytes: report_bytes },
        Need { what: "the ledger", folder: &folder, bytes: ledger_bytes },
    ])?;
    let (evaluated, traffic) = if to_evaluate == 0 {
        (Evaluated::default(), Traffic::default())
    } else {
        let link = Arc::new(Link::connect(&config.address, tls::enrolled(home, &config)?, config.gso).await?);
        let allowed = allowed(&link, evaluations).await?;
        let evaluator = Evaluator::new(link, &synced, config.blinding, backend)?;
        let evaluated = evaluate::run(&evaluator, &customers, &survey, unknown, &ledger, allowed).await?;
        let traffic = evaluator.link().traffic();
        evaluator.close().await;
        (evaluated, traffic)
    };

    let manifest = synced.manifest();
    let segments = breaches.iter().map(|open| open.segments.len()).sum();
    let mut summary = Summary {
        rows: survey.met.rows,
        unique,
        evaluated: evaluated.count,
        reused: unique - to_evaluate,
        charged: evaluated.charged,
        padding: evaluated.sent - evaluated.count,
        columns: column_summaries(&plan.columns, &survey),
        invalid: BTreeMap::new(),
        exposed: 0,
        breaches: uncounted(&scope.breaches),
        classes: BTreeMap::new(),
        confidence: BTreeMap::new(),
        warnings: warnings.iter().chain(&survey.warnings).cloned().collect(),
        seconds: 0.0,
        customers_per_second: 0.0,
        bytes_sent: traffic.sent,
        bytes_received: traffic.received,
        bytes_sent_per_customer: 0.0,
        bytes_received_per_customer: 0.0,
        epoch: manifest.epoch,
        only: plan.only.clone(),
        since: plan.since,
        manifest_hash: to_hex(&synced.seen.floor.hash.0),
        backend: backend.name(),
        false_match_probability: false_match_probability(unique, segments),
    };
    let (out, summary) = blocking({
        let (ledger, in_part) = (Arc::clone(&ledger), summary.scope().is_some());
        let is_whole = plan.only.is_empty();
        move || {
            ledger.settle(memory.share())?;
            let (verdicts, met) = Verdicts::find(&survey, &ledger, (&breaches, &scope), &folder, memory)?;
            let breaches: Vec<Breach> = breaches.iter().map(|open| open.breach.clone()).collect();
            let shape = (shape, in_part);
            write::write(out.file(), shape, &customers, &survey, verdicts, &breaches, &mut summary)?;
            // Of whom some breaches alone were looked through nobody may think that he was looked up in all.
            ledger.screened(&if is_whole { met } else { ledger.unmet() })?;
            Ok((out, summary))
        }
    })
    .await?;
    let summary = timed(summary, began);
    output::finish(out)?;
    if plan.ledger && plan.only.is_empty() {
        screened::keep(home, &synced)?;
    }
    if let (Some(unfinished), Some(path)) = (html_out, &plan.html) {
        let written = unfinished.file().write_all(page(&summary).as_bytes());
        written.map_err(|error| io_failure("write", path, &error))?;
        output::finish(unfinished)?;
    }
    if let (Some(unfinished), Some(path)) = (summary_out, &plan.summary) {
        let mut text = serde_json::to_vec_pretty(&summary).map_err(Failure::local)?;
        text.push(b'\n');
        unfinished.file().write_all(&text).map_err(|error| io_failure("write", path, &error))?;
        output::finish(unfinished)?;
    }
    if let Some(ledger) = Arc::into_inner(ledger).filter(|_| !plan.ledger) {
        ledger.remove()?;
    }
    Ok(summary)
}

/// The ledger that a screening works on, and an empty folder for what it sorts. One that is not kept stands there too: what
/// an earlier run left of it is of use if it is of the same key.
fn open_ledger(home: &Home, key: &PublicKey, kept: bool, memory: Memory) -> Result<Ledger, Failure> {
    let pending = home.pending();
    create_private(&pending)?;
    sort::remove_leftovers(&pending).map_err(Failure::local)?;
    let name = key.id().to_string();
    let folder = if kept { home.ledgers().join(&name) } else { pending.join(&name) };
    let failed = |error: std::io::Error| io_failure("clean", &pending, &error);
    for entry in std::fs::read_dir(&pending).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() && entry.path() != folder {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ledger::open(&folder, key, memory.share(), &home.protection())
}

/// Refuses a report or summary that would replace the customers or each other.
fn check_places(plan: &ScreenPlan) -> Result<(), Failure> {
    let named = [Some(&plan.file), Some(&plan.out), plan.summary.as_ref(), plan.html.as_ref()];
    let places: Vec<&PathBuf> = named.into_iter().flatten().collect();
    let is_twice = |(number, place): (usize, &&PathBuf)| {
        places.iter().skip(number + 1).any(|other| output::is_same(place, other))
    };
    if places.iter().enumerate().any(is_twice) {
        return Err(Failure::input("the customers, the report and its summaries must be different files"));
    }
    Ok(())
}

/// Reads the file for the first time, and warns of what it looks like.
fn survey(
    customers: &Customers,
    ledger: &Ledger,
    folder: &Path,
    memory: Memory,
) -> Result<(Arc<Survey>, Unknown), Failure> {
    let progress = Progress::new("read", Unit::Count, None);
    let survey = Survey::take(customers, &ledger.hash_key, folder, memory, |rows| progress.add(rows))?;
    progress.finish();
    for warning in &survey.warnings {
        say(format_args!("samar: warning: {warning}"));
    }
    if survey.met.rows > 0 && survey.usable == 0 {
        // Ending with "nothing exposed" would be read as good news.
        return Err(nothing_usable(customers.columns(), survey.met.rows));
    }
    let unknown = Unknown::of(&survey, ledger, memory)?;
    Ok((Arc::new(survey), unknown))
}

fn nothing_usable(columns: &[Column], rows: u64) -> Failure {
    let place = |column: &Column| format!("a {} in column {}", column.kind.noun(), column.name);
    let places = columns.iter().map(place).collect::<Vec<_>>().join(" or ");
    let remedy = match columns {
        [Column { kind: Kind::Nik, .. }] => "name the column that holds the NIKs with --column",
        _ => "name the columns that hold them with --column KIND=NAME",
    };
    Failure::input(format!("none of the {} rows holds {places}", thousands(rows))).remedy(remedy)
}

fn column_summaries(columns: &[Column], survey: &Survey) -> Vec<ColumnSummary> {
    let summary = |(Column { kind, name }, seen): (&Column, &ColumnSeen)| ColumnSummary {
        column: name.clone(),
        kind: kind.name(),
        identifiers: seen.identifiers,
        empty: seen.empty,
        invalid: seen.invalid.clone(),
        matched: 0,
    };
    columns.iter().zip(&survey.columns).map(summary).collect()
}

/// Says before anything is charged that the allowance will not last.
async fn allowed(link: &Link, evaluations: u64) -> Result<Allowed, Failure> {
    let allowance = link.allowance().await?;
    let today = allowance.per_day.saturating_sub(allowance.used_today);
    let lifetime = allowance.lifetime.saturating_sub(allowance.used_lifetime);
    let code =
        if lifetime <= today { RefusalCode::LifetimeAllowanceUsed } else { RefusalCode::DayAllowanceUsed };
    let left = allowance.left();
    if left < evaluations {
        let (left, needed) = (thousands(left), thousands(evaluations));
        say(format_args!(
            "samar: warning: {needed} evaluations are needed, the allowance leaves {left};\n  \
             what is evaluated is kept, and the next run goes on from it"
        ));
    }
    Ok(Allowed { left, code })
}

#[allow(clippy::cast_precision_loss)] // shown with few digits
fn timed(mut summary: Summary, began: Instant) -> Summary {
    summary.seconds = began.elapsed().as_secs_f64();
    summary.customers_per_second = summary.rows as f64 / summary.seconds.max(1e-9);
    let rows = summary.rows.max(1) as f64;
    summary.bytes_sent_per_customer = summary.bytes_sent as f64 / rows;
    summary.bytes_received_per_customer = summary.bytes_received as f64 / rows;
    summary
}

/// Runs work that reads, writes or computes for long where it holds up no connection.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // Unwrap safety: a panic has ended the program, and blocking work is never cancelled.
    tokio::task::spawn_blocking(work).await.expect("blocking work does not panic")
}
