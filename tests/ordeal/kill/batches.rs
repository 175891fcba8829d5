//! A bank that sends one batch after another, and the same one again until it is answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::log::BatchHash;
use crate::fixture::caller::Caller;
use crate::fixture::invited::Bank;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

/// Elements of a batch at most: small ones, so that there are many.
const ELEMENTS_MAX: u32 = 16;

/// What the clients of one bank know.
#[derive(Default)]
pub(super) struct Notes {
    /// Batches that were answered, and their size, in order.
    answered: Mutex<Vec<(BatchHash, u32)>>,
    /// How many of them were found in the log.
    found: AtomicUsize,
    under_way: AtomicUsize,
    connected: AtomicUsize,
    retried: AtomicUsize,
    stop: AtomicBool,
}

/// One connection after another of a bank.
pub(super) struct Client {
    bank: Bank,
    pins: Pins,
    notes: Arc<Notes>,
    /// What is sent until it is answered, and how often it was sent.
    batch: Option<(Batch, usize)>,
}

/// Counts for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl Client {
    pub(super) fn new(bank: &Bank, pins: &Pins, notes: Arc<Notes>) -> Self {
        Self { bank: bank.clone(), pins: pins.clone(), notes, batch: None }
    }

    /// Sends batches while there is a server, until it is to stop and its last batch was answered.
    pub(super) async fn run(mut self, mut up: watch::Receiver<bool>) -> Result<(), String> {
        let address = self.bank.invitation.address.parse().map_err(|_| "no address".to_owned())?;
        let notes = Arc::clone(&self.notes);
        loop {
            let gone = |_| "the ordeal is over".to_owned();
            up.wait_for(|up| *up).await.map_err(gone)?;
            let _connected = Counted::new(&notes.connected);
            let session = async {
                match self.bank.dial().call(address).await {
                    Ok(caller) => self.session(&caller).await,
                    Err(_) => Ok(false), // it may just have been killed
                }
            };
            let mut down = up.clone();
            tokio::select! {
                over = session => if over? { return Ok(()) },
                // A killed server says nothing: the client is told by the ordeal that waiting is of no use.
                _ = down.wait_for(|up| !*up) => {}
            }
        }
    }

    /// Whether it is over; not, where the connection was lost.
    async fn session(&mut self, caller: &Caller) -> Result<bool, String> {
        let notes = Arc::clone(&self.notes);
        loop {
            if self.batch.is_none() && notes.stop.load(Ordering::Relaxed) {
                return Ok(true);
            }
            let (batch, sent) = self.batch.get_or_insert_with(|| (fresh(), 0));
            let request = batch.request(&self.pins);
            let count = u32::try_from(batch.count()).expect("a small batch");
            let hash = Sha256::digest(&request[request.len() - 32 * batch.count()..]).into();
            *sent += 1;
            notes.retried.fetch_add(usize::from(*sent == 2), Ordering::Relaxed);
            let under_way = Counted::new(&notes.under_way);
            let Ok(answer) = caller.send(&request).await else { return Ok(false) };
            drop(under_way);
            let (charged, _) = batch.open(&self.pins, &answer);
            if charged != count && *sent == 1 {
                return Err(format!("a new batch of {count} was charged {charged}"));
            }
            notes.answers().push((hash, count));
            self.batch = None;
        }
    }
}

fn fresh() -> Batch {
    let mut dice = rand::rng();
    Batch::new(&niks(dice.random_range(0..5_000), dice.random_range(1..=ELEMENTS_MAX)), dice.random())
}

impl Notes {
    fn answers(&self) -> MutexGuard<'_, Vec<(BatchHash, u32)>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows that what was answered since the last call was charged, each batch as a whole.
    pub(super) fn unless_in(&self, charged: impl Fn(&BatchHash) -> Option<u32>) -> Result<(), String> {
        let answers = self.answers();
        for (batch, count) in &answers[self.found.load(Ordering::Relaxed)..] {
            match charged(batch) {
                Some(charged) if charged == *count => {}
                Some(charged) => return Err(format!("a batch of {count} was charged {charged}")),
                None => {
                    return Err(format!("a batch of {count} was answered, and no debit of it is in the log"));
                }
            }
        }
        self.found.store(answers.len(), Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn answered(&self) -> usize {
        self.answers().len()
    }

    /// Elements of all batches that were answered.
    pub(super) fn elements(&self) -> u64 {
        self.answers().iter().map(|(_, count)| u64::from(*count)).sum()
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(super) fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// Batches that were sent more than once.
    pub(super) fn retried(&self) -> usize {
        self.retried.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
