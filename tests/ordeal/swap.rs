//! `swap`: one epoch after the other under load. Whoever asks meanwhile is answered, out of one epoch and never out of two.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use samar_protocol::invitation::Invitation;
use serde_json::Value;
use tokio::task::{JoinSet, spawn_blocking};

use super::house::{House, runtime};
use super::programs::{Programs, done};
use super::{Outcome, cannot, progress};
use crate::fixture::caller::Caller;
use crate::fixture::messages;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

/// Entries that the operator begins with, and that each epoch adds.
const FIRST_ENTRIES: u64 = 60;
const MORE_ENTRIES: u32 = 7;
/// Banks that evaluate, and banks that fetch and check, each at the same time.
const EVALUATING: usize = 3;
const FETCHING: usize = 2;
/// How long a server may take to serve what was published.
const TAKEN_UP_MAX: Duration = Duration::from_secs(15);

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(swap(count))
}

async fn swap(count: u32) -> Outcome {
    let mut house = House::new(|_| {})?;
    let watcher = house.bank("bank-watch", u64::MAX).await;
    let pins = house.pins(&watcher).await?;
    let over = Arc::new(AtomicBool::new(false));
    let (evaluated, fetched) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut load = JoinSet::new();
    for number in 0..EVALUATING {
        let bank = house.bank(&format!("bank-{number}"), u64::MAX).await;
        let (caller, pins) = (house.call(&bank).await?, pins.clone());
        load.spawn(evaluate(caller, pins, Arc::clone(&over), Arc::clone(&evaluated)));
    }
    for number in 0..FETCHING {
        let mut invitation =
            house.operator.invite(&format!("bank-f{number}"), Some(u64::MAX), Some(u64::MAX));
        invitation.address = house.server().address.to_string();
        let folder = house.operator.outside().join(format!("bank-f{number}"));
        let (programs, over, fetched) = (house.programs().clone(), Arc::clone(&over), Arc::clone(&fetched));
        let work = move || fetch(&programs, &folder, &invitation, &over, &fetched);
        load.spawn(async move { spawn_blocking(work).await.map_err(cannot("fetch"))? });
    }
    let caller = house.call(&watcher).await?;
    let mut slowest = Duration::ZERO;
    for epoch in 2..=count + 1 {
        let first = u32::try_from(FIRST_ENTRIES).unwrap_or(0) + (epoch - 2) * MORE_ENTRIES;
        house.operator.ingest("breach-a", &niks(first, MORE_ENTRIES));
        house.operator.publish();
        slowest = slowest.max(taken_up(&caller, u64::from(epoch)).await?);
        if let Some(ended) = load.try_join_next() {
            return Err(ended
                .map_err(|error| error.to_string())?
                .err()
                .unwrap_or_else(|| "load ended by itself".to_owned()));
        }
        progress("swap", epoch - 1, count);
    }
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = load.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    house.server().still_runs()?;
    let (evaluated, fetched) = (evaluated.load(Ordering::Relaxed), fetched.load(Ordering::Relaxed));
    if evaluated < u64::from(count) || fetched == 0 {
        return Err(format!(
            "only {evaluated} batches and {fetched} downloads came to pass: the load was none"
        ));
    }
    Ok(format!(
        "{count} manifests swapped under {evaluated} evaluated batches and {fetched} downloads, each screened: 0 failed, 0 mixed; \
         the last was served within {:.1} s",
        slowest.as_secs_f64()
    ))
}

/// Waits until the server serves this epoch; how long that took.
async fn taken_up(caller: &Caller, epoch: u64) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        let answer = caller.send(&messages::manifest(None).encode().map_err(cannot("ask"))?).await;
        let answer = answer.map_err(cannot("ask for the newest manifest"))?;
        let signed = samar_protocol::manifest::SignedManifest::inspect(&answer.bulk);
        if signed.map_err(cannot("read the manifest"))?.manifest().epoch == epoch {
            return Ok(began.elapsed());
        }
        if began.elapsed() > TAKEN_UP_MAX {
            return Err(format!("epoch {epoch} is not served after {TAKEN_UP_MAX:?}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Evaluates until it is over. Every proof must hold, and no request be refused.
async fn evaluate(
    caller: Caller,
    pins: Pins,
    over: Arc<AtomicBool>,
    evaluated: Arc<AtomicU64>,
) -> Result<(), String> {
    while !over.load(Ordering::Relaxed) {
        let batch = Batch::new(&niks(0, 64), rand::random());
        let answer = caller.send(&batch.request(&pins)).await.map_err(cannot("evaluate"))?;
        if let Some(refused) = answer.refused() {
            return Err(format!("an evaluation was refused: {refused:?}"));
        }
        // Panics where the proof does not hold.
        if batch.open(&pins, &answer).0 != 64 {
            return Err("a batch was charged in part".to_owned());
        }
        evaluated.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Synchronizes and screens with the bank's program until it is over. What came must be one epoch, whole.
fn fetch(
    programs: &Programs,
    folder: &Path,
    invitation: &Invitation,
    over: &AtomicBool,
    fetched: &AtomicU64,
) -> Result<(), String> {
    let place = |name: &str| -> PathBuf { folder.with_extension(name) };
    std::fs::write(place("invitation"), invitation.to_text().map_err(cannot("write an invitation"))?)
        .map_err(cannot("write an invitation"))?;
    done(&mut programs.client(folder, &["join", &place("invitation").display().to_string()]), &[0])?;
    // Persons of all epochs to come: how many of them are exposed tells the epoch.
    let rows: String = niks(0, 1_000).iter().map(|nik| format!("{nik}\n")).collect();
    std::fs::write(place("csv"), format!("NIK\n{rows}")).map_err(cannot("write customers"))?;
    let (customers, report) = (place("csv").display().to_string(), place("report").display().to_string());
    let mut turn = 0u64;
    while !over.load(Ordering::Relaxed) {
        if turn.is_multiple_of(4) {
            // From nothing, so that there is much to fetch.
            let _ = std::fs::remove_dir_all(folder.join("segments"));
        }
        turn += 1;
        let synced = json(&done(&mut programs.client(folder, &["sync", "--json"]), &[0])?.stdout)?;
        let epoch = synced["epoch"].as_u64().unwrap_or(0);
        let expected = FIRST_ENTRIES + u64::from(MORE_ENTRIES) * (epoch - 1);
        let arguments = ["screen", &customers, "--column", "NIK", "--out", &report, "--json"];
        let screened = json(&done(&mut programs.client(folder, &arguments), &[1])?.stdout)?;
        if (screened["epoch"].as_u64(), screened["exposed"].as_u64())
            != (Some(epoch), Some(expected.min(1_000)))
        {
            return Err(format!("epoch {epoch} has {expected} entries, and the screening found {screened}"));
        }
        fetched.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(cannot("read what a program printed"))
}
