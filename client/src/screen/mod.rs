//! `screen`: every customer of a file against the synced set.
//!
//! ```text
//! 1 survey     read the file: how many different identifiers, which rows are unusable; nothing is sent
//! 2 evaluate   read it again: identifiers → batches → blind, ask, verify, unblind → tags (spooled as they come)
//! 3 match      tags against the segments on disk
//! 4 report     read it once more: every row with its verdict
//! ```

mod evaluate;
pub(crate) mod spool;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use samar_local::durable::{Mode, Unfinished, remove_leftovers_of};
use samar_local::exit::{Failure, io_failure, say};
use samar_local::folder::lock;
use samar_local::progress::{Progress, Unit};
use samar_protocol::invitation::to_hex;
use samar_protocol::manifest::Breach;
use samar_protocol::wire::RefusalCode;

use crate::config::{Config, Home};
use crate::customers::{Customers, HashKey, Survey};
use crate::evaluation::Evaluator;
use crate::link::{Link, Traffic};
use crate::matching::{Match, match_tags};
use crate::people::{now_s, thousands};
use crate::report::{Format, Rows, Summary, Verdict, check_columns, false_match_probability, uncounted};
use crate::synced::{OpenBreach, Synced};
use crate::tls;
use evaluate::{Allowed, Evaluated};
use spool::Spool;

/// What to screen, and where the results go.
#[derive(Clone, Debug)]
pub struct ScreenPlan {
    /// The bank's folder.
    pub home: Home,
    /// The customers: a plain file, read three times.
    pub file: PathBuf,
    /// Name of the column that holds the NIK.
    pub column: String,
    /// The report.
    pub out: PathBuf,
    /// Its form.
    pub format: Format,
    /// The summary as JSON, where one is wanted.
    pub summary: Option<PathBuf>,
}

/// Screens a file. The report is written whole, or not at all.
///
/// # Errors
/// [`Failure`]. What the server evaluated before it is kept, and the next screening does not pay for it again.
pub async fn screen(plan: &ScreenPlan) -> Result<Summary, Failure> {
    let began = Instant::now();
    let home = &plan.home;
    let config = Config::load(home)?;
    let _lock = lock(home.dir(), "screen")?;
    let customers = Arc::new(Customers::new(&plan.file, &plan.column)?);
    check_places(plan)?;
    // Everything that the user may have mistyped fails before anything is sent.
    check_columns(plan.format, customers.read()?.columns())?;
    let out = create(&plan.out)?;
    let summary_out = plan.summary.as_deref().map(create).transpose()?;
    let synced = Synced::load_valid(home, now_s())?;
    let breaches = Arc::new(synced.open_segments(home)?);
    let spool = Arc::new(Spool::open(home, synced.key_id())?);

    let survey = survey(&customers, &spool).await?;
    for warning in &survey.warnings {
        say(format_args!("samar: warning: {warning}"));
    }
    if survey.rows > 0 && survey.ordinals.is_empty() {
        // Ending with "nothing exposed" would be read as good news.
        let what =
            format!("none of the {} rows holds a NIK in column {}", thousands(survey.rows), plan.column);
        return Err(Failure::input(what).remedy("name the column that holds the NIKs with --column"));
    }
    let to_evaluate = survey.ordinals.keys().filter(|hash| !spool.known.contains_key(*hash)).count() as u64;
    let (tags, evaluated, traffic, backend) = if to_evaluate == 0 {
        let done = Evaluated::from_spool(&survey, &spool);
        (done.tags, Evaluated::default(), Traffic::default(), samar_protocol::group::Backend::best())
    } else {
        let link = Arc::new(Link::connect(&config.address, tls::enrolled(home, &config)?).await?);
        let allowed = allowed(&link, to_evaluate).await?;
        let evaluator = Evaluator::new(link, &synced, config.blinding)?;
        let mut done = evaluate::run(
            &evaluator,
            &customers,
            Arc::clone(&survey),
            Arc::clone(&spool),
            to_evaluate,
            allowed,
        )
        .await?;
        let traffic = evaluator.link().traffic();
        let backend = evaluator.backend();
        evaluator.close().await;
        (std::mem::take(&mut done.tags), done, traffic, backend)
    };

    let manifest = synced.manifest();
    let segments = breaches.iter().map(|open| open.segments.len()).sum();
    let mut summary = Summary {
        rows: survey.rows,
        unique: survey.ordinals.len() as u64,
        evaluated: evaluated.count,
        reused: survey.ordinals.len() as u64 - to_evaluate,
        charged: evaluated.charged,
        invalid: survey.invalid.clone(),
        exposed: 0,
        breaches: uncounted(&manifest.breaches),
        classes: std::collections::BTreeMap::new(),
        warnings: survey.warnings.clone(),
        seconds: 0.0,
        customers_per_second: 0.0,
        bytes_sent: traffic.sent,
        bytes_received: traffic.received,
        bytes_sent_per_customer: 0.0,
        bytes_received_per_customer: 0.0,
        epoch: manifest.epoch,
        manifest_hash: to_hex(&synced.seen.floor.hash.0),
        backend: backend.name(),
        false_match_probability: false_match_probability(survey.ordinals.len() as u64, segments),
    };
    let found = blocking({
        let breaches = Arc::clone(&breaches);
        move || {
            let progress = Progress::new("match", Unit::Count, Some(segments as u64));
            match_tags(&breaches, &tags, || progress.add(1))
        }
    })
    .await?;
    let job = ReportJob { customers, survey, breaches, found, spool: Arc::clone(&spool) };
    let format = plan.format;
    let (out, summary) = blocking(move || {
        job.write(out.file(), format, &mut summary)?;
        Ok((out, summary))
    })
    .await?;
    let summary = timed(summary, began);
    finish(out, &plan.out)?;
    if let (Some(unfinished), Some(path)) = (summary_out, &plan.summary) {
        let mut text = serde_json::to_vec_pretty(&summary).map_err(Failure::local)?;
        text.push(b'\n');
        unfinished.file().write_all(&text).map_err(|error| io_failure("write", path, &error))?;
        finish(unfinished, path)?;
    }
    if let Some(spool) = Arc::into_inner(spool) {
        spool.remove()?;
    }
    Ok(summary)
}

/// Refuses a report or summary that would replace the customers or each other.
fn check_places(plan: &ScreenPlan) -> Result<(), Failure> {
    let place = |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let named =
        [Some(&plan.file), Some(&plan.out), plan.summary.as_ref()].map(|path| path.map(|path| place(path)));
    let [file, out, summary] = &named;
    if file == out || file == summary || out == summary {
        return Err(Failure::input("the customers, the report and the summary must be different files"));
    }
    Ok(())
}

fn create(path: &std::path::Path) -> Result<Unfinished, Failure> {
    // The report says of people that they were exposed: it is for its owner alone.
    let create = remove_leftovers_of(path).and_then(|()| Unfinished::create(path, Mode::Private));
    create.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::input(format!("there is no folder to put {} in", path.display()))
        }
        _ => io_failure("write", path, &error),
    })
}

fn finish(unfinished: Unfinished, path: &std::path::Path) -> Result<(), Failure> {
    unfinished.finish().map_err(|error| io_failure("write", path, &error))
}

async fn survey(customers: &Arc<Customers>, spool: &Arc<Spool>) -> Result<Arc<Survey>, Failure> {
    let (customers, spool) = (Arc::clone(customers), Arc::clone(spool));
    let take = move || {
        let progress = Progress::new("read", Unit::Count, None);
        Survey::take(&customers, &spool.key, |rows| progress.add(rows)).map(Arc::new)
    };
    blocking(take).await
}

/// Says before anything is charged that the allowance will not last.
async fn allowed(link: &Link, to_evaluate: u64) -> Result<Allowed, Failure> {
    let allowance = link.allowance().await?;
    let today = allowance.per_day.saturating_sub(allowance.used_today);
    let lifetime = allowance.lifetime.saturating_sub(allowance.used_lifetime);
    let code =
        if lifetime <= today { RefusalCode::LifetimeAllowanceUsed } else { RefusalCode::DayAllowanceUsed };
    let left = today.min(lifetime);
    if left < to_evaluate {
        let (left, needed) = (thousands(left), thousands(to_evaluate));
        say(format_args!(
            "samar: warning: {needed} evaluations are needed, the allowance leaves {left};\n  \
             what is evaluated is kept, and the next run goes on from it"
        ));
    }
    Ok(Allowed { left, code })
}

/// What the last reading needs.
struct ReportJob {
    customers: Arc<Customers>,
    survey: Arc<Survey>,
    breaches: Arc<Vec<OpenBreach>>,
    found: Vec<Match>,
    spool: Arc<Spool>,
}

impl ReportJob {
    fn write(&self, out: impl Write, format: Format, summary: &mut Summary) -> Result<(), Failure> {
        let progress = Progress::new("report", Unit::Count, Some(self.survey.rows));
        let breaches: Vec<Breach> = self.breaches.iter().map(|open| open.breach.clone()).collect();
        let mut reading = self.customers.read()?;
        let mut report = Rows::new(out, format, reading.columns(), reading.delimiter())?;
        let mut rows = 0;
        while let Some(cell) = reading.next()? {
            rows += 1;
            let verdict = match cell {
                Ok(nik) => Verdict::of(self.matches(self.spool_key(), &nik)?, &breaches),
                Err(reason) => Verdict::Invalid(reason),
            };
            summary.count(&verdict);
            report.write(reading.row(), &verdict)?;
            progress.add(1);
        }
        if rows != self.survey.rows {
            return Err(self.customers.changed());
        }
        if report.surplus > 0 {
            let warning =
                "rows have more cells than the header has columns; the surplus is not in the report";
            summary.warnings.push(format!("{} {warning}", thousands(report.surplus)));
        }
        report.finish()
    }

    fn spool_key(&self) -> &HashKey {
        &self.spool.key
    }

    /// The matches of one identifier: they stand together in order of ordinal.
    fn matches(&self, key: &HashKey, nik: &samar_protocol::identifier::Nik) -> Result<&[Match], Failure> {
        let ordinal = *self.survey.ordinals.get(&key.hash(nik)).ok_or_else(|| self.customers.changed())?;
        let from = self.found.partition_point(|found| found.ordinal < ordinal);
        let matches = &self.found[from..];
        Ok(&matches[..matches.partition_point(|found| found.ordinal == ordinal)])
    }
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
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // Unwrap safety: a panic has ended the program, and blocking work is never cancelled.
    tokio::task::spawn_blocking(work).await.expect("blocking work does not panic")
}
