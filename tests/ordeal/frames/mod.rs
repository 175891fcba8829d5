//! `frames`: a client that sends anything but what it should, and handshakes that are none.

mod handshakes;
mod lies;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

use super::house::{House, runtime};
use super::{Outcome, progress};
use crate::fixture::invited::Bank;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};
use lies::{Heard, Liar};

/// Banks that lie.
const BANKS: usize = 2;
/// Connections of each.
const CONNECTIONS: usize = 4;
/// Lies at a time on a connection: under the server's 16, so that none waits for a stream.
const STREAMS: usize = 12;
/// What the server may hold more after all of it than after a tenth.
const GROWTH_KIB_MAX: u64 = 32 * 1_024;
/// Between two requests of the honest bank.
const HONEST_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(frames(count))
}

async fn frames(count: u32) -> Outcome {
    let mut house = House::new(|_| {})?;
    let honest = house.bank("bank-jaya", u64::MAX).await;
    let mut liars = Vec::new();
    for number in 0..BANKS {
        liars.push(house.bank(&format!("bank-{number}"), u64::MAX).await);
    }
    let pins = house.pins(&honest).await?;
    let over = Arc::new(AtomicBool::new(false));
    let served = tokio::spawn(ask_honestly(house.call(&honest).await?, pins.clone(), Arc::clone(&over)));

    let warm_up = count.div_ceil(10);
    let mut heard = [0; 3];
    lie(&house, &liars, &pins, warm_up, &mut heard).await?;
    handshakes::garble(&liars[0], (count / 100).max(8)).await?;
    let before_kib = house.server().resident_kib()?;
    lie(&house, &liars, &pins, count - warm_up, &mut heard).await?;
    let dropped_before = house.server().datagrams_dropped();
    let failed = handshakes::garble(&liars[0], (count / 10).max(8)).await?;
    let dropped = house.server().datagrams_dropped() - dropped_before;
    let after_kib = house.server().resident_kib()?;

    over.store(true, Ordering::Relaxed);
    let answered = served.await.map_err(|_| "the honest bank was not answered, or wrongly".to_owned())?;
    // And a newcomer is let in after all of that.
    let late = house.call(&honest).await?;
    if Batch::new(&niks(0, 3), rand::random()).evaluate(&late, &pins).await.0 != 3 {
        return Err("an honest batch was not charged as one".to_owned());
    }
    house.server().still_runs()?;
    let growth_kib = after_kib.saturating_sub(before_kib);
    if growth_kib > GROWTH_KIB_MAX {
        return Err(format!("the server grew from {before_kib} to {after_kib} KiB"));
    }
    let [refused, cut, valid] = heard;
    Ok(format!(
        "{} malformed frames ({refused} refused, {cut} cut off; {valid} more were valid), {failed} malformed handshakes \
         ({dropped} datagrams lost), 0 panics, {before_kib} to {after_kib} KiB resident, {answered} honest requests \
         answered beside them",
        refused + cut
    ))
}

/// Sends so many frames that are not valid.
async fn lie(
    house: &House,
    banks: &[Bank],
    pins: &Pins,
    count: u32,
    heard: &mut [u64; 3],
) -> Result<(), String> {
    let sent = Arc::new(AtomicU64::new(0));
    let liar = Arc::new(Liar::new(pins));
    let mut tasks = JoinSet::new();
    for bank in banks {
        for _ in 0..CONNECTIONS {
            let caller = Arc::new(house.call(bank).await?);
            for _ in 0..STREAMS {
                let (caller, liar, sent) = (Arc::clone(&caller), Arc::clone(&liar), Arc::clone(&sent));
                let mut dice = StdRng::from_seed(rand::random());
                tasks.spawn(async move {
                    let mut heard = [0; 3];
                    while sent.load(Ordering::Relaxed) < u64::from(count) {
                        let found = liar.lie(&caller.connection, &mut dice).await?;
                        heard[found as usize] += 1;
                        if found != Heard::Answer {
                            let sent = sent.fetch_add(1, Ordering::Relaxed) + 1;
                            progress("frames", u32::try_from(sent).unwrap_or(u32::MAX), count);
                        }
                    }
                    Ok::<_, String>(heard)
                });
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        let found = done.map_err(|error| error.to_string())??;
        heard.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
    }
    Ok(())
}

/// Asks for evaluations and checks every answer, until told that it is over; how many.
async fn ask_honestly(caller: crate::Caller, pins: Pins, over: Arc<AtomicBool>) -> u64 {
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        let (charged, _) = Batch::new(&niks(7, 3), rand::random()).evaluate(&caller, &pins).await;
        assert_eq!(charged, 3);
        answered += 1;
        tokio::time::sleep(HONEST_PAUSE).await;
    }
    answered
}
