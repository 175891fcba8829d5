//! Identifiers to tags, with the server's help: blind, ask, verify, unblind. The arithmetic runs on the CPU pool,
//! never on the threads that keep the connection alive.

use std::sync::Arc;

use rand::CryptoRng;
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
    blinding: Blinding,
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
        Ok(Self { link, pinned, blinding, key_id, epoch })
    }

    pub(crate) fn blinding(&self) -> Blinding {
        self.blinding
    }

    pub(crate) fn shared_link(&self) -> &Arc<Link> {
        &self.link
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

    /// Blinds for a batch of `count`, from this generator: the larger part of the work, possible before the batch is due.
    /// Blocks. At most a batch.
    pub(crate) fn prepare(
        &self,
        count: usize,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<PreparedBlinds, LinkError> {
        self.pinned.prepare(count, rng).map_err(|error| LinkError::lied(self.link.address(), error))
    }

    /// `k·H(x)` of each input, in order, and how many evaluations were charged. At most a batch.
    ///
    /// # Errors
    /// [`LinkError`]. A lie costs the batch: its blinds are gone with it, and it is not asked again.
    pub(crate) async fn evaluate(&self, inputs: Vec<OprfInput>) -> Result<(Vec<Element>, u32), LinkError> {
        let blinded = self.blind(inputs).await?;
        self.ask(blinded).await
    }

    /// The same with blinds that were prepared, one for each input.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub(crate) async fn evaluate_with(
        &self,
        prepared: PreparedBlinds,
        inputs: Vec<OprfInput>,
    ) -> Result<(Vec<Element>, u32), LinkError> {
        let blinded = on_cpu(move || prepared.blind(&inputs)).await;
        self.ask(blinded).await
    }

    /// The first half of [`Evaluator::evaluate`]: nothing is sent.
    pub(crate) async fn blind(&self, inputs: Vec<OprfInput>) -> Result<Blinded, LinkError> {
        let pinned = Arc::clone(&self.pinned);
        let blinded = on_cpu(move || pinned.blind(&inputs, &mut rand::rng())).await;
        blinded.map_err(|error| LinkError::lied(self.link.address(), error))
    }

    /// The second half: ask, verify, unblind.
    pub(crate) async fn ask(&self, blinded: Blinded) -> Result<(Vec<Element>, u32), LinkError> {
        let answer = self.link.evaluate(self.key_id, self.epoch, blinded.encodings()).await?;
        let EvaluateAnswer { evaluated, proof, charged } = answer;
        let elements = on_cpu(move || blinded.verify(&evaluated, &proof).map(Verified::unblind));
        let elements = elements.await.map_err(|error| LinkError::lied(self.link.address(), error))?;
        Ok((elements, charged))
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
