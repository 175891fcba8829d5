//! `overload`: four times the work that the server can do. It goes on doing what it can, in time, and charges for nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn::Connection;
use rand::seq::SliceRandom as _;
use samar_protocol::wire::{RefusalCode, Response};
use samar_server::accounts::Accounts;
use tokio::task::JoinSet;

use super::Outcome;
use super::house::{House, runtime};
use crate::fixture::caller::Caller;
use crate::fixture::messages;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

const BANKS: usize = 4;
/// Connections of each, so that streams are not what bounds the load.
const CONNECTIONS: usize = 8;
/// Batches of each bank under way where the capacity is measured: as many as the server works on at a time.
const IN_FLIGHT: usize = 8;
const ELEMENTS: usize = 1_024;
/// How much more is offered than can be done.
const OFFERED: f64 = 4.0;
/// What of the peak must be done all the same, and how much longer what is admitted may take.
const GOODPUT_MIN: f64 = 0.9;
const RATIO_MAX: f64 = 3.0;
/// Shorter runs say nothing about times.
const SECONDS_TIMED: u32 = 10;

/// What came of the batches of one run.
#[derive(Default)]
struct Done {
    /// How long each answered batch took.
    answered: Vec<Duration>,
    /// How many of them were answered before the run's time was over: what is still under way then was paid for by less load.
    in_time: usize,
    refused: u64,
    /// Evaluations answered, by bank.
    charged: HashMap<String, u64>,
    seconds: f64,
}

/// A bank that offers work.
struct Offering {
    name: String,
    connections: Vec<Connection>,
    /// Head of a request, and elements. Another order of them is another batch, so that no new ones need be made.
    head: Vec<u8>,
    elements: Vec<[u8; 32]>,
    done: Mutex<Done>,
}

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(overload(count))
}

async fn overload(seconds: u32) -> Outcome {
    let house = House::new(|_| {})?;
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
    let time = Duration::from_secs(seconds.into());
    saturate(&banks, time / 4).await?; // warms up
    let peak = saturate(&banks, time).await?;
    let offered = peak.goodput() / ELEMENTS as f64 * OFFERED;
    let over = flood(&banks, time, offered / BANKS as f64).await?;
    let after = saturate(&banks, time).await?;

    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let standing =
        Accounts::standing(&house.operator.layout.account_log()).map_err(|failure| failure.to_string())?;
    for bank in &banks {
        let charged = bank.done().charged.get(&bank.name).copied().unwrap_or(0);
        let used = standing.usage(&bank.name, now_s).lifetime;
        if charged != used {
            return Err(format!("{} was answered {charged} evaluations and charged for {used}", bank.name));
        }
    }
    // The machine may be busy with other things as well: the better of before and after is the peak.
    let best = peak.goodput().max(after.goodput());
    let (goodput, ratio) = (over.goodput() / best, over.p99() / peak.p99().max(after.p99()));
    let figure = format!(
        "{:.0} evaluations/s of a peak of {best:.0} ({:.0} %) with {OFFERED} times as many offered for {seconds} s; p99 of what was \
         admitted {:.0} ms, {ratio:.2} times that at the peak; {} batches refused, 0 of them charged",
        over.goodput(),
        goodput * 100.0,
        over.p99() * 1e3,
        over.refused
    );
    if seconds >= SECONDS_TIMED && (goodput < GOODPUT_MIN || ratio > RATIO_MAX) {
        Err(figure)
    } else {
        Ok(figure)
    }
}

/// Keeps as many batches under way as the server works on.
async fn saturate(banks: &[Arc<Offering>], time: Duration) -> Result<Done, String> {
    let (began, mut tasks) = (Instant::now(), JoinSet::new());
    for bank in banks {
        for number in 0..IN_FLIGHT {
            let bank = Arc::clone(bank);
            tasks.spawn(async move {
                while began.elapsed() < time {
                    bank.ask(number, began + time).await?;
                }
                Ok(())
            });
        }
    }
    finished(banks, tasks, time).await
}

/// Offers so many batches a second and bank, whatever becomes of those before.
async fn flood(banks: &[Arc<Offering>], time: Duration, rate: f64) -> Result<Done, String> {
    let (began, mut tasks) = (Instant::now(), JoinSet::new());
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let mut offered = 0;
    while began.elapsed() < time {
        #[allow(clippy::cast_possible_truncation)] // far from any bound
        let due = (began.elapsed().as_secs_f64() * rate) as usize;
        for number in offered..due {
            for bank in banks {
                let bank = Arc::clone(bank);
                tasks.spawn(async move { bank.ask(number, began + time).await });
            }
        }
        offered = due;
        while let Some(done) = tasks.try_join_next() {
            done.map_err(|error| error.to_string())??;
        }
        tick.tick().await;
    }
    finished(banks, tasks, time).await
}

/// Waits for what is under way, and sums it up.
async fn finished(
    banks: &[Arc<Offering>],
    mut tasks: JoinSet<Result<(), String>>,
    time: Duration,
) -> Result<Done, String> {
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    let mut sum = Done { seconds: time.as_secs_f64(), ..Done::default() };
    for bank in banks {
        let mut done = bank.done();
        sum.answered.append(&mut done.answered);
        sum.in_time += std::mem::take(&mut done.in_time);
        sum.refused += std::mem::take(&mut done.refused);
    }
    sum.answered.sort();
    if sum.in_time == 0 { Err("nothing was answered at all".to_owned()) } else { Ok(sum) }
}

impl Offering {
    fn new(name: String, pins: &Pins, callers: &[Caller]) -> Self {
        let count = u32::try_from(ELEMENTS).unwrap_or(u32::MAX);
        let bulk = Batch::new(&niks(0, count), rand::random()).bulk(pins);
        Self {
            name,
            connections: callers.iter().map(|caller| caller.connection.clone()).collect(),
            head: messages::evaluate(pins, ELEMENTS).encode().unwrap_or_default(),
            elements: bulk.as_chunks::<32>().0.to_vec(),
            done: Mutex::default(),
        }
    }

    async fn ask(&self, number: usize, until: Instant) -> Result<(), String> {
        let mut elements = self.elements.clone();
        elements.shuffle(&mut rand::rng());
        let request = [self.head.as_slice(), elements.as_flattened()].concat();
        let began = Instant::now();
        let caller = Caller::over(self.connections[number % self.connections.len()].clone());
        let answer = caller.send(&request).await.map_err(|error| format!("a connection is lost: {error}"))?;
        let took = began.elapsed();
        let mut done = self.done();
        match &answer.response {
            Response::Evaluated(evaluated) if evaluated.charged as usize == ELEMENTS => {
                done.answered.push(took);
                done.in_time += usize::from(Instant::now() <= until);
                *done.charged.entry(self.name.clone()).or_default() += ELEMENTS as u64;
                Ok(())
            }
            Response::Refused(refusal) if refusal.code() == Some(RefusalCode::Busy) => {
                done.refused += 1;
                Ok(())
            }
            other => Err(format!("answered with {other:?}")),
        }
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    /// Evaluations answered a second.
    fn goodput(&self) -> f64 {
        (self.in_time * ELEMENTS) as f64 / self.seconds
    }

    /// Seconds that 99 of 100 answered batches took at most.
    fn p99(&self) -> f64 {
        self.answered[(self.answered.len() * 99 / 100).min(self.answered.len() - 1)].as_secs_f64()
    }
}
