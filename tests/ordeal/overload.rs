//! `overload`: four times the work that the server can do. It goes on doing what it can, in time, and charges for nothing else.
//!
//! The generator of the load shares the cores with the server. What it takes for the batches that are refused, to encrypt and to send
//! them, is no loss of the server's, so goodput is compared by the processor time that the generator left: evaluations answered, a
//! second of all cores less what the generator used. A server that stands idle under overload loses by that count as it does by the
//! clock; one that works for nobody loses by both.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn::Connection;
use samar_protocol::wire::{RefusalCode, Response};
use samar_server::accounts::Accounts;
use tokio::task::JoinSet;

use super::Outcome;
use super::house::{House, runtime};
use super::premade::Premade;
use super::programs::own_processor_s;
use super::ratios::{median, of_rounds};
use crate::fixture::caller::Caller;
use crate::fixture::pins::Pins;

const BANKS: usize = 4;
/// Connections of each, so that streams are not what bounds the load.
const CONNECTIONS: usize = 8;
/// Batches of each bank under way where the capacity is measured: as many as the server works on at a time.
const IN_FLIGHT: usize = 8;
const ELEMENTS: u32 = 1_024;
/// How much more is offered than can be done.
const OFFERED: f64 = 4.0;
/// What of the peak must be done all the same, and how much longer what is admitted may take.
const GOODPUT_MIN: f64 = 0.9;
const RATIO_MAX: f64 = 3.0;
/// Shorter runs say nothing about times, and have one round.
const SECONDS_TIMED: u32 = 10;
/// Phases of overload, each between two of the peak.
const ROUNDS: u32 = 5;

/// What came of the batches of one phase.
#[derive(Default)]
struct Done {
    /// How long each answered batch took.
    answered: Vec<Duration>,
    /// How many of them were answered before the phase was over: what is still under way then was paid for by less load.
    in_time: u32,
    refused: u64,
    seconds: f64,
    /// Processor seconds of the server, and of all cores less what the generator used, within the phase.
    server_s: f64,
    left_s: f64,
}

/// A bank that offers work.
struct Offering {
    name: String,
    connections: Vec<Connection>,
    batches: Premade,
    tally: Mutex<Tally>,
}

/// What a bank was answered in the phase under way, and charged for in all.
#[derive(Default)]
struct Tally {
    answered: Vec<Duration>,
    in_time: u32,
    refused: u64,
    charged: u64,
}

/// A phase: since when, and the processor time of before.
struct Phase {
    began: Instant,
    time: Duration,
    server_s: f64,
    generator_s: f64,
}

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(overload(count))
}

async fn overload(seconds: u32) -> Outcome {
    let mut house = House::new(|_| {})?;
    let mut banks = Vec::new();
    for number in 0..BANKS {
        let bank = house.bank(&format!("bank-{number}"), u64::MAX).await;
        let pins = house.pins(&bank).await?;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(house.call(&bank).await?);
        }
        banks.push(Arc::new(Offering::new(bank.invitation.bank, &pins, &connections)));
    }
    let rounds = if seconds < SECONDS_TIMED { 1 } else { ROUNDS };
    let time = Duration::from_secs(seconds.into()) / rounds;
    saturate(&mut house, &banks, time / 4).await?; // warms up
    let (mut peaks, mut floods) = (vec![saturate(&mut house, &banks, time).await?], Vec::new());
    for round in 1..=rounds {
        let offered = peaks.last().map_or(0.0, Done::goodput) / f64::from(ELEMENTS) * OFFERED;
        floods.push(flood(&mut house, &banks, time, offered / BANKS as f64).await?);
        peaks.push(saturate(&mut house, &banks, time).await?);
        super::progress("rounds", round, rounds);
    }
    charged_as_answered(&house, &banks)?;

    let ratio = |figure: fn(&Done) -> f64| {
        let of = |phases: &[Done]| phases.iter().map(figure).collect::<Vec<_>>();
        median(&of_rounds(&of(&floods), &of(&peaks)))
    };
    let middle =
        |phases: &[Done], figure: fn(&Done) -> f64| median(&phases.iter().map(figure).collect::<Vec<_>>());
    let (share, p99) = (ratio(Done::goodput_of_left), ratio(Done::p99));
    let figure = format!(
        "{:.1} % of the peak's goodput with {OFFERED} times as many offered, in {rounds} rounds of {:.0} s, by the processor time that the \
         generator left ({:.1} % by the clock: {:.0} of {:.0} evaluations/s; {:.1} % by the server's own processor time); p99 of what \
         was admitted {:.0} ms, {p99:.2} times that at the peak; {} batches refused, 0 of them charged",
        share * 100.0,
        time.as_secs_f64(),
        ratio(Done::goodput) * 100.0,
        middle(&floods, Done::goodput),
        middle(&peaks, Done::goodput),
        ratio(Done::goodput_of_server) * 100.0,
        middle(&floods, Done::p99) * 1e3,
        floods.iter().map(|flood| flood.refused).sum::<u64>(),
    );
    let missed = share < GOODPUT_MIN || p99 > RATIO_MAX;
    if seconds >= SECONDS_TIMED && missed { Err(figure) } else { Ok(figure) }
}

/// Shows that each bank was charged for what it was answered, and for nothing else.
fn charged_as_answered(house: &House, banks: &[Arc<Offering>]) -> Result<(), String> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let standing =
        Accounts::standing(&house.operator.layout.account_log()).map_err(|failure| failure.to_string())?;
    let answered: HashMap<_, _> = banks.iter().map(|bank| (&bank.name, bank.tally().charged)).collect();
    for (name, answered) in answered {
        let used = standing.usage(name, now_s).lifetime;
        if answered != used {
            return Err(format!("{name} was answered {answered} evaluations and charged for {used}"));
        }
    }
    Ok(())
}

/// Keeps as many batches under way as the server works on.
async fn saturate(house: &mut House, banks: &[Arc<Offering>], time: Duration) -> Result<Done, String> {
    let (phase, mut tasks) = (Phase::begin(house, time)?, JoinSet::new());
    for bank in banks {
        for number in 0..IN_FLIGHT {
            let (bank, until) = (Arc::clone(bank), phase.began + time);
            tasks.spawn(async move {
                while Instant::now() < until {
                    bank.ask(number, until).await?;
                }
                Ok(())
            });
        }
    }
    phase.end(house, banks, tasks).await
}

/// Offers so many batches a second and bank, whatever becomes of those before.
async fn flood(
    house: &mut House,
    banks: &[Arc<Offering>],
    time: Duration,
    rate: f64,
) -> Result<Done, String> {
    let (phase, mut tasks) = (Phase::begin(house, time)?, JoinSet::new());
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let mut offered = 0;
    while phase.began.elapsed() < time {
        #[allow(clippy::cast_possible_truncation)] // far from any bound
        let due = (phase.began.elapsed().as_secs_f64() * rate) as usize;
        for number in offered..due {
            for bank in banks {
                let (bank, until) = (Arc::clone(bank), phase.began + time);
                tasks.spawn(async move { bank.ask(number, until).await });
            }
        }
        offered = due;
        while let Some(done) = tasks.try_join_next() {
            done.map_err(|error| error.to_string())??;
        }
        tick.tick().await;
    }
    phase.end(house, banks, tasks).await
}

impl Phase {
    fn begin(house: &mut House, time: Duration) -> Result<Self, String> {
        let (server_s, generator_s) = (house.server().processor_s()?, own_processor_s()?);
        Ok(Self { began: Instant::now(), time, server_s, generator_s })
    }

    /// Waits for the end of the phase, and then for what is under way; what the phase came to.
    async fn end(
        self,
        house: &mut House,
        banks: &[Arc<Offering>],
        mut tasks: JoinSet<Result<(), String>>,
    ) -> Result<Done, String> {
        tokio::time::sleep_until((self.began + self.time).into()).await;
        let seconds = self.began.elapsed().as_secs_f64();
        let server_s = house.server().processor_s()? - self.server_s;
        let generator_s = own_processor_s()? - self.generator_s;
        while let Some(done) = tasks.join_next().await {
            done.map_err(|error| error.to_string())??;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let left_s = (cores * seconds - generator_s).max(f64::MIN_POSITIVE);
        let mut sum = Done { seconds, server_s, left_s, ..Done::default() };
        for bank in banks {
            let mut tally = bank.tally();
            sum.answered.append(&mut tally.answered);
            sum.in_time += std::mem::take(&mut tally.in_time);
            sum.refused += std::mem::take(&mut tally.refused);
        }
        sum.answered.sort();
        if sum.in_time == 0 { Err("nothing was answered at all".to_owned()) } else { Ok(sum) }
    }
}

impl Offering {
    fn new(name: String, pins: &Pins, callers: &[Caller]) -> Self {
        let connections = callers.iter().map(|caller| caller.connection.clone()).collect();
        Self { name, connections, batches: Premade::new(pins, ELEMENTS), tally: Mutex::default() }
    }

    async fn ask(&self, number: usize, until: Instant) -> Result<(), String> {
        let request = self.batches.next()?;
        let began = Instant::now();
        let caller = Caller::over(self.connections[number % self.connections.len()].clone());
        let answer = caller.send(&request).await.map_err(|error| format!("a connection is lost: {error}"))?;
        let took = began.elapsed();
        let mut tally = self.tally();
        match &answer.response {
            Response::Evaluated(evaluated) if evaluated.charged == ELEMENTS => {
                tally.answered.push(took);
                tally.in_time += u32::from(Instant::now() <= until);
                tally.charged += u64::from(ELEMENTS);
                Ok(())
            }
            Response::Refused(refusal) if refusal.code() == Some(RefusalCode::Busy) => {
                tally.refused += 1;
                Ok(())
            }
            other => Err(format!("answered with {other:?}")),
        }
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    fn evaluations(&self) -> f64 {
        f64::from(self.in_time) * f64::from(ELEMENTS)
    }

    /// Evaluations answered a second.
    fn goodput(&self) -> f64 {
        self.evaluations() / self.seconds
    }

    /// The same, a second of the processors that the generator left.
    fn goodput_of_left(&self) -> f64 {
        self.evaluations() / self.left_s
    }

    /// The same, a second of processor that the server used.
    fn goodput_of_server(&self) -> f64 {
        self.evaluations() / self.server_s.max(f64::MIN_POSITIVE)
    }

    /// Seconds that 99 of 100 answered batches took at most.
    fn p99(&self) -> f64 {
        self.answered[(self.answered.len() * 99 / 100).min(self.answered.len() - 1)].as_secs_f64()
    }
}
