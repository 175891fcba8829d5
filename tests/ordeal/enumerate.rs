//! `enumerate`: one bank that wants more than its allowance, over many connections and under several certificates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use samar_protocol::wire::{RefusalCode, Response};
use samar_server::accounts::Accounts;
use tokio::task::JoinSet;

use super::house::{House, runtime};
use super::{Outcome, cannot};
use crate::fixture::caller::Caller;
use crate::fixture::invited::Bank;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

const BANK: &str = "bank-jaya";
/// Certificates of the one bank.
const IDENTITIES: usize = 4;
/// Connections under each: together fewer than a bank may have, since one that was closed keeps its seat for a moment.
const CONNECTIONS: usize = 3;
/// Largest batch; each grows smaller as the allowance runs out, down to one element.
const ELEMENTS_MAX: u32 = 256;

/// What the bank got out of it.
#[derive(Default)]
struct Harvest {
    /// Batches that were answered and their size, by a number of their own.
    answered: HashMap<u64, (Batch, u32)>,
    /// Batches whose answer the bank did not wait for.
    unanswered: Vec<(u64, Batch)>,
    /// Answers to batches that had been answered before.
    again: u64,
    /// Refusals for want of allowance.
    refused: u64,
    reconnects: u64,
}

/// What became of a batch.
enum Became {
    Answered,
    Refused,
}

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(enumerate(count))
}

async fn enumerate(count: u32) -> Outcome {
    let house = House::new(|_| {})?;
    let allowance = u64::from(count);
    let harvest = Arc::new(Mutex::new(Harvest::default()));
    let mut greedy = JoinSet::new();
    let mut banks = Vec::new();
    for _ in 0..IDENTITIES {
        banks.push(house.bank(BANK, allowance).await);
    }
    let pins = house.pins(&banks[0]).await?;
    for bank in &banks {
        for _ in 0..CONNECTIONS {
            greedy.spawn(Greedy::new(bank, &pins, &harvest).await?.run());
        }
    }
    while let Some(done) = greedy.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    // What was charged without an answer is answered on asking again; what was not is refused.
    let last = Greedy::new(&banks[1], &pins, &harvest).await?;
    let unanswered = std::mem::take(&mut locked(&harvest).unanswered);
    for (number, batch) in unanswered {
        last.ask(number, &batch, false).await?;
    }
    let answered: u64 = locked(&harvest).answered.values().map(|(_, count)| u64::from(*count)).sum();
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let standing =
        Accounts::standing(&house.operator.layout.account_log()).map_err(|failure| failure.to_string())?;
    let used = standing.usage(BANK, now_s).lifetime;
    if (answered, used) != (allowance, allowance) {
        return Err(format!(
            "{answered} evaluations were answered and {used} charged of {allowance} allowed"
        ));
    }
    let harvest = locked(&harvest);
    Ok(format!(
        "{answered} evaluations answered of {allowance} allowed, in {} batches over {IDENTITIES} certificates, {} \
         connections and {} reconnects; {} answered again for free, {} refused",
        harvest.answered.len(),
        IDENTITIES * CONNECTIONS,
        harvest.reconnects,
        harvest.again,
        harvest.refused
    ))
}

/// One connection of the bank.
struct Greedy {
    bank: Bank,
    pins: Pins,
    harvest: Arc<Mutex<Harvest>>,
    caller: Caller,
}

impl Greedy {
    async fn new(bank: &Bank, pins: &Pins, harvest: &Arc<Mutex<Harvest>>) -> Result<Self, String> {
        let caller = call(bank).await?;
        Ok(Self { bank: bank.clone(), pins: pins.clone(), harvest: Arc::clone(harvest), caller })
    }

    /// Takes what it can get, until one element is too much.
    async fn run(mut self) -> Result<(), String> {
        let mut elements_max = ELEMENTS_MAX;
        loop {
            let (number, turn) = (rand::random(), rand::rng().random_range(0..10));
            let count = rand::rng().random_range(1..=elements_max);
            let batch = Batch::new(&niks(rand::rng().random_range(0..5_000), count), rand::random());
            let became = match turn {
                0 | 1 => {
                    let known =
                        locked(&self.harvest).answered.values().next().map(|(batch, _)| batch.clone());
                    let Some(batch) = known else { continue };
                    self.ask(rand::random(), &batch, true).await?;
                    continue;
                }
                2 => {
                    // The answer is not waited for; now and then the connection goes as well.
                    let _ = self.caller.begin(&batch.request(&self.pins)).await;
                    locked(&self.harvest).unanswered.push((number, batch));
                    if rand::rng().random_range(0..3) == 0 {
                        self.caller.connection.close(0u32.into(), b"");
                        self.caller = call(&self.bank).await?;
                        locked(&self.harvest).reconnects += 1;
                    }
                    continue;
                }
                3 => {
                    // The same batch twice at once: it is charged once.
                    let both = tokio::join!(self.ask(number, &batch, false), self.ask(number, &batch, false));
                    both.0?;
                    both.1?
                }
                _ => self.ask(number, &batch, false).await?,
            };
            match became {
                Became::Answered => {}
                Became::Refused if count == 1 => return Ok(()),
                Became::Refused => elements_max = count / 2,
            }
        }
    }

    /// Sends a batch, again where the server is busy, and checks its answer.
    async fn ask(&self, number: u64, batch: &Batch, free: bool) -> Result<Became, String> {
        let answer = loop {
            let answer = self.caller.send(&batch.request(&self.pins)).await.map_err(cannot("ask"))?;
            match &answer.response {
                Response::Refused(refusal) if refusal.code() == Some(RefusalCode::Busy) => {
                    let wait_ms = refusal.retry_after_ms.unwrap_or(1_000);
                    tokio::time::sleep(Duration::from_millis(u64::from(wait_ms))).await;
                }
                _ => break answer,
            }
        };
        match &answer.response {
            Response::Refused(refusal)
                if refusal.code() == Some(RefusalCode::LifetimeAllowanceUsed) && !free =>
            {
                locked(&self.harvest).refused += 1;
                Ok(Became::Refused)
            }
            Response::Evaluated(_) => {
                let (charged, elements) = batch.open(&self.pins, &answer);
                let mut harvest = locked(&self.harvest);
                let count = u32::try_from(elements.len()).map_err(|error| error.to_string())?;
                if free {
                    harvest.again += 1;
                    if charged > 0 {
                        return Err(format!("a batch that was answered before was charged {charged} more"));
                    }
                } else if harvest.answered.insert(number, (batch.clone(), count)).is_some() {
                    harvest.again += 1;
                }
                Ok(Became::Answered)
            }
            other => Err(format!("answered with {other:?}")),
        }
    }
}

async fn call(bank: &Bank) -> Result<Caller, String> {
    let address = bank.invitation.address.parse().map_err(cannot("read the server's address"))?;
    bank.dial().call(address).await.map_err(cannot("be let in"))
}

fn locked(harvest: &Mutex<Harvest>) -> MutexGuard<'_, Harvest> {
    harvest.lock().unwrap_or_else(PoisonError::into_inner)
}
