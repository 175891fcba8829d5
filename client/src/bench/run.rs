//! One step: so many batches in flight, each followed by the next as soon as it is done.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use samar_local::progress::Progress;
use tokio::task::JoinSet;

use super::latency::Latencies;
use super::made_up;
use super::plan::Step;
use super::report::StepReport;
use crate::evaluation::{Evaluator, on_cpu};
use crate::link::{LinkError, Traffic};

/// What a step came to. All but the first two are without the warm-up.
pub(super) struct Measured {
    /// Evaluations asked for.
    pub(super) asked: u64,
    /// Evaluations charged.
    pub(super) charged: u64,
    latencies: Latencies,
    elapsed: Duration,
    traffic: Traffic,
    cpu: Duration,
}

/// What one exchange came to.
struct Exchanged {
    charged: u32,
    latency: Duration,
}

/// Warms up with one round, then goes on until the time or the evaluations are used up. What is in flight then is waited
/// for and counted, with the time it takes.
pub(super) async fn run(
    evaluator: &Evaluator,
    step: Step,
    evaluations: u64,
    time: Duration,
    progress: &Progress,
) -> Result<Measured, LinkError> {
    let batch = u64::from(step.batch);
    let mut under_way = JoinSet::new();
    let (mut asked, mut charged) = (step.round(), 0);
    for _ in 0..step.streams {
        under_way.spawn(exchange(evaluator.clone(), step.batch));
    }
    while let Some(done) = finished(&mut under_way).await {
        charged += u64::from(done?.charged);
        progress.add(batch);
    }

    let mut latencies = Latencies::new();
    let (before, cpu_before, began) = (evaluator.link().traffic(), cpu_time(), Instant::now());
    loop {
        while under_way.len() < step.streams as usize
            && asked + batch <= evaluations
            && began.elapsed() < time
        {
            asked += batch;
            under_way.spawn(exchange(evaluator.clone(), step.batch));
        }
        let Some(done) = finished(&mut under_way).await else { break };
        let done = done?;
        charged += u64::from(done.charged);
        latencies.record(done.latency);
        progress.add(batch);
    }
    let (elapsed, after) = (began.elapsed(), evaluator.link().traffic());
    let traffic = Traffic { sent: after.sent - before.sent, received: after.received - before.received };
    let cpu = cpu_time().saturating_sub(cpu_before);
    Ok(Measured { asked, charged, latencies, elapsed, traffic, cpu })
}

/// The next exchange that is done; none where none is under way.
async fn finished(
    under_way: &mut JoinSet<Result<Exchanged, LinkError>>,
) -> Option<Result<Exchanged, LinkError>> {
    // Unwrap safety: a task that panicked has ended the program, and none is cancelled while it is waited for.
    under_way.join_next().await.map(|done| done.expect("an exchange neither panics nor is cancelled"))
}

/// A batch from making it up to having its elements, which are dropped.
async fn exchange(evaluator: Evaluator, batch: u32) -> Result<Exchanged, LinkError> {
    let inputs = on_cpu(move || made_up::inputs(batch, &mut rand::rng())).await;
    let blinded = evaluator.blind(inputs).await?;
    let sent = Instant::now();
    let (_, charged) = evaluator.ask(blinded).await?;
    Ok(Exchanged { charged, latency: sent.elapsed() })
}

/// What all threads of this program have computed so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

impl Measured {
    #[allow(clippy::cast_precision_loss)] // shown with few digits
    pub(super) fn report(&self, step: Step) -> StepReport {
        let exchanges = self.latencies.count();
        let customers = exchanges * u64::from(step.batch);
        let (seconds, each) = (self.elapsed.as_secs_f64(), customers.max(1) as f64);
        StepReport {
            batch: step.batch,
            streams: step.streams,
            exchanges,
            customers,
            seconds,
            customers_per_second: customers as f64 / seconds.max(1e-9),
            latency_ms: self.latencies.percentiles(),
            bytes_sent_per_customer: self.traffic.sent as f64 / each,
            bytes_received_per_customer: self.traffic.received as f64 / each,
            client_cpu_us_per_customer: self.cpu.as_secs_f64() * 1e6 / each,
        }
    }
}
