//! The crate `voprf` 0.5: RFC 9497 mode VOPRF with ristretto255 and SHA-512, over curve25519-dalek 4.
//!
//! Its proof is the RFC's, with full-size weights and no commitment to the batch; its result is the RFC's Finalize.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rand_core_06::{CryptoRng, RngCore};
use voprf::{BlindedElement, EvaluationElement, Group, Proof, Ristretto255, VoprfClient, VoprfServer};

/// Both sides, with the operator's key.
pub struct Voprf {
    server: VoprfServer<Ristretto255>,
}

/// A batch that was blinded.
pub struct Blinded {
    clients: Vec<VoprfClient<Ristretto255>>,
    /// The elements to send.
    pub encodings: Vec<[u8; 32]>,
}

/// A batch that was evaluated.
pub struct Evaluation {
    /// The elements to send back.
    pub evaluated: Vec<[u8; 32]>,
    proof: Vec<u8>,
}

impl Voprf {
    /// Who ours is compared with.
    pub const NAME: &str = "voprf";

    /// Both sides with this key.
    ///
    /// # Panics
    /// If the bytes are no canonical scalar, or zero.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { server: VoprfServer::new_with_key(key).expect("a secret key's bytes") }
    }

    /// The bank's blinding; the same seed gives the same blinds.
    ///
    /// # Panics
    /// On an empty message.
    #[must_use]
    pub fn blind<M: AsRef<[u8]>>(&self, messages: &[M], seed: u64) -> Blinded {
        let mut rng = Generator(StdRng::seed_from_u64(seed));
        let mut clients = Vec::with_capacity(messages.len());
        let mut encodings = Vec::with_capacity(messages.len());
        for message in messages {
            let blinded = VoprfClient::blind(message.as_ref(), &mut rng).expect("a message of good length");
            clients.push(blinded.state);
            encodings.push(blinded.message.serialize().into());
        }
        Blinded { clients, encodings }
    }

    /// The operator's evaluation with proof.
    ///
    /// # Panics
    /// If one of the blinded elements is none.
    #[must_use]
    pub fn evaluate(&self, blinded: &[[u8; 32]], seed: u64) -> Evaluation {
        let decode = |encoding: &[u8; 32]| BlindedElement::deserialize(encoding).expect("an element");
        let elements: Vec<_> = blinded.iter().map(decode).collect();
        let mut rng = Generator(StdRng::seed_from_u64(seed));
        let result = self.server.batch_blind_evaluate(&mut rng, &elements).expect("a batch of good size");
        let evaluated = result.messages.iter().map(|element| element.serialize().into()).collect();
        Evaluation { evaluated, proof: result.proof.serialize().to_vec() }
    }

    /// The bank's verification and Finalize: an output for each message.
    ///
    /// # Panics
    /// If the answer is not that of an honest operator.
    #[must_use]
    pub fn finalize<M: AsRef<[u8]>>(
        &self,
        messages: &Vec<M>,
        blinded: &Blinded,
        answer: &Evaluation,
    ) -> Vec<[u8; 64]> {
        let decode = |encoding: &[u8; 32]| EvaluationElement::deserialize(encoding).expect("an element");
        let evaluated: Vec<_> = answer.evaluated.iter().map(decode).collect();
        let proof = Proof::deserialize(&answer.proof).expect("a proof");
        let public = self.server.get_public_key();
        let outputs = VoprfClient::batch_finalize(messages, &blinded.clients, &evaluated, &proof, public);
        outputs.expect("a proof that holds").map(|output| output.expect("a good message").into()).collect()
    }

    /// What [`Voprf::finalize`] must come to.
    ///
    /// # Panics
    /// On an empty message.
    #[must_use]
    pub fn output(&self, message: &[u8]) -> [u8; 64] {
        self.server.evaluate(message).expect("a message of good length").into()
    }

    /// The public key, encoded.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        Ristretto255::serialize_elem(self.server.get_public_key()).into()
    }
}

/// The same generator as ours, behind the traits of its day.
struct Generator(StdRng);

impl RngCore for Generator {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Generator {}
