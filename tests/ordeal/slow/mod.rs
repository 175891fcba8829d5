//! `slow`: peers that read and write by drops, and peers that say nothing more. They cost memory, and others nothing.
//!
//! An honest bank is timed with them and without them by turns, with batches that are all charged and synced: see `ratios`. The peers are
//! processes of this machine too, so what they take of its cores is in the figure.

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
use super::premade::Premade;
use super::programs::own_processor_s;
use super::ratios::{median, of_rounds};
use super::{Outcome, cannot};
use crate::fixture::caller::Caller;
use crate::fixture::invited::Bank;
use crate::fixture::pins::Pins;
use peers::Peer;

/// Connections of one bank: what the server allows by default.
const OF_ONE_BANK: usize = 16;
/// Peers that share a socket.
const OF_ONE_SOCKET: usize = 64;
/// What the server may have resident.
const RESIDENT_KIB_MAX: u64 = 512 * 1_024;
/// How much longer an honest request may take, at the 99th percentile.
const RATIO_MAX: f64 = 2.0;
/// Requests of a phase, and elements of each.
const REQUESTS: usize = 400;
const ELEMENTS: u32 = 256;
/// How long the peers have to get into each other's way before it is measured: longer than the server waits for any of them, so that
/// those that it gives up, and that come again, are among them.
const RAMP: Duration = Duration::from_secs(35);
/// How long the server has to see that they are gone.
const CALM: Duration = Duration::from_secs(5);
/// Times that they come. Fewer than this many peers come once, briefly, and say nothing about times.
const ROUNDS: u32 = 3;
const PEERS_TIMED: usize = 100;

/// What a phase came to: the honest bank's median and 99th percentile, seconds.
struct Timed {
    p50_s: f64,
    p99_s: f64,
}

/// The same beside the peers, and the most that the server had resident; what it and this program used of a core.
struct Beside {
    timed: Timed,
    resident_kib: u64,
    server_share: f64,
    own_share: f64,
}

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
    let batches = Premade::new(&pins, ELEMENTS);
    let full = count >= PEERS_TIMED;
    let (rounds, requests) = if full { (ROUNDS, REQUESTS) } else { (1, REQUESTS / 10) };
    let (ramp, calm) = if full { (RAMP, CALM) } else { (RAMP / 20, CALM / 20) };
    time(&caller, &batches, requests / 4).await?; // warms up

    let heard = Arc::new(AtomicUsize::new(0));
    // Three in four are of banks; the rest never come to the end of their handshake.
    let mut banks = Vec::new();
    for number in 0..(count + count / 2).div_ceil(OF_ONE_BANK) {
        banks.push(house.bank(&format!("bank-{number}"), u64::MAX).await);
    }
    let (mut rests, mut loads, mut at_work) =
        (vec![time(&caller, &batches, requests).await?], vec![], usize::MAX);
    for round in 1..=rounds {
        let mut peers = come(count, &banks, &pins, root, &heard).await?;
        tokio::time::sleep(ramp).await;
        loads.push(beside(&mut house, &caller, &batches, requests).await?);
        at_work = at_work.min(peers.len());
        peers.shutdown().await;
        tokio::time::sleep(calm).await;
        rests.push(time(&caller, &batches, requests).await?);
        super::progress("rounds", round, rounds);
    }
    house.server().still_runs()?;

    let of_loads = |figure: fn(&Beside) -> f64| loads.iter().map(figure).collect::<Vec<_>>();
    let of_rests = |figure: fn(&Timed) -> f64| rests.iter().map(figure).collect::<Vec<_>>();
    let (p99s, quiet_p99s) = (of_loads(|load| load.timed.p99_s), of_rests(|rest| rest.p99_s));
    let ratio = median(&of_rounds(&p99s, &quiet_p99s));
    let halves = median(&of_rounds(&of_loads(|load| load.timed.p50_s), &of_rests(|rest| rest.p50_s)));
    let resident_kib = loads.iter().map(|load| load.resident_kib).max().unwrap_or_default();
    let figure = format!(
        "{count} slow and {count} stalled peers ({at_work} at work, {} refusals) in {rounds} rounds: {} MiB resident at most; honest p99 \
         {:.1} ms beside them and {:.1} ms without, {ratio:.2} times as long ({halves:.2} times at the median); meanwhile the server used \
         {:.0} % of a core and the peers {:.0} %",
        heard.load(Ordering::Relaxed),
        resident_kib / 1_024,
        median(&p99s) * 1e3,
        median(&quiet_p99s) * 1e3,
        median(&of_loads(|load| load.server_share)) * 100.0,
        median(&of_loads(|load| load.own_share)) * 100.0,
    );
    let missed = resident_kib > RESIDENT_KIB_MAX || (full && ratio > RATIO_MAX);
    if missed { Err(figure) } else { Ok(figure) }
}

/// Twice so many peers, half of them slow and half of them stalled, at work until they are dropped.
async fn come(
    count: usize,
    banks: &[Bank],
    pins: &Pins,
    root: [u8; 32],
    heard: &Arc<AtomicUsize>,
) -> Result<JoinSet<()>, String> {
    let (mut peers, mut endpoint) = (JoinSet::new(), None);
    for number in 0..2 * count {
        if number % OF_ONE_SOCKET == 0 {
            endpoint = Some(Endpoint::client(([127, 0, 0, 1], 0).into()).map_err(cannot("open a socket"))?);
        }
        let bank = banks[(number / OF_ONE_BANK) % banks.len()].clone();
        let endpoint = endpoint.clone().ok_or("no socket")?;
        let peer = Peer { endpoint, bank, pins: pins.clone(), root, heard: Arc::clone(heard) };
        // Slow ones first, so that they have the seats of their banks.
        match (number < count, number % 2) {
            (true, 0) => peers.spawn(peer.reads_by_drops()),
            (true, _) => peers.spawn(peer.writes_by_drops()),
            (false, _) if number < count + count / 2 => peers.spawn(peer.stops_in_the_middle()),
            (false, _) => peers.spawn(peer.says_hello_only()),
        };
        if number % OF_ONE_SOCKET == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await; // they do not come as a flood of handshakes
        }
    }
    Ok(peers)
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

/// Times the honest bank, and looks at the server's memory meanwhile.
async fn beside(
    house: &mut House,
    caller: &Caller,
    batches: &Premade,
    requests: usize,
) -> Result<Beside, String> {
    let (began, server_s, own_s) = (Instant::now(), house.server().processor_s()?, own_processor_s()?);
    let timing = time(caller, batches, requests);
    tokio::pin!(timing);
    let (mut look, mut resident_kib) = (tokio::time::interval(Duration::from_millis(200)), 0);
    let timed = loop {
        tokio::select! {
            timed = &mut timing => break timed?,
            _ = look.tick() => resident_kib = resident_kib.max(house.server().resident_kib()?),
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let server_share = (house.server().processor_s()? - server_s) / seconds;
    Ok(Beside { timed, resident_kib, server_share, own_share: (own_processor_s()? - own_s) / seconds })
}

/// Asks so many times, one after the other.
async fn time(caller: &Caller, batches: &Premade, requests: usize) -> Result<Timed, String> {
    let mut seconds = Vec::with_capacity(requests);
    for _ in 0..requests {
        let request = batches.next()?;
        let began = Instant::now();
        let answer = caller.send(&request).await.map_err(cannot("ask as an honest bank"))?;
        seconds.push(began.elapsed().as_secs_f64());
        if let Some(refused) = answer.refused() {
            return Err(format!("an honest bank is refused with {refused:?} after {:?}", began.elapsed()));
        }
    }
    seconds.sort_by(f64::total_cmp);
    let at = |percent: usize| seconds[(seconds.len() * percent / 100).min(seconds.len() - 1)];
    Ok(Timed { p50_s: at(50), p99_s: at(99) })
}
