//! Arithmetic off the async workers: a bounded queue into a pool with one thread a core.
//!
//! Fair between banks: each bank has a few places, and places are handed out in the order of asking, so that a bank with
//! many batches waits for its own, not others for it.

use std::sync::Arc;
use std::time::Duration;

use samar_local::exit::Failure;
use samar_protocol::wire::{Refusal, RefusalCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::admission::Shares;

/// Batches of one bank in the queue or at work.
const PLACES_PER_BANK: usize = 8;
/// Batches of one bank that wait for a place. More would only wait longer: it is better to be told at once.
const WAITING_PER_BANK: usize = 8;
/// How long a batch may wait for a place.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// What a bank is told to wait before it tries again.
const RETRY_AFTER_MS: u32 = 1_000;

/// The pool.
#[derive(Debug)]
pub(super) struct Compute {
    pool: rayon::ThreadPool,
    /// Work running or about to: twice the threads, so that none waits for the async side.
    slots: Arc<Semaphore>,
    places: Shares,
    waiting: Shares,
}

impl Compute {
    /// A pool of `threads` threads, or one a core.
    ///
    /// # Errors
    /// Threads cannot be started.
    pub(super) fn new(threads: Option<usize>) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .thread_name(|index| format!("compute-{index}"))
            .build()
            .map_err(|error| Failure::local(format!("cannot start the compute threads: {error}")))?;
        let slots = Arc::new(Semaphore::new(2 * pool.current_num_threads()));
        Ok(Self { pool, slots, places: Shares::new(PLACES_PER_BANK), waiting: Shares::new(WAITING_PER_BANK) })
    }

    /// A place in the queue for one batch of this bank. Hold it for as long as the batch takes.
    ///
    /// # Errors
    /// [`RefusalCode::Busy`] where too many wait already, or after too long a wait.
    pub(super) async fn place(&self, bank: &str) -> Result<Place, Refusal> {
        let places = self.places.of(bank);
        let busy = || Refusal::new(RefusalCode::Busy).retry_after_ms(RETRY_AFTER_MS);
        let Ok(_waiting) = self.waiting.of(bank).try_acquire_owned() else { return Err(busy()) };
        match tokio::time::timeout(WAIT_MAX, places.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            _ => Err(busy()),
        }
    }

    /// Runs work of several banks at once, each of which holds a place.
    ///
    /// # Errors
    /// As [`Compute::run`].
    pub(super) async fn run_shared<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let lost = || Refusal::new(RefusalCode::Internal);
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| lost())?;
        let (done, result) = oneshot::channel();
        self.pool.spawn(move || {
            let _ = done.send(work()); // the askers may have gone
            drop(slot);
        });
        result.await.map_err(|_| lost())
    }

    /// Runs `work` on the pool, in its turn. Places bound the queue, so the wait is bounded by the work ahead; and what may
    /// have been charged already is not turned away.
    ///
    /// # Errors
    /// [`RefusalCode::Internal`] if the work was lost.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        _place: &Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        self.run_shared(work).await
    }
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}
