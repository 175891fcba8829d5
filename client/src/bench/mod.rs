//! `bench`: what a server gives, measured from the bank's side of it.
//!
//! ```text
//! plan    a ladder of batch sizes and streams, bounded in time and in evaluations
//! run     each step: warm up, then a closed loop of made-up identifiers: blind, ask, verify, unblind
//! report  in words, as JSON, and as a page that needs nothing but itself
//! ```
//!
//! The answers are thrown away: no made-up identifier is looked up in the set, so a bench tells nothing of it.

mod latency;
mod made_up;
mod page;
mod plan;
mod plot;
mod report;
mod run;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use samar_local::exit::{Exit, Failure, io_failure, say};
use samar_local::output;
use samar_local::people::thousands;
use samar_local::progress::{Progress, Unit};
use samar_protocol::wire::Allowance;

use crate::config::{Config, Home};
use crate::evaluation::{self, Evaluator};
use crate::link::Link;
use crate::people::{counted, now_s, time};
use crate::synced::Synced;
use crate::tls;

pub use latency::Percentiles;
#[cfg(test)]
pub(crate) use page::tests::elements as page_elements;
pub use plan::Ladder;
pub use report::{Machine, Report, StepReport};

/// What to measure, and where the page goes.
#[derive(Clone, Debug)]
pub struct BenchPlan {
    /// The bank's folder, with a synced set: its key is what every proof is verified against.
    pub home: Home,
    /// The steps and their bounds.
    pub ladder: Ladder,
    /// The report as HTML, where one is wanted.
    pub out: Option<PathBuf>,
}

/// Runs every step of the ladder, one after the other over one connection.
///
/// # Errors
/// [`Failure`]; [`Exit::Refused`] before anything is charged where the allowance does not cover the whole bench.
pub async fn bench(plan: &BenchPlan) -> Result<Report, Failure> {
    let BenchPlan { home, ladder, out } = plan;
    let (config, backend) = (Config::load(home)?, evaluation::backend()?);
    let page = out.as_deref().map(|out| output::create(out, &home.kept())).transpose()?;
    let synced = Synced::load_valid(home, now_s())?;
    let link = Arc::new(Link::connect(&config.address, tls::enrolled(home, &config)?, config.gso).await?);
    let allowance = link.allowance().await?;
    check_allowance(ladder, &allowance)?;
    let evaluator = Evaluator::new(link, &synced, config.blinding, backend)?;
    say(format_args!(
        "samar: up to {} of made-up NIKs are charged to the allowance of {}",
        counted(ladder.evaluations(), "evaluation"),
        config.bank
    ));

    let began = Instant::now();
    let measured_s = now_s();
    let progress = Progress::new("bench", Unit::Count, None);
    let steps = ladder.steps();
    let (mut left, mut charged, mut reports) = (ladder.evaluations(), 0, Vec::with_capacity(steps.len()));
    for at in 0..steps.len() {
        let share = plan::share(left, &steps[at..]);
        let measured = run::run(&evaluator, steps[at], share, ladder.step_time(), &progress).await?;
        left -= measured.asked;
        charged += measured.charged;
        reports.push(measured.report(steps[at]));
    }
    progress.finish();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        measured_s,
        operator: config.operator,
        bank: config.bank,
        address: config.address,
        epoch: synced.manifest().epoch,
        client: Machine::this(backend),
        server_backend: allowance.backend().unwrap_or("unknown").to_owned(),
        step_seconds: ladder.step_time().as_secs(),
        evaluations_max: ladder.evaluations(),
        charged,
        seconds: began.elapsed().as_secs_f64(),
        steps: reports,
    };
    evaluator.close().await;
    if let (Some(unfinished), Some(path)) = (page, out) {
        let text = page::page(&report);
        unfinished.file().write_all(text.as_bytes()).map_err(|error| io_failure("write", path, &error))?;
        output::finish(unfinished)?;
    }
    Ok(report)
}

/// Refuses a bench that could end half-way, or leave nothing for the day's work without having said so.
fn check_allowance(ladder: &Ladder, allowance: &Allowance) -> Result<(), Failure> {
    let (left, wanted) = (allowance.left(), ladder.evaluations());
    if wanted <= left {
        return Ok(());
    }
    let what = format!(
        "the bench may spend {}, the allowance leaves {} until {}",
        counted(wanted, "evaluation"),
        thousands(left),
        time(allowance.next_day_s)
    );
    let failure = Failure::new(Exit::Refused, what);
    Err(if left >= ladder.least() {
        failure.remedy(format!("--evaluations {left} or fewer, or ask the operator for a larger allowance"))
    } else {
        let least = thousands(ladder.least());
        failure.remedy(format!(
            "smaller --batch and --streams (this ladder takes at least {least}), or ask the operator for more"
        ))
    })
}
