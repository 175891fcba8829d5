//! `kill`: kill -9 of the server under load. What a bank was answered stands in the log, and no batch stands there twice.

mod batches;
pub(super) mod log;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use samar_server::accounts::Accounts;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::house::{House, runtime};
use super::{Outcome, progress};
use batches::{Client, Notes};
use log::LogReader;

const BANKS: usize = 4;
/// Connections of each bank, with one batch under way on each.
const CONNECTIONS: usize = 2;
/// How long a server lives, after the first answer it gave.
const LIFE_MAX: Duration = Duration::from_millis(120);
/// How long it may take to answer at all.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(60);

pub(super) fn run(count: u32) -> Outcome {
    runtime()?.block_on(kill(count))
}

async fn kill(count: u32) -> Outcome {
    let mut house = House::new(|_| {})?;
    // `false` while there is no server to call.
    let (alive, up) = watch::channel(true);
    let (mut notes, mut tasks) = (Vec::new(), JoinSet::new());
    for number in 0..BANKS {
        let bank = house.bank(&format!("bank-{number}"), u64::MAX).await;
        let pins = house.pins(&bank).await?;
        let of_bank = Arc::new(Notes::default());
        notes.push((bank.invitation.bank.clone(), Arc::clone(&of_bank)));
        for _ in 0..CONNECTIONS {
            tasks.spawn(Client::new(&bank, &pins, Arc::clone(&of_bank)).run(up.clone()));
        }
    }
    let mut log = LogReader::new(&house.operator.layout.account_log());
    let answers =
        |notes: &[(String, Arc<Notes>)]| notes.iter().map(|(_, notes)| notes.answered()).sum::<usize>();
    let (mut torn, mut killed_under_way) = (0, 0);
    for cycle in 1..=count {
        let before = answers(&notes);
        let began = std::time::Instant::now();
        while answers(&notes) == before {
            if began.elapsed() > FIRST_ANSWER_MAX {
                return Err(format!("after kill {} nobody is answered any more", cycle - 1));
            }
            failed(&mut tasks)?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(LIFE_MAX.mul_f64(rand::rng().random_range(0.0..1.0))).await;
        house.kill()?;
        killed_under_way += usize::from(notes.iter().any(|(_, notes)| notes.under_way() > 0));
        // What arrived before the kill is noted by then.
        alive.send_replace(false);
        settle(&notes).await;
        torn += u32::from(log.read_on().map_err(|what| format!("after kill {cycle}: {what}"))?);
        for (bank, notes) in &notes {
            let lost = notes.unless_in(|batch| log.count_of(bank, batch));
            lost.map_err(|what| format!("after kill {cycle}: {bank}: {what}"))?;
        }
        house.start()?;
        alive.send_replace(true);
        progress("kill", cycle, count);
    }
    // Every batch that was ever sent is answered in the end; each is charged once.
    notes.iter().for_each(|(_, notes)| notes.stop());
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    log.read_on()?;
    let mut charged = 0;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let standing =
        Accounts::standing(&house.operator.layout.account_log()).map_err(|failure| failure.to_string())?;
    for (bank, notes) in &notes {
        notes.unless_in(|batch| log.count_of(bank, batch)).map_err(|what| format!("{bank}: {what}"))?;
        let (sent, used) = (notes.elements(), standing.usage(bank, now_s).lifetime);
        if sent != used || sent != log.sum_of(bank) {
            return Err(format!("{bank} sent {sent} different elements and was charged for {used}"));
        }
        charged += notes.answered();
    }
    let retried = notes.iter().map(|(_, notes)| notes.retried()).sum::<usize>();
    Ok(format!(
        "{count} cycles ({killed_under_way} with batches under way, {torn} tore the log), {charged} debits of {BANKS} banks, \
         0 acknowledged debits lost, 0 charged twice ({retried} batches sent again), 0 replies without a durable record"
    ))
}

/// Waits until no client believes that it has a connection.
async fn settle(notes: &[(String, Arc<Notes>)]) {
    while notes.iter().any(|(_, notes)| notes.connected() > 0) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn failed(tasks: &mut JoinSet<Result<(), String>>) -> Result<(), String> {
    match tasks.try_join_next() {
        None => Ok(()),
        Some(Ok(Ok(()))) => Err("a client ended too early".to_owned()),
        Some(Ok(Err(what))) => Err(what),
        Some(Err(error)) => Err(error.to_string()),
    }
}
