//! The second reading: identifiers that are not known yet go to the server in batches, several at once.

use std::sync::Arc;

use samar_local::exit::Failure;
use samar_local::people::thousands;
use samar_local::progress::{Progress, Unit};
use samar_protocol::identifier::{Identifier, OprfInput};
use samar_protocol::oprf::PreparedBlinds;
use samar_protocol::wire::{Refusal, RefusalCode};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::blocking;
use super::survey::{Survey, Unknown};
use crate::customers::{Cell, Customers, Hash, HashKey};
use crate::evaluation::{BATCH, Evaluator};
use crate::ledger::Ledger;
use crate::link::LinkError;

/// Batches under way at once. Worst-case memory = 4 × 4,096 × 520 bytes, and as much again waiting.
const IN_FLIGHT: usize = 4;

/// What the allowance has left, and the word for it being used up.
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    pub(super) left: u64,
    pub(super) code: RefusalCode,
}

/// What the evaluation came to, besides what it added to the ledger.
#[derive(Clone, Copy, Default)]
pub(super) struct Evaluated {
    /// Identifiers evaluated now.
    pub(super) count: u64,
    /// Elements sent for them: with what stands where a row has nothing to ask about.
    pub(super) sent: u64,
    /// Evaluations charged for those.
    pub(super) charged: u64,
}

/// Identifiers to evaluate together, of whole rows: all that a row has to ask about, and as much padding as hides how much that
/// is.
#[derive(Default)]
struct Batch {
    hashes: Vec<Hash>,
    inputs: Vec<OprfInput>,
    /// For each of them whether it is padding.
    padding: Vec<bool>,
}

/// A batch and the blinds for it, made while the network is waited for.
type Ready = (Batch, PreparedBlinds);

/// What became of a batch.
struct Done {
    count: u64,
    sent: u64,
    charged: u32,
}

enum BatchError {
    Link(LinkError),
    Ledger(Failure),
}

/// Evaluates what the ledger does not know, and adds it to the ledger batch by batch.
pub(super) async fn run(
    evaluator: &Evaluator,
    customers: &Arc<Customers>,
    survey: &Arc<Survey>,
    unknown: Unknown,
    ledger: &Arc<Ledger>,
    allowed: Allowed,
) -> Result<Evaluated, Failure> {
    let (expected, to_send, width) = (unknown.count, unknown.evaluations(), unknown.width());
    let progress = Progress::new("evaluate", Unit::Count, Some(to_send));
    let mut evaluated = Evaluated::default();
    let (feed, mut batches) = mpsc::channel(IN_FLIGHT);
    let reader = {
        let (customers, survey, ledger) = (Arc::clone(customers), Arc::clone(survey), Arc::clone(ledger));
        let evaluator = evaluator.clone();
        tokio::spawn(blocking(move || {
            let ready = |batch| prepare(&evaluator, &ledger, batch);
            read(&customers, &survey, &unknown, &ledger.hash_key, allowed.left, ready, &feed)
        }))
    };
    let mut under_way = JoinSet::new();
    let mut failed: Option<BatchError> = None;
    let mut exhausted = false;
    loop {
        while failed.is_none() && !exhausted && under_way.len() < IN_FLIGHT {
            match batches.recv().await {
                Some(ready) => {
                    under_way.spawn(one(evaluator.clone(), Arc::clone(ledger), ready));
                }
                None => exhausted = true,
            }
        }
        let Some(done) = under_way.join_next().await else { break };
        // Unwrap safety: a task that panicked has ended the program, and none is cancelled while it is waited for.
        match done.expect("a batch neither panics nor is cancelled") {
            Ok(done) => {
                evaluated.count += done.count;
                evaluated.sent += done.sent;
                evaluated.charged += u64::from(done.charged);
                progress.add(done.sent);
            }
            // A lie ends the run at once. After any other failure the batches that are under way are waited for: they
            // may have been charged.
            Err(error @ BatchError::Link(LinkError::Lied { .. })) => {
                let ledger = Arc::clone(ledger);
                blocking(move || ledger.discard_blinds()).await?;
                failed = Some(error);
                break;
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    drop(batches); // stops the reader
    // Unwrap safety: as above.
    let read = reader.await.expect("the reader neither panics nor is cancelled");
    match failed {
        Some(BatchError::Ledger(failure)) => return Err(failure),
        Some(BatchError::Link(error)) => return Err(kept(error, &evaluated)),
        None => read?,
    }
    if allowed.left < to_send && evaluated.sent == allowed.left / width * width {
        // Asking for more would only be refused, and could take what a batch under way still needs.
        return Err(kept(LinkError::Refused { refusal: Refusal::new(allowed.code) }, &evaluated));
    }
    if evaluated.count != expected {
        return Err(customers.changed());
    }
    Ok(evaluated)
}

async fn one(evaluator: Evaluator, ledger: Arc<Ledger>, (batch, blinds): Ready) -> Result<Done, BatchError> {
    let Batch { hashes, inputs, padding } = batch;
    let sent = inputs.len() as u64;
    let (elements, charged) = evaluator.evaluate_with(blinds, inputs).await.map_err(BatchError::Link)?;
    let (hashes, elements) = (without(&padding, hashes), without(&padding, elements));
    let count = hashes.len() as u64;
    blocking(move || ledger.append(&hashes, &elements)).await.map_err(BatchError::Ledger)?;
    Ok(Done { count, sent, charged })
}

/// What is not padding.
fn without<T>(padding: &[bool], items: Vec<T>) -> Vec<T> {
    items.into_iter().zip(padding).filter(|(_, padding)| !**padding).map(|(item, _)| item).collect()
}

/// Adds the blinds. The ledger says which: those of an earlier run, where that was cut short while it sent this very batch.
fn prepare(evaluator: &Evaluator, ledger: &Ledger, batch: Batch) -> Result<Ready, Failure> {
    let mut rng = ledger.blinds_of(&batch.hashes, evaluator.blinding());
    let blinds = evaluator.prepare(batch.inputs.len(), &mut rng)?;
    Ok((batch, blinds))
}

/// Reads the file and feeds each identifier of which nothing is known, once. `allowed` is what the allowance has left.
fn read(
    customers: &Customers,
    survey: &Survey,
    unknown: &Unknown,
    key: &HashKey,
    mut allowed: u64,
    ready: impl Fn(Batch) -> Result<Ready, Failure>,
    feed: &mpsc::Sender<Ready>,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    let mut reading = customers.read()?;
    let mut row = 0;
    // A row is never parted: a run that goes on from another's batches would not come to the same ones.
    let whole_rows = |elements: u64| elements / unknown.width() * unknown.width();
    while whole_rows(allowed) > 0 {
        if !reading.advance()? {
            if reading.met() != survey.met {
                return Err(customers.changed());
            }
            break;
        }
        if unknown.concerns(row) {
            batch.take(reading.take(), |column| unknown.contains(row, column), key);
        }
        row += 1;
        if batch.inputs.len() as u64 == whole_rows(allowed.min(BATCH as u64)) {
            allowed -= batch.inputs.len() as u64;
            if feed.blocking_send(ready(std::mem::take(&mut batch))?).is_err() {
                return Ok(()); // the run has failed, and says why itself
            }
        }
    }
    if !batch.inputs.is_empty() {
        let _ = feed.blocking_send(ready(batch)?); // likewise
    }
    Ok(())
}

impl Batch {
    /// Adds a row: those of its cells that are `wanted`, by the number of their column, and padding for the others.
    fn take(&mut self, cells: impl Iterator<Item = Cell>, wanted: impl Fn(u64) -> bool, key: &HashKey) {
        for (column, cell) in (0..).zip(cells) {
            let asked = cell.ok().filter(|_| wanted(column));
            self.padding.push(asked.is_none());
            let input = asked.map_or_else(OprfInput::padding, Identifier::into_input);
            self.hashes.push(key.hash(&input));
            self.inputs.push(input);
        }
    }
}

/// The failure, with what was done before it.
fn kept(error: LinkError, evaluated: &Evaluated) -> Failure {
    let is_lie = matches!(error, LinkError::Lied { .. });
    let failure = Failure::from(error);
    if evaluated.count == 0 || is_lie {
        return failure;
    }
    let (count, charged) = (thousands(evaluated.count), thousands(evaluated.charged));
    Failure::new(failure.exit(), format!("{failure}\n  {count} evaluated ({charged} charged) and kept"))
        .remedy("run the same command again later: it goes on from there and is not charged for them twice")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use samar_local::table::TableOptions;
    use samar_protocol::group::Backend;
    use samar_protocol::oprf::{Blinding, Element, PinnedKey, SecretKey};

    use super::super::memory::Memory;
    use super::*;
    use crate::customers::Column;

    /// Hashes of a batch, and which of them are padding.
    type Asked = (Vec<Hash>, Vec<bool>);

    /// The batches in which a file is asked about, by what the ledger knows.
    fn batches(customers: &Customers, ledger: &Ledger, folder: &std::path::Path) -> Vec<Asked> {
        let memory = Memory::of_share(1 << 20);
        let survey = Survey::take(customers, &ledger.hash_key, folder, memory, |_| ()).unwrap();
        let unknown = Unknown::of(&survey, ledger, memory).unwrap();
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let pinned = PinnedKey::new(Backend::best(), *key.public(), Blinding::Additive);
        let asked = RefCell::new(Vec::new());
        let ready = |batch: Batch| {
            asked.borrow_mut().push((batch.hashes.clone(), batch.padding.clone()));
            let blinds = pinned.prepare(batch.inputs.len(), &mut rand::rng()).map_err(Failure::local)?;
            Ok((batch, blinds))
        };
        let (feed, _batches) = mpsc::channel(100);
        read(customers, &survey, &unknown, &ledger.hash_key, u64::MAX, ready, &feed).unwrap();
        let sent: usize = asked.borrow().iter().map(|(hashes, _)| hashes.len()).sum();
        assert_eq!(sent as u64, unknown.evaluations());
        asked.into_inner()
    }

    #[test]
    fn a_batch_whose_answer_was_lost_comes_again_as_it_was_whatever_else_came_through() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("customers.csv");
        // Some have no NIK, some share a telephone number with one who stands in another batch.
        let row = |row: usize| {
            let nik = if row % 5 == 4 {
                String::new()
            } else {
                format!("3201011201{:02}{:04}", row / 5_000, row % 5_000 + 1)
            };
            format!("{nik},0812{:08},\n", row % 3_300)
        };
        std::fs::write(&path, format!("nik,hp,surel\n{}", (0..5_000).map(row).collect::<String>())).unwrap();
        let columns = ["nik", "phone=hp", "email=surel"].map(Column::parse);
        let customers = Customers::new(&path, &columns, TableOptions::default()).unwrap();
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let protection = crate::config::Home::new(dir.path()).protection();
        let ledger = Ledger::open(&dir.path().join("ledger"), key.public(), 1 << 20, &protection).unwrap();
        let all = batches(&customers, &ledger, dir.path());
        assert_eq!(all.iter().map(|(hashes, _)| hashes.len()).collect::<Vec<_>>()[..3], [4_095; 3]);
        let lost = 1;
        for (at, (hashes, padding)) in all.iter().enumerate() {
            if at != lost {
                let hashes = without(padding, hashes.clone());
                ledger.append(&hashes, &vec![Element([1; 32]); hashes.len()]).unwrap();
            }
        }
        ledger.settle(1 << 20).unwrap();
        assert_eq!(batches(&customers, &ledger, dir.path()), [all[lost].clone()]);
    }
}
