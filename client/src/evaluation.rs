//! Identifiers to tags, with the server's help: blind, ask, verify, unblind. The arithmetic runs on the CPU pool,
//! never on the threads that keep the connection alive.

use std::sync::Arc;

use samar_local::exit::Failure;
use samar_protocol::group::Backend;
use samar_protocol::identifier::OprfInput;
use samar_protocol::oprf::{Blinded, Element, KeyId, PublicKey};

use crate::link::{EvaluateAnswer, Link, LinkError};
use crate::synced::Synced;

/// Identifiers in one exchange: 131 kB each way.
pub(crate) const BATCH: usize = 4_096;

/// A connection with the key that its answers must prove.
#[derive(Clone)]
pub(crate) struct Evaluator {
    link: Arc<Link>,
    public_key: PublicKey,
    key_id: KeyId,
    epoch: u64,
    backend: Backend,
}

impl Evaluator {
    pub(crate) fn new(link: Arc<Link>, synced: &Synced) -> Result<Self, Failure> {
        let (public_key, key_id) = (synced.public_key()?, synced.key_id());
        Ok(Self { link, public_key, key_id, epoch: synced.manifest().epoch, backend: Backend::best() })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
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
        let backend = self.backend;
        let blinded = on_cpu(move || Blinded::new(backend, &inputs, &mut rand::rng())).await;
        let blinded = blinded.map_err(|error| LinkError::lied(self.link.address(), error))?;
        let answer = self.link.evaluate(self.key_id, self.epoch, blinded.encodings()).await?;
        let EvaluateAnswer { evaluated, proof, charged } = answer;
        let public_key = self.public_key;
        let elements = on_cpu(move || {
            blinded.verify(&public_key, &evaluated, &proof).map(samar_protocol::oprf::Verified::unblind)
        });
        let elements = elements.await.map_err(|error| LinkError::lied(self.link.address(), error))?;
        Ok((elements, charged))
    }
}

/// Runs `work` on the CPU pool.
async fn on_cpu<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        let _ = send.send(work()); // nobody waits any more where the run was given up
    });
    // Unwrap safety: the sender is dropped unused only if the work panicked, and that ends the program.
    receive.await.expect("the CPU pool does not drop work")
}
