//! The OPRF, step by step, beside curve25519-dalek and the crate voprf.

use rand::{SeedableRng as _, rngs::StdRng};
use samar_benches::opponents::{dalek::Dalek, voprf::Voprf};
use samar_benches::rounds::{Step, timed};
use samar_benches::{HASH_TO_GROUP_DST, oprf_inputs};
use samar_protocol::group::Backend;
use samar_protocol::identifier::OprfInput;
use samar_protocol::oprf::{Blinded, BlindedBatch, Blinding, Element, Evaluation, PinnedKey, SecretKey};

/// Elements in a batch.
pub(super) const BATCH: usize = 1_024;
/// Seeds the blinds: both sides draw them afresh in every round, and get the same.
const SEED: u64 = 7;

/// Both sides with one key and one batch of identifiers.
pub(super) struct Bench {
    backend: Backend,
    key: SecretKey,
    pinned: PinnedKey,
    dalek: Dalek,
    voprf: Voprf,
    inputs: Vec<OprfInput>,
}

impl Bench {
    pub(super) fn new(backend: Backend) -> Self {
        let key = SecretKey::generate(&mut rng());
        let bytes = key.to_bytes();
        let (dalek, voprf) = (Dalek::new(&bytes), Voprf::new(&bytes));
        let pinned = PinnedKey::new(backend, *key.public(), Blinding::default());
        Self { backend, key, pinned, dalek, voprf, inputs: oprf_inputs(BATCH) }
    }

    /// All sides must come to the same, or the figures compare nothing.
    pub(super) fn check(&self) {
        let tags = self.encode();
        assert!(self.dalek.encode(&self.inputs) == tags, "dalek encodes to the same tags");
        let (blinded, answer) = self.exchange();
        assert!(self.finalize(blinded, &answer) == tags, "what is unblinded is what is encoded");
        assert_eq!(self.voprf.public_key(), self.key.public().to_bytes());
        let blinded = self.voprf.blind(&self.inputs, SEED);
        let answer = self.voprf.evaluate(&blinded.encodings, SEED);
        assert_eq!(self.evaluate(&blinded.encodings), answer.evaluated);
        assert_eq!(self.dalek.evaluate(&blinded.encodings), answer.evaluated);
        let outputs = self.voprf.finalize(&self.inputs, &blinded, &answer);
        assert_eq!(outputs[BATCH - 1], self.voprf.output(self.inputs[BATCH - 1].as_ref()));
    }

    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = self.whole_steps();
        steps.extend(self.halves());
        steps.extend(self.group_operations());
        steps
    }

    /// What one side does between two messages, or for its set.
    fn whole_steps(&self) -> Vec<Step<'_>> {
        let Self { dalek, voprf, inputs, .. } = self;
        let (blinded, answer) = self.exchange();
        let encodings = blinded.encodings().to_vec();
        let to_prove = encodings.clone();
        let their_answer = voprf.evaluate(&voprf.blind(inputs, SEED).encodings, SEED);
        let theirs = encodings.clone();
        vec![
            against_dalek(
                "encode",
                move || timed(|| self.encode()).0,
                move || timed(|| dalek.encode(inputs)).0,
            ),
            against_dalek(
                "evaluate",
                move || timed(|| self.evaluate(&encodings)).0,
                move || timed(|| dalek.evaluate(&theirs)).0,
            ),
            against_voprf(
                "evaluate_prove",
                {
                    let blinded = to_prove.clone();
                    move || timed(|| self.evaluate_prove(blinded.clone())).0
                },
                move || timed(|| voprf.evaluate(&to_prove, SEED)).0,
            ),
            against_voprf(
                "blind_finalize",
                move || timed(|| self.finalize(self.blind(), &answer)).0,
                move || timed(|| voprf.finalize(inputs, &voprf.blind(inputs, SEED), &their_answer)).0,
            ),
        ]
    }

    /// The two halves of `blind_finalize`.
    fn halves(&self) -> Vec<Step<'_>> {
        let Self { voprf, inputs, .. } = self;
        let (_, answer) = self.exchange();
        let their_blinded = voprf.blind(inputs, SEED);
        let their_answer = voprf.evaluate(&their_blinded.encodings, SEED);
        vec![
            against_voprf(
                "blind",
                move || timed(|| self.blind()).0,
                move || timed(|| voprf.blind(inputs, SEED)).0,
            ),
            against_voprf(
                "finalize",
                move || {
                    let blinded = self.blind();
                    timed(|| self.finalize(blinded, &answer)).0
                },
                move || timed(|| voprf.finalize(inputs, &their_blinded, &their_answer)).0,
            ),
        ]
    }

    fn group_operations(&self) -> Vec<Step<'_>> {
        let Self { backend, dalek, inputs, .. } = self;
        let points = || (backend.hash_to_group(HASH_TO_GROUP_DST, inputs), dalek.hash_to_group(inputs));
        let (to_multiply, theirs_to_multiply) = points();
        let (to_encode, theirs_to_encode) = points();
        let encodings = to_encode.encode();
        let theirs_to_decode = encodings.clone();
        let half = half_of(&self.key);
        vec![
            against_dalek(
                "hash_to_group",
                move || timed(|| backend.hash_to_group(HASH_TO_GROUP_DST, inputs)).0,
                move || timed(|| dalek.hash_to_group(inputs)).0,
            ),
            against_dalek(
                "multiply",
                move || timed(|| to_multiply.mul_shared(&half)).0,
                move || timed(|| dalek.multiply(&theirs_to_multiply)).0,
            ),
            against_dalek(
                "decode",
                move || timed(|| backend.decode(&encodings)).0,
                move || timed(|| dalek.decode(&theirs_to_decode)).0,
            ),
            against_dalek(
                "encode_double",
                move || timed(|| to_encode.encode_double()).0,
                move || timed(|| dalek.encode_double(&theirs_to_encode)).0,
            ),
        ]
    }

    /// Identifiers to tags.
    fn encode(&self) -> Vec<[u8; 32]> {
        tags(&self.key.encode(self.backend, &self.inputs))
    }

    /// Blinded elements to evaluated ones, without a proof.
    fn evaluate(&self, blinded: &[[u8; 32]]) -> Vec<[u8; 32]> {
        let points = self.backend.decode(blinded).expect("good elements");
        points.mul_shared(&half_of(&self.key)).encode_double()
    }

    fn evaluate_prove(&self, blinded: Vec<[u8; 32]>) -> Evaluation {
        let batch = BlindedBatch::decode(self.backend, blinded).expect("a good batch");
        self.key.evaluate(&batch, &mut rng())
    }

    fn blind(&self) -> Blinded {
        self.pinned.blind(&self.inputs, &mut rng()).expect("a batch of good size")
    }

    fn finalize(&self, blinded: Blinded, answer: &Evaluation) -> Vec<[u8; 32]> {
        let verified = blinded.verify(&answer.evaluated, &answer.proof);
        tags(&verified.expect("a proof that holds").unblind())
    }

    fn exchange(&self) -> (Blinded, Evaluation) {
        let blinded = self.blind();
        let answer = self.evaluate_prove(blinded.encodings().to_vec());
        (blinded, answer)
    }
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(SEED)
}

fn half_of(key: &SecretKey) -> curve25519_dalek::Scalar {
    let key = curve25519_dalek::Scalar::from_canonical_bytes(*key.to_bytes());
    key.expect("a secret key's bytes").div_by_2()
}

fn tags(elements: &[Element]) -> Vec<[u8; 32]> {
    elements.iter().map(|element| element.tag().0).collect()
}

fn against_dalek<'a>(
    name: &'static str,
    ours: impl FnMut() -> f64 + 'a,
    theirs: impl FnMut() -> f64 + 'a,
) -> Step<'a> {
    Step { name, opponent: Dalek::name(), ours: Box::new(ours), theirs: Box::new(theirs) }
}

fn against_voprf<'a>(
    name: &'static str,
    ours: impl FnMut() -> f64 + 'a,
    theirs: impl FnMut() -> f64 + 'a,
) -> Step<'a> {
    Step { name, opponent: Voprf::NAME, ours: Box::new(ours), theirs: Box::new(theirs) }
}
