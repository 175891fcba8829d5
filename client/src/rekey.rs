//! After the operator changed its key: the customers of the ledger are taken along, in batches, without another evaluation (SPEC.md
//! section "Rekeying"). What is there is skipped, so that a run that was cut short goes on; and a batch whose answer was lost is
//! sent again byte by byte.

use std::path::PathBuf;
use std::sync::Arc;

use samar_local::exit::{Exit, Failure, say};
use samar_local::folder::lock;
use samar_local::people::{counted, thousands, time};
use samar_local::progress::{Progress, Unit};
use samar_local::space::{self, Need};
use samar_protocol::group::Backend;
use samar_protocol::manifest::Rotation;
use samar_protocol::oprf::{
    Blinding, Element, KeyId, PinnedRotation, PublicKey, RekeyError, Rekeyed, VerifiedRekey,
};
use samar_protocol::wire::RefusalCode;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::{Config, Home};
use crate::customers::Hash;
use crate::evaluation::{self, BATCH, on_cpu};
use crate::ledger::{self, Ledger};
use crate::link::{EvaluateAnswer, Link, LinkError};
use crate::people::now_s;
use crate::screen::blocking;
use crate::synced::Synced;
use crate::tls;

/// Batches under way at once. Worst-case memory = 4 × 4,096 × 640 bytes, and as much again waiting.
const IN_FLIGHT: usize = 4;

/// Memory for a ledger that is taken along by a sync.
const SYNC_MEMORY_BYTES: usize = 64 << 20;

/// The two keys, the ledgers of both, and what it takes to ask.
struct Move {
    old: Arc<Ledger>,
    new: Arc<Ledger>,
    pinned: Arc<PinnedRotation>,
    blinding: Blinding,
    epoch: u64,
    link: Arc<Link>,
}

enum BatchError {
    Link(LinkError),
    Ledger(Failure),
}

/// Customers to rekey together.
type Batch = (Vec<Hash>, Vec<Element>);

/// Takes the ledger of the key before along to the key of the synced set, where there is one and the operator still serves both. What
/// cannot be taken along is said, and stays. Hold the folder's lock "screen". `link` is used if there is one.
///
/// # Errors
/// [`Failure`]; what was rekeyed before it is kept, and the next run goes on from there.
pub(crate) async fn take_along(
    home: &Home,
    config: &Config,
    synced: &Synced,
    backend: Backend,
    memory_bytes: usize,
    link: Option<Arc<Link>>,
) -> Result<(), Failure> {
    let (key, ledgers) = (synced.public_key()?, home.ledgers());
    let others = blocking(move || {
        if ledgers.exists() {
            ledger::remove_gone(&ledgers)?;
        }
        let heads = ledger::heads(&ledgers)?.into_iter().map(|(folder, head)| (folder, head.public_key));
        Ok(heads.filter(|(_, found)| *found != key).collect::<Vec<_>>())
    })
    .await?;
    for (folder, found) in others {
        match synced.manifest().rotation() {
            // The whole key: an id is a name, and under another key every answer would be wrong.
            Some(rotation) if rotation.previous == found && rotation.is_open(now_s()) => {
                let (ours, asked) = match &link {
                    Some(link) => (None, Arc::clone(link)),
                    None => {
                        let tls = tls::enrolled(home, config)?;
                        let link = Arc::new(Link::connect(&config.address, tls, config.gso).await?);
                        (Some(Arc::clone(&link)), link)
                    }
                };
                let keys = (rotation, key);
                carry(home, config, synced, keys, backend, folder, memory_bytes, asked).await?;
                if let Some(link) = ours.and_then(Arc::into_inner) {
                    link.close().await;
                }
            }
            Some(rotation) if rotation.previous == found => {
                let until = time(rotation.until_s);
                say_left(&found, &format!("the operator served that key until {until}"));
            }
            _ => say_left(&found, "it is not the key before the present one"),
        }
    }
    Ok(())
}

/// The same once a set was synced: so that a bank which seldom screens does not miss the time. Only a lie is a failure of the sync;
/// whatever else there is, the next screening comes back to it. A screening that runs meanwhile, or the next, does it instead.
///
/// # Errors
/// [`Failure`]: the server misbehaved.
pub(crate) async fn after_sync(home: &Home, config: &Config, link: &Arc<Link>) -> Result<(), Failure> {
    if !home.ledgers().exists() {
        return Ok(());
    }
    let Ok(_lock) = lock(home.dir(), "screen") else { return Ok(()) };
    let Some(synced) = Synced::load(home)? else { return Ok(()) };
    let link = Some(Arc::clone(link));
    match take_along(home, config, &synced, evaluation::backend()?, SYNC_MEMORY_BYTES, link).await {
        Err(failure) if failure.exit() != Exit::Peer => {
            say(format_args!(
                "samar: warning: the set is synced, and the ledger was not taken along: {failure}"
            ));
            Ok(())
        }
        done => done,
    }
}

/// That a ledger stays behind, and what follows.
fn say_left(key: &PublicKey, why: &str) {
    let id = key.id();
    say(format_args!(
        "samar: warning: the ledger of key {id} cannot be taken along: {why};\n  \
         its customers are evaluated, and charged, again; `samar ledger prune --other-keys` removes it"
    ));
}

#[allow(clippy::too_many_arguments)] // all that a rotation concerns, used here alone
async fn carry(
    home: &Home,
    config: &Config,
    synced: &Synced,
    (rotation, key): (Rotation, PublicKey),
    backend: Backend,
    folder: PathBuf,
    memory_bytes: usize,
    link: Arc<Link>,
) -> Result<(), Failure> {
    let (previous, place) = (rotation.previous, home.ledgers().join(key.id().to_string()));
    let (old_folder, protection) = (folder.clone(), home.protection());
    let (old, new) = blocking(move || {
        let old = Ledger::open(&old_folder, &previous, memory_bytes, &protection)?;
        let new = old.successor(&place, &key, memory_bytes, &protection)?;
        Ok((Arc::new(old), new.map(Arc::new)))
    })
    .await?;
    let Some(new) = new else {
        say_left(&previous, "that of the present key was begun without it");
        return Ok(());
    };
    let left = old.settled().saturating_sub(new.settled());
    space::require(&[Need { what: "the ledger", folder: &home.ledgers(), bytes: ledger::room_bytes(left) }])?;
    let blinding = config.blinding;
    let pinned = Arc::new(on_cpu(move || PinnedRotation::new(backend, previous, key, blinding)).await);
    let epoch = synced.manifest().epoch;
    let moved = Arc::new(Move { old, new, pinned, blinding, epoch, link });
    let (count, failed) = send_all(&moved, left, memory_bytes).await?;
    let kept = Arc::clone(&moved);
    let is_whole = failed.is_none();
    blocking(move || {
        kept.new.settle(memory_bytes)?;
        if is_whole {
            kept.new.take_days(&kept.old, memory_bytes)?;
            ledger::remove_folder(&folder)?;
        }
        Ok(())
    })
    .await?;
    let customers = counted(count, "customer");
    match failed {
        None => {
            say(format_args!(
                "samar: the operator changed its key: {customers} of the ledger taken along, none evaluated again"
            ));
            Ok(())
        }
        Some(BatchError::Ledger(failure)) => Err(failure),
        Some(BatchError::Link(error)) if error.refusal_code() == Some(RefusalCode::KeyUnknown) => {
            say_left(&previous, &format!("the operator ended its time early, after {customers}"));
            Ok(())
        }
        Some(BatchError::Link(error)) => Err(stopped(error, count)),
    }
}

/// Rekeys all that is missing in the new ledger. How many customers that were, and what ended it early.
async fn send_all(
    moved: &Arc<Move>,
    left: u64,
    memory_bytes: usize,
) -> Result<(u64, Option<BatchError>), Failure> {
    let progress = Progress::new("rekey", Unit::Count, Some(left));
    let (feed, mut batches) = mpsc::channel::<Batch>(IN_FLIGHT);
    let reader = {
        let moved = Arc::clone(moved);
        tokio::spawn(blocking(move || {
            let send = |hashes, elements| feed.blocking_send((hashes, elements)).is_ok();
            moved.old.missing_from(&moved.new, BATCH, memory_bytes, send)
        }))
    };
    let mut under_way = JoinSet::new();
    let (mut count, mut failed, mut exhausted) = (0, None, false);
    loop {
        while failed.is_none() && !exhausted && under_way.len() < IN_FLIGHT {
            match batches.recv().await {
                Some(batch) => {
                    under_way.spawn(one(Arc::clone(moved), batch));
                }
                None => exhausted = true,
            }
        }
        let Some(done) = under_way.join_next().await else { break };
        // Unwrap safety: a task that panicked has ended the program, and none is cancelled while it is waited for.
        match done.expect("a batch neither panics nor is cancelled") {
            Ok(done) => {
                count += done;
                progress.add(done);
            }
            // As of an evaluation: a lie ends the run, and its blinds are not used again.
            Err(error @ BatchError::Link(LinkError::Lied { .. })) => {
                let new = Arc::clone(&moved.new);
                blocking(move || new.discard_blinds()).await?;
                failed = Some(error);
                break;
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    drop(batches); // stops the reader
    // Unwrap safety: as above.
    reader.await.expect("the reader neither panics nor is cancelled")?;
    progress.finish();
    Ok((count, failed))
}

/// Blinds a batch, asks, verifies under both pinned keys, unblinds, and adds it to the new ledger.
async fn one(moved: Arc<Move>, (hashes, elements): Batch) -> Result<u64, BatchError> {
    let count = hashes.len() as u64;
    let (from, to) = (moved.pinned.from().id(), moved.pinned.to().id());
    let (task, of) = (Arc::clone(&moved), hashes.clone());
    let blinded = on_cpu(move || {
        let keys = (task.pinned.from(), task.pinned.to());
        let mut rng = task.new.blinds_of_rekeying(&of, task.blinding, keys);
        task.pinned.blind(&elements, &mut rng)
    });
    let blinded = blinded.await.map_err(|error| BatchError::Ledger(damaged(&moved, from, &error)))?;
    let asked = moved.link.rekey(from, to, moved.epoch, blinded.encodings()).await;
    let EvaluateAnswer { evaluated, proof, .. } = asked.map_err(BatchError::Link)?;
    let rekeyed = on_cpu(move || blinded.verify(&evaluated, &proof).map(VerifiedRekey::unblind)).await;
    let lied = |error| BatchError::Link(LinkError::lied(moved.link.address(), error));
    let elements: Vec<Element> = rekeyed.map_err(lied)?.into_iter().map(Rekeyed::into_element).collect();
    let new = Arc::clone(&moved.new);
    blocking(move || new.append(&hashes, &elements)).await.map_err(BatchError::Ledger)?;
    Ok(count)
}

fn damaged(moved: &Move, key: KeyId, error: &RekeyError) -> Failure {
    moved.old.unusable(&format!("what stands in it under key {key} cannot be rekeyed: {error}"))
}

/// The failure, with what was done before it.
fn stopped(error: LinkError, count: u64) -> Failure {
    let (is_lie, code) = (matches!(error, LinkError::Lied { .. }), error.refusal_code());
    let failure = Failure::from(error);
    if is_lie {
        return failure;
    }
    let remedy = match code {
        Some(RefusalCode::DayAllowanceUsed) => {
            "run the same command again when the new day has begun: it goes on from there"
        }
        _ => "run the same command again later: it goes on from there",
    };
    let count = thousands(count);
    Failure::new(
        failure.exit(),
        format!("{failure}\n  {count} customers of the ledger were taken to the operator's new key and kept"),
    )
    .remedy(remedy)
}
