//! Identifiers to tags, with the server's help: blind, ask, verify, unblind. The arithmetic runs on the CPU pool,
//! never on the threads that keep the connection alive.

use std::sync::{Arc, Mutex};

use samar_local::exit::Failure;
use samar_protocol::group::Backend;
use samar_protocol::identifier::OprfInput;
use samar_protocol::oprf::{Blinded, Blinding, Element, KeyId, PinnedKey, PreparedBlinds, Verified};

use crate::link::{EvaluateAnswer, Link, LinkError};
use crate::synced::Synced;

/// Identifiers in one exchange: 131 kB each way.
pub(crate) const BATCH: usize = 4_096;

/// A connection with the key that its answers must prove.
#[derive(Clone)]
pub(crate) struct Evaluator {
    link: Arc<Link>,
    pinned: Arc<PinnedKey>,
    /// Identifiers in a whole batch.
    batch: usize,
    /// Blinds for whole batches, made while the network was waited for. At most one for each batch under way, 320 bytes an
    /// identifier.
    prepared: Arc<Mutex<Vec<PreparedBlinds>>>,
    key_id: KeyId,
    epoch: u64,
}

/// The arithmetic to use: the fastest here, unless the environment names another.
pub(crate) fn backend() -> Result<Backend, Failure> {
    Backend::choose(|name| std::env::var(name).ok()).map_err(Failure::input)
}

impl Evaluator {
    /// Blinds and verifies under the key of the synced set.
    pub(crate) fn new(
        link: Arc<Link>,
        synced: &Synced,
        blinding: Blinding,
        backend: Backend,
    ) -> Result<Self, Failure> {
        let pinned = Arc::new(PinnedKey::new(backend, synced.public_key()?, blinding));
        let (key_id, epoch) = (synced.key_id(), synced.manifest().epoch);
        Ok(Self { link, pinned, batch: BATCH, prepared: Arc::default(), key_id, epoch })
    }

    /// The same connection, for whole batches of another size.
    pub(crate) fn for_batches_of(&self, batch: usize) -> Self {
        Self { batch, prepared: Arc::default(), ..self.clone() }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Closes the connection, if nobody else uses it.
    pub(crate) async fn close(self) {
        if let Some(link) = Arc::into_inner(self.link) {
            link.close().await;
        }
    }

    /// `k·H(x)` of each input, in order, and how many evaluations were charged. At most a batch.
    ///
    /// # Errors
    /// [`LinkError`]. A lie costs the batch: its blinds are gone with it, and it is not asked again.
    pub(crate) async fn evaluate(&self, inputs: Vec<OprfInput>) -> Result<(Vec<Element>, u32), LinkError> {
        let blinded = self.blind(inputs).await?;
        self.ask(blinded).await
    }

    /// The first half of [`Evaluator::evaluate`]: nothing is sent.
    pub(crate) async fn blind(&self, inputs: Vec<OprfInput>) -> Result<Blinded, LinkError> {
        let (pinned, prepared) = (Arc::clone(&self.pinned), self.take_prepared(inputs.len()));
        let blinded = on_cpu(move || match prepared {
            Some(prepared) => Ok(prepared.blind(&inputs)),
            None => pinned.blind(&inputs, &mut rand::rng()),
        });
        blinded.await.map_err(|error| LinkError::lied(self.link.address(), error))
    }

    /// The second half: ask, verify, unblind. While the answer is on its way, blinds are made for another batch.
    pub(crate) async fn ask(&self, blinded: Blinded) -> Result<(Vec<Element>, u32), LinkError> {
        let answer = self.link.evaluate(self.key_id, self.epoch, blinded.encodings());
        let (answer, ()) = tokio::join!(answer, self.prepare_another(blinded.encodings().len()));
        let EvaluateAnswer { evaluated, proof, charged } = answer?;
        let elements = on_cpu(move || blinded.verify(&evaluated, &proof).map(Verified::unblind));
        let elements = elements.await.map_err(|error| LinkError::lied(self.link.address(), error))?;
        Ok((elements, charged))
    }

    fn take_prepared(&self, count: usize) -> Option<PreparedBlinds> {
        // Unwrap safety: nothing panics while it holds this lock.
        if count == self.batch { self.prepared.lock().expect("not poisoned").pop() } else { None }
    }

    /// After a whole batch there is likely to be another.
    async fn prepare_another(&self, count: usize) {
        if count == self.batch {
            let pinned = Arc::clone(&self.pinned);
            if let Ok(prepared) = on_cpu(move || pinned.prepare(count, &mut rand::rng())).await {
                // Unwrap safety: as above.
                self.prepared.lock().expect("not poisoned").push(prepared);
            }
        }
    }
}

/// Runs `work` on the CPU pool.
pub(crate) async fn on_cpu<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        let _ = send.send(work()); // nobody waits any more where the run was given up
    });
    // Unwrap safety: the sender is dropped unused only if the work panicked, and that ends the program.
    receive.await.expect("the CPU pool does not drop work")
}
