//! `slow`: peers that read and write by drops, and peers that say nothing more. They cost memory, and others nothing.

mod peers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quinn::Endpoint;
use samar_protocol::limits::FETCH_BYTES_MAX;
use samar_protocol::manifest::sign;
use samar_server::{keys, published};
use tokio::task::JoinSet;

use super::house::{House, runtime};
use super::{Outcome, cannot};
use crate::fixture::caller::Caller;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};
use peers::Peer;

/// Connections of one bank: what the server allows by default.
const OF_ONE_BANK: usize = 16;
/// Peers that share a socket.
const OF_ONE_SOCKET: usize = 64;
/// What the server may have resident.
const RESIDENT_KIB_MAX: u64 = 512 * 1_024;
/// How much longer an honest request may take, at the 99th percentile.
const RATIO_MAX: f64 = 2.0;
/// Requests timed at a time, and elements of each.
const REQUESTS: usize = 400;
const ELEMENTS: u32 = 256;
/// How long the peers have to get into each other's way before it is measured.
const RAMP: Duration = Duration::from_secs(20);

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(slow(count as usize))
}

async fn slow(count: usize) -> Outcome {
    let mut house = House::new(|config| {
        // Room for everybody at once: that a full house refuses newcomers is not what is asked here.
        config.limits.connections = u32::try_from(2 * count + 100).unwrap_or(u32::MAX);
    })?;
    let root = publish_large_segment(&mut house)?;
    let honest = house.bank("bank-jaya", u64::MAX).await;
    let pins = house.pins(&honest).await?;
    let caller = house.call(&honest).await?;
    let (ramp, requests) = if count < 100 { (RAMP / 10, REQUESTS / 10) } else { (RAMP, REQUESTS) };
    let batches = batches(&pins, requests);
    time(&caller, &batches[..requests / 4]).await?; // warms up
    let before = percentiles(time(&caller, &batches).await?);

    let (mut peers, heard) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    let mut slow_banks = Vec::new();
    // Three in four are of banks; the rest never come to the end of their handshake.
    for number in 0..(count + count / 2).div_ceil(OF_ONE_BANK) {
        slow_banks.push(house.bank(&format!("bank-{number}"), u64::MAX).await);
    }
    let mut endpoint = None;
    for number in 0..2 * count {
        if number % OF_ONE_SOCKET == 0 {
            endpoint = Some(Endpoint::client(([127, 0, 0, 1], 0).into()).map_err(cannot("open a socket"))?);
        }
        let of_bank = &slow_banks[(number / OF_ONE_BANK) % slow_banks.len()];
        let endpoint = endpoint.clone().ok_or("no socket")?;
        let peer =
            Peer { endpoint, bank: of_bank.clone(), pins: pins.clone(), root, heard: Arc::clone(&heard) };
        // Slow ones first, so that they have the seats of their banks.
        match (number < count, number % 2) {
            (true, 0) => peers.spawn(peer.reads_by_drops()),
            (true, _) => peers.spawn(peer.writes_by_drops()),
            (false, _) if number < count + count / 2 => peers.spawn(peer.stops_in_the_middle()),
            (false, _) => peers.spawn(peer.says_hello_only()),
        };
        if number % OF_ONE_SOCKET == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await; // the ramp is not a flood of handshakes
        }
    }
    tokio::time::sleep(ramp).await;
    let mut resident_kib = 0;
    let during = {
        let timing = time(&caller, &batches);
        tokio::pin!(timing);
        let mut look = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                durations = &mut timing => break percentiles(durations?),
                _ = look.tick() => resident_kib = resident_kib.max(house.server().resident_kib()?),
            }
        }
    };
    let (open, heard) = (peers.len(), heard.load(Ordering::Relaxed));
    peers.shutdown().await;
    tokio::time::sleep(ramp / 4).await;
    let after = percentiles(time(&caller, &batches).await?);
    house.server().still_runs()?;

    let baseline = before.1.max(after.1);
    let ratio = during.1.as_secs_f64() / baseline.as_secs_f64();
    let figure = format!(
        "{count} slow and {count} stalled peers ({open} at work, {heard} refusals): {} MiB resident at most; honest p50 {:.1} \
         ms and p99 {:.1} ms, {ratio:.2} times the p99 of {:.1} ms without them",
        resident_kib / 1_024,
        during.0.as_secs_f64() * 1e3,
        during.1.as_secs_f64() * 1e3,
        baseline.as_secs_f64() * 1e3,
    );
    if resident_kib > RESIDENT_KIB_MAX || (ratio > RATIO_MAX && count >= 100) {
        return Err(figure);
    }
    Ok(figure)
}

/// Publishes a segment of 2 MiB, so that there is something to read slowly. What is in it does not matter here.
fn publish_large_segment(house: &mut House) -> Result<[u8; 32], String> {
    let failed = |failure: samar_local::exit::Failure| failure.to_string();
    let (layout, root) = (&house.operator.layout, [9; 32]);
    let mut manifest = published::read_manifest(layout, 1).map_err(failed)?.manifest().clone();
    let before = &manifest.breaches[0].segments[0];
    // The header is a true one: a server opens nothing else.
    let mut bytes = std::fs::read(layout.segment(&before.root)).map_err(cannot("read a segment"))?;
    bytes.truncate(before.page_bytes as usize);
    bytes.resize(FETCH_BYTES_MAX as usize, 7);
    std::fs::write(layout.segment(&root), bytes).map_err(cannot("write a segment"))?;
    manifest.epoch = 2;
    manifest.previous = published::floor(layout).map_err(failed)?.hash.0;
    let segment = &mut manifest.breaches[0].segments[0];
    (segment.root, segment.file_bytes) = (root, FETCH_BYTES_MAX.into());
    let publisher = keys::publisher(layout).map_err(failed)?;
    let signed = sign(&manifest, &publisher).map_err(cannot("sign a manifest"))?;
    std::fs::write(layout.manifest(2), signed).map_err(cannot("write a manifest"))?;
    house.kill()?;
    house.start()?;
    Ok(root)
}

/// Requests made beforehand, so that only the server is timed.
fn batches(pins: &Pins, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| Batch::new(&niks(0, ELEMENTS), rand::random()).request(pins)).collect()
}

async fn time(caller: &Caller, requests: &[Vec<u8>]) -> Result<Vec<Duration>, String> {
    let mut durations = Vec::new();
    for request in requests {
        let began = Instant::now();
        let answer = caller.send(request).await.map_err(cannot("ask as an honest bank"))?;
        durations.push(began.elapsed());
        if let Some(refused) = answer.refused() {
            return Err(format!("an honest bank is refused with {refused:?} after {:?}", began.elapsed()));
        }
    }
    Ok(durations)
}

/// The median and the 99th percentile.
fn percentiles(mut durations: Vec<Duration>) -> (Duration, Duration) {
    durations.sort();
    let at = |percent: usize| durations[(durations.len() * percent / 100).min(durations.len() - 1)];
    (at(50), at(99))
}
