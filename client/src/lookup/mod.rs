//! Private lookups: pages of segments that are not here, without saying which (SPEC.md section "Private lookup").
//!
//! `cache` keeps what lookups need of a segment, `PrivateSegment` asks. A program of another kind uses
//! [`Checker`](crate::check::Checker), which does all of it: evaluate, then look in every segment, always.

pub(crate) mod cache;
pub(crate) mod source;

use std::sync::Arc;

use clap::ValueEnum;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_local::exit::Failure;
use samar_protocol::lookup::{Client, LookupError, Prepared};
use samar_protocol::manifest::SegmentKind;
use samar_protocol::oprf::Tag;
use samar_protocol::segment::{Sealed, SegmentIndex};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::evaluation::on_cpu;
use crate::link::{Link, LinkError, busy_wait};
use crate::matching::Found;

/// A base segment of so many bytes is looked up in rather than downloaded.
pub(crate) const LARGE_BYTES: u64 = 64_000_000;
/// Queries that are ready ahead, of each segment: 0.7 MB each in a segment of 1.5 GB.
const AHEAD: usize = 4;
/// Queries under way at once, over all segments. Worst-case memory = 8 × 0.7 MB. A server takes as many of one bank.
const IN_FLIGHT: usize = 8;

/// Which segments are looked up in privately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LookupMode {
    /// Base segments of 64 MB and more that were not synced; smaller ones are downloaded
    #[default]
    Auto,
    /// Every base segment, synced or not
    Always,
    /// None: everything must have been synced
    Never,
}

/// A segment that stays on the server.
pub(crate) struct PrivateSegment {
    pub(crate) kind: SegmentKind,
    root: [u8; 32],
    index: Arc<SegmentIndex>,
    /// Queries without their page, each with a secret of its own. In memory alone: what came back from a disk could be used
    /// twice.
    ready: Mutex<mpsc::Receiver<Prepared>>,
}

/// What one lookup came to. The inner error is a server's doing as the outer one is, but shows only in what it sent.
type Outcome = Result<Result<Sealed, LookupError>, LinkError>;

/// Asks in each of these segments for each tag, and then gives for each segment the tags that stand in it.
///
/// Every query is asked whatever comes of the others, and what they came to is looked at when all are answered. So the server sees
/// the same number of queries of the same lengths if all tags are there, if none is, and if pages are wrong. `turns` are those of
/// [`turns`].
///
/// # Errors
/// Of the link, once every query was asked. A page that is wrong is the outer `Ok` and the inner error: whoever has more to
/// ask goes on asking, because an end would show.
pub(crate) async fn find_in_all(
    link: &Arc<Link>,
    segments: &[Arc<PrivateSegment>],
    tags: &Arc<Vec<Tag>>,
    turns: &Arc<Semaphore>,
) -> Result<Result<Vec<Vec<Found>>, Failure>, Failure> {
    let mut lookups = JoinSet::new();
    for ordinal in 0..tags.len() {
        for (place, segment) in segments.iter().enumerate() {
            // Unwrap safety: the semaphore is never closed.
            let turn = Arc::clone(turns).acquire_owned().await.expect("turns are not closed");
            let (segment, link, tags) = (Arc::clone(segment), Arc::clone(link), Arc::clone(tags));
            lookups.spawn(async move {
                let outcome = segment.look_up(&link, &tags, ordinal).await;
                drop(turn);
                (place, ordinal, outcome)
            });
        }
    }
    let mut outcomes = Vec::new();
    while let Some(done) = lookups.join_next().await {
        // Unwrap safety: a task that panicked has ended the program, and none is cancelled while the set is kept.
        outcomes.push(done.expect("a lookup neither panics nor is cancelled"));
    }
    outcomes.sort_unstable_by_key(|(place, ordinal, _)| (*place, *ordinal));
    let (mut found, mut broken, mut wrong) = (vec![Vec::new(); segments.len()], None, None);
    for (place, ordinal, outcome) in outcomes {
        let opened = match outcome {
            Ok(Ok(sealed)) => sealed.open().map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => {
                broken.get_or_insert(error);
                continue;
            }
        };
        match opened {
            Ok(Some(label)) => found[place].push((u32::try_from(ordinal).unwrap_or(u32::MAX), label)),
            Ok(None) => {}
            Err(what) => {
                let name = samar_protocol::invitation::to_hex(&segments[place].root);
                wrong = Some(format!("a private lookup in segment {}…: {what}", &name[..16]));
            }
        }
    }
    match (broken, wrong) {
        (Some(error), _) => Err(error.into()),
        (None, Some(what)) => Ok(Err(LinkError::lied(link.address(), what).into())),
        (None, None) => Ok(Ok(found)),
    }
}

/// How many queries may be under way at once.
pub(crate) fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(IN_FLIGHT))
}

impl PrivateSegment {
    /// Begins to prepare queries. Call it inside a tokio runtime.
    pub(crate) fn new(kind: SegmentKind, root: [u8; 32], index: SegmentIndex, client: Client) -> Self {
        let (send, ready) = mpsc::channel(AHEAD);
        tokio::spawn(prepare(Arc::new(client), send));
        Self { kind, root, index: Arc::new(index), ready: Mutex::new(ready) }
    }

    /// One query for one tag, whatever its outcome; a server that was busy gets another, with a secret of its own.
    async fn look_up(&self, link: &Link, tags: &Arc<Vec<Tag>>, ordinal: usize) -> Outcome {
        for attempt in 1.. {
            match self.ask(link, Arc::clone(tags), ordinal).await {
                Err(error) => match busy_wait(&error, attempt) {
                    Some(wait) => {
                        tokio::time::sleep(wait).await;
                        link.renew().await;
                    }
                    None => return Err(error),
                },
                done => return done,
            }
        }
        unreachable!("the last attempt returns")
    }

    /// One query; its secret is used up by it. The work on it has threads of its own, so that it waits for none that is prepared.
    async fn ask(&self, link: &Link, tags: Arc<Vec<Tag>>, ordinal: usize) -> Outcome {
        // Unwrap safety: the other end sends for as long as this one is there.
        let prepared = self.ready.lock().await.recv().await.expect("queries are prepared without end");
        let index = Arc::clone(&self.index);
        let asked = off_async(move || {
            // Unwrap safety: a segment without entries is looked in here.
            let (locator, page) = index.locate_hidden(&tags[ordinal].0).expect("a segment with entries");
            prepared.query(page).map(|(query, pending)| (query, pending, locator, page))
        });
        let (query, pending, locator, page) = match asked.await {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let answer = link.look_up(self.root, self.index.header().pages(), query).await?;
        let index = Arc::clone(&self.index);
        let read = move || {
            let bytes = pending.recover(&answer)?;
            Ok(index.find_hidden(&locator, page, &bytes))
        };
        Ok(off_async(read).await)
    }
}

/// Runs a millisecond of work off the threads that keep the connection alive.
async fn off_async<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    // Unwrap safety: a panic has ended the program, and blocking work is never cancelled.
    tokio::task::spawn_blocking(work).await.expect("a lookup does not panic")
}

/// Keeps queries ready: first one alone, so that the first lookup waits for no other, then as many at a time as there is room for,
/// because A is expanded once for all of them.
async fn prepare(client: Arc<Client>, send: mpsc::Sender<Prepared>) {
    let mut count = 1;
    loop {
        let Ok(room) = send.reserve_many(count).await else { return };
        let client = Arc::clone(&client);
        let work = move || client.prepare(count, &mut StdRng::from_rng(&mut rand::rng()));
        let prepared = on_cpu(work).await;
        for (room, prepared) in room.zip(prepared) {
            room.send(prepared);
        }
        count = AHEAD;
    }
}
