//! Private lookups: queries of different banks to one segment share a pass over its pages.
//!
//! A query that finds nobody at work on its segment begins a pass; those that come meanwhile wait, and the next pass takes up to
//! sixteen of them, one of each bank before a second of any. A pass is one piece of work on the pool, and ends early if all who
//! asked have gone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use samar_protocol::lookup::{Answerer, BATCH_QUERIES_MAX, Kernel, QueryVector};
use samar_protocol::wire::{HintRequest, HintSent, LookedUp, LookupRequest, Refusal, RefusalCode, Response};
use tokio::sync::oneshot;

use super::State;
use super::answer::{self, Answer, refuse};
use super::range::read_range;
use crate::accounts::Refused;
use crate::published::Published;

/// Bytes of pages after which a pass looks whether anybody still waits for it.
const STRETCH_BYTES: usize = 16 << 20;

/// The queries that wait, by segment. A segment is there while a pass over it is under way or about to be.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    waiting: Mutex<HashMap<[u8; 32], VecDeque<Waiting>>>,
}

/// One query, and whom its answer goes to.
#[derive(Debug)]
struct Waiting {
    bank: String,
    query: QueryVector,
    answer: oneshot::Sender<Vec<u8>>,
}

/// Sends a range of a hint.
pub(super) async fn hint(state: &State, request: &HintRequest) -> Answer {
    let newest = answer::newest(state)?;
    let Some(segment) = newest.segment(&request.root) else {
        return refuse(RefusalCode::RangeUnknown, "unknown segment");
    };
    let Some(lookup) = &segment.lookup else { return refuse(RefusalCode::LookupNone, "no hint") };
    if request.offset.saturating_add(request.length.into()) > lookup.hint_bytes {
        return refuse(RefusalCode::RangeUnknown, "past the end");
    }
    let (root, offset, length) = (request.root, request.offset, request.length);
    let read = tokio::task::spawn_blocking(move || {
        let lookup = newest.segment(&root).and_then(|segment| segment.lookup.as_ref());
        read_range(&lookup.ok_or(std::io::ErrorKind::NotFound)?.hint, offset, length)
    });
    match read.await {
        Ok(Ok(bulk)) => Ok((Response::Hint(HintSent { length, extensions: vec![] }), bulk)),
        Ok(Err(error)) => refuse(RefusalCode::Internal, &error),
        Err(error) => refuse(RefusalCode::Internal, &error),
    }
}

/// The set with the segment that is asked of, before the query's bulk is read.
pub(super) fn find(state: &State, request: &LookupRequest) -> Result<Arc<Published>, (Refusal, String)> {
    let newest = answer::newest(state)?;
    let Some(segment) = newest.segment(&request.root) else {
        return refuse(RefusalCode::RangeUnknown, "unknown segment");
    };
    let Some(lookup) = &segment.lookup else { return refuse(RefusalCode::LookupNone, "no hint") };
    if request.pages != lookup.shape.pages() {
        return refuse(RefusalCode::Malformed, "a query over another number of pages");
    }
    Ok(newest)
}

/// Answers a query: read, charge, then the pass while the log syncs.
pub(super) async fn look_up(
    state: &Arc<State>,
    bank: &str,
    request: &LookupRequest,
    bulk: Vec<u8>,
) -> Answer {
    let newest = find(state, request)?;
    answer::check_clock(state)?;
    let Some(shape) = newest.segment(&request.root).and_then(|found| found.lookup.as_ref()).map(|l| l.shape)
    else {
        return refuse(RefusalCode::LookupNone, "no hint");
    };
    let query = QueryVector::parse(&bulk, shape).or_else(|error| refuse(RefusalCode::Malformed, &error))?;
    drop(bulk);
    // As it is enrolled when it is charged: the query may have waited since, and the bank have been revoked.
    match state.registry.served(bank) {
        Ok(Some(_)) => {}
        Ok(None) => return refuse(RefusalCode::NotEnrolled, "revoked while it waited"),
        Err(failure) => return refuse(RefusalCode::Internal, &failure),
    }
    let per_day = state.config().lookups_per_day;
    let synced = state.accounts.debit_lookup(bank, per_day, state.now_s()).map_err(|refused| {
        let (refusal, why) = (Refusal::new(refused.code()), "a lookup".to_owned());
        match refused {
            Refused::Day { retry_after_ms } | Refused::Lookups { retry_after_ms } => {
                (refusal.retry_after_ms(retry_after_ms), why)
            }
            Refused::Lifetime => (refusal, why),
            Refused::Clock { behind } => (refusal, answer::clock_behind(behind)),
        }
    })?;
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting { bank: bank.to_owned(), query, answer };
    if state.lookups.put(request.root, waiting) {
        tokio::spawn(passes(Arc::clone(state), newest, request.root));
    }
    let synced = async {
        let began = Instant::now();
        let synced = synced.await;
        state.metrics.log_sync.observe(began.elapsed().as_secs_f64());
        synced
    };
    let (answered, synced) = tokio::join!(answered, synced);
    synced.or_else(|_| refuse(RefusalCode::Internal, "the account log failed"))?;
    let bulk = answered.or_else(|_| refuse(RefusalCode::Internal, "the pass was lost"))?;
    let page_bytes = u32::try_from(shape.rows()).unwrap_or(0);
    Ok((Response::LookedUp(LookedUp { page_bytes, extensions: vec![] }), bulk))
}

/// Passes over one segment for as long as anybody waits.
async fn passes(state: Arc<State>, published: Arc<Published>, root: [u8; 32]) {
    while let Some(batch) = state.lookups.take(&root) {
        let published = Arc::clone(&published);
        // What is lost here is lost for those who wait: their sender is gone, and they are told.
        let _ = state.compute.run_shared(move || pass(&published, &root, batch)).await;
    }
}

fn pass(published: &Published, root: &[u8; 32], batch: Vec<Waiting>) {
    let Some(lookup) = published.segment(root).and_then(|segment| segment.lookup.as_ref()) else { return };
    let (queries, answers): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|waiting| (waiting.query, waiting.answer)).unzip();
    let mut answerer = Answerer::new(Kernel::best(), lookup.shape, queries);
    for stretch in lookup.pages().chunks(STRETCH_BYTES) {
        if answers.iter().all(oneshot::Sender::is_closed) {
            return;
        }
        answerer.push(stretch);
    }
    for (sender, answer) in answers.into_iter().zip(answerer.finish()) {
        let _ = sender.send(answer); // who asked may have gone
    }
}

impl Lookups {
    /// Puts a query into its queue; whether nobody is at work there yet, so that a pass must be begun.
    fn put(&self, root: [u8; 32], waiting: Waiting) -> bool {
        let mut queues = self.lock();
        let begun = queues.contains_key(&root);
        queues.entry(root).or_default().push_back(waiting);
        !begun
    }

    /// The next queries for one pass; `None` where nobody waits any more, and then the passes have ended.
    fn take(&self, root: &[u8; 32]) -> Option<Vec<Waiting>> {
        let mut queues = self.lock();
        let queue = queues.get_mut(root)?;
        queue.retain(|waiting| !waiting.answer.is_closed());
        if queue.is_empty() {
            queues.remove(root);
            return None;
        }
        Some(next_batch(queue))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], VecDeque<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to sixteen, in the order of coming, but one of each bank before a second of any.
fn next_batch(queue: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut batch = Vec::new();
    while batch.len() < BATCH_QUERIES_MAX && !queue.is_empty() {
        let mut served = HashSet::new();
        let mut left = VecDeque::new();
        for waiting in queue.drain(..) {
            if batch.len() < BATCH_QUERIES_MAX && served.insert(waiting.bank.clone()) {
                batch.push(waiting);
            } else {
                left.push_back(waiting);
            }
        }
        *queue = left;
    }
    batch
}

#[cfg(test)]
mod tests {
    use samar_protocol::lookup::Shape;

    use super::*;

    #[test]
    fn a_bank_with_many_queries_does_not_push_others_out_of_a_pass() {
        let shape = Shape::new(2_048, 1).unwrap();
        let waiting = |bank: &str| Waiting {
            bank: bank.to_owned(),
            query: QueryVector::parse(&[0; 4], shape).unwrap(),
            answer: oneshot::channel().0,
        };
        let mut queue: VecDeque<_> = (0..30).map(|_| waiting("greedy")).collect();
        queue.extend([waiting("bank-a"), waiting("bank-b"), waiting("bank-a")]);
        let banks = |batch: &[Waiting]| batch.iter().map(|waiting| waiting.bank.clone()).collect::<Vec<_>>();
        let first = banks(&next_batch(&mut queue));
        assert_eq!(first.len(), BATCH_QUERIES_MAX);
        assert_eq!(first[..5], ["greedy", "bank-a", "bank-b", "greedy", "bank-a"]);
        assert_eq!(banks(&next_batch(&mut queue)), vec!["greedy"; BATCH_QUERIES_MAX]);
        assert_eq!(next_batch(&mut queue).len(), 1);
    }

    #[test]
    fn who_has_gone_is_dropped_and_the_segment_is_free_again() {
        let lookups = Lookups::default();
        let shape = Shape::new(2_048, 1).unwrap();
        let waiting = || {
            let (answer, answered) = oneshot::channel();
            let query = QueryVector::parse(&[0; 4], shape).unwrap();
            (Waiting { bank: "bank-a".to_owned(), query, answer }, answered)
        };
        let (gone, _) = waiting();
        let (stays, answered) = waiting();
        assert!(lookups.put([1; 32], gone) && !lookups.put([1; 32], stays));
        assert_eq!(lookups.take(&[1; 32]).unwrap().len(), 1);
        assert!(lookups.take(&[1; 32]).is_none());
        drop(answered);
        assert!(lookups.put([1; 32], waiting().0), "a new pass is begun");
    }
}
