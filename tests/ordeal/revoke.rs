//! `revoke`: `samar-server revoke` under the load of the bank that is revoked, and of one that is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn::ConnectionError;
use samar_protocol::wire::{RefusalCode, Response};
use samar_server::accounts::Accounts;
use tokio::task::JoinSet;

use super::house::{House, runtime};
use super::programs::done;
use super::{Outcome, cannot, progress};
use crate::fixture::caller::Caller;
use crate::fixture::invited::Bank;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

/// Certificates of each bank that is revoked, and connections under each; every other one is idle.
const IDENTITIES: usize = 2;
const CONNECTIONS: usize = 4;
/// How long connections may outlive it.
const GONE_MAX: Duration = Duration::from_secs(5);
/// How long load runs before it.
const LOAD: Duration = Duration::from_millis(300);
/// A debit that was decided before stands in the log by then.
const DECIDED_MAX: Duration = Duration::from_millis(500);

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(revoke(count))
}

async fn revoke(count: u32) -> Outcome {
    let house = House::new(|_| {})?;
    let other = house.bank("bank-setia", u64::MAX).await;
    let pins = house.pins(&other).await?;
    let over = Arc::new(AtomicBool::new(false));
    let bystander =
        tokio::spawn(work(house.call(&other).await?, pins.clone(), Arc::clone(&over), Arc::default()));
    let (mut slowest, mut before) = (Duration::ZERO, 0);
    for turn in 1..=count {
        let (gone, answered) = once(&house, &format!("bank-{turn}"), &pins).await?;
        slowest = slowest.max(gone);
        before += answered;
        progress("revoke", turn, count);
    }
    over.store(true, Ordering::Relaxed);
    let ended = bystander.await.map_err(|error| error.to_string())?;
    if let Some(code) = ended {
        return Err(format!("a bank that was not revoked lost its connection with {code:?}"));
    }
    Ok(format!(
        "{count} banks revoked under {before} evaluated batches, {} connections each: all gone within {:.1} s, 0 evaluations \
         charged or answered after",
        IDENTITIES * CONNECTIONS,
        slowest.as_secs_f64()
    ))
}

/// Revokes one bank at work: how long its connections lived on, and the batches answered to it before.
async fn once(house: &House, name: &str, pins: &Pins) -> Result<(Duration, u64), String> {
    let answered = Arc::new(AtomicU64::new(0));
    let (mut connections, mut banks) = (JoinSet::new(), Vec::new());
    for _ in 0..IDENTITIES {
        let bank = house.bank(name, u64::MAX).await;
        for number in 0..CONNECTIONS {
            let caller = house.call(&bank).await?;
            let (pins, answered) = (pins.clone(), Arc::clone(&answered));
            connections.spawn(async move {
                if number % 2 == 0 {
                    ended(caller.connection.closed().await)
                } else {
                    work(caller, pins, Arc::default(), answered).await
                }
            });
        }
        banks.push(bank);
    }
    tokio::time::sleep(LOAD).await;
    let mut command =
        house.programs().server(house.operator.layout.root(), &["revoke", name, "--reason", "ordeal"]);
    tokio::task::spawn_blocking(move || done(&mut command, &[0]))
        .await
        .map_err(|error| error.to_string())??;
    let revoked = Instant::now();
    tokio::time::sleep(DECIDED_MAX).await;
    let (answered_until, used_until) = (answered.load(Ordering::Relaxed), used(house, name)?);
    while let Some(ended) = connections.join_next().await {
        let code = ended.map_err(|error| error.to_string())?;
        if code != Some(RefusalCode::NotEnrolled) {
            return Err(format!("a connection of the revoked bank ended with {code:?}"));
        }
    }
    let gone = revoked.elapsed();
    if gone > GONE_MAX {
        return Err(format!("connections of the revoked bank lived on for {gone:?}"));
    }
    for bank in &banks {
        is_out(house, bank, pins).await?;
    }
    let more = answered.load(Ordering::Relaxed) - answered_until;
    let charged = used(house, name)? - used_until;
    if more > 0 || charged > 0 {
        return Err(format!(
            "{more} batches were answered and {charged} evaluations charged after the revocation"
        ));
    }
    Ok((gone, answered_until))
}

/// Evaluates until it is over, or until the connection ends: with which code. A refusal as such ends nothing.
async fn work(
    caller: Caller,
    pins: Pins,
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> Option<RefusalCode> {
    while !over.load(Ordering::Relaxed) {
        let batch = Batch::new(&niks(0, 8), rand::random());
        match caller.send(&batch.request(&pins)).await {
            Ok(answer) if matches!(answer.response, Response::Refused(_)) => {
                assert_eq!(answer.refused(), Some((RefusalCode::NotEnrolled, None)));
            }
            Ok(answer) => {
                assert_eq!(batch.open(&pins, &answer).0, 8);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => return ended(caller.connection.closed().await),
        }
    }
    None
}

/// Shows that a certificate of the bank opens nothing any more.
async fn is_out(house: &House, bank: &Bank, pins: &Pins) -> Result<(), String> {
    let caller = house.call(bank).await?;
    let batch = Batch::new(&niks(0, 8), rand::random());
    let answer = caller.send(&batch.request(pins)).await.map_err(cannot("ask"))?;
    match answer.refused() {
        Some((RefusalCode::NotEnrolled, None)) => Ok(()),
        other => Err(format!("a revoked bank that calls again hears {other:?}")),
    }
}

#[allow(clippy::needless_pass_by_value)] // what `closed` gives
fn ended(error: ConnectionError) -> Option<RefusalCode> {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            u16::try_from(close.error_code.into_inner()).ok().and_then(RefusalCode::from_number)
        }
        _ => None,
    }
}

fn used(house: &House, bank: &str) -> Result<u64, String> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let standing =
        Accounts::standing(&house.operator.layout.account_log()).map_err(|failure| failure.to_string())?;
    Ok(standing.usage(bank, now_s).lifetime)
}
