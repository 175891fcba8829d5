//! The batch proof: one DLEQ proof that every answer of a batch was made with the key behind the public key, or with the
//! ratio of two keys (SPEC.md section "Batch proof").
//!
//! It is built as RFC 9497 section 2.2's proof is, with a seed, weights and a challenge of its own. There, weight i depends on (public key, i, C[i], D[i])
//! alone, so a server that knows k can choose wrong answers D[i] = k·C[i] + δ[i]·G one by one until Σ w[i]·δ[i] = 0: a
//! generalised-birthday problem that large batches make practical. Here the seed commits to the whole batch, so that
//! changing any answer changes every weight; then 128-bit weights suffice. `oprf::tests` mounts the forgery on both.

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::CryptoRng;
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyError, PublicKey};
use crate::group::Points;

/// Bytes of an encoded proof: challenge and response, 32 little-endian bytes each.
pub const PROOF_BYTES: usize = 64;

/// A batch proof: two scalars below the group order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    challenge: Scalar,
    response: Scalar,
}

impl Proof {
    /// Decodes challenge ‖ response.
    ///
    /// # Errors
    /// [`KeyError::Scalar`] if either is not below the group order.
    pub fn from_bytes(bytes: &[u8; PROOF_BYTES]) -> Result<Self, KeyError> {
        let (halves, _) = bytes.as_chunks::<32>();
        let [challenge, response] = halves else { return Err(KeyError::Scalar) };
        let scalar = |half: &[u8; 32]| {
            Option::<Scalar>::from(Scalar::from_canonical_bytes(*half)).ok_or(KeyError::Scalar)
        };
        Ok(Self { challenge: scalar(challenge)?, response: scalar(response)? })
    }

    /// challenge ‖ response.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PROOF_BYTES] {
        let mut bytes = [0; PROOF_BYTES];
        let (challenge, response) = bytes.split_at_mut(32);
        challenge.copy_from_slice(self.challenge.as_bytes());
        response.copy_from_slice(self.response.as_bytes());
        bytes
    }
}

/// What a proof says of every pair C, D of a batch, and by which public keys.
#[derive(Clone, Copy)]
pub(super) enum Statement {
    /// `D = k·C`, with the k of `PK = k·G`.
    Evaluated { key: PublicKey },
    /// `D = q·C`, with the q of `PK' = q·PK`: the ratio k'/k of two keys.
    Rekeyed { from: PublicKey, to: PublicKey },
}

/// What a verifier holds of one batch.
pub(super) struct Batch<'a> {
    pub(super) blinded: &'a [[u8; 32]],
    pub(super) evaluated: &'a [[u8; 32]],
    pub(super) blinded_points: &'a Points,
    pub(super) evaluated_points: &'a Points,
}

/// GenerateProof of RFC 9497 section 2.2.1, with this project's seed and weights. `secret` is the scalar that the statement
/// is about.
pub(super) fn prove<R: CryptoRng + ?Sized>(
    statement: &Statement,
    secret: &Scalar,
    blinded: &[[u8; 32]],
    blinded_points: &Points,
    evaluated: &[[u8; 32]],
    rng: &mut R,
) -> Proof {
    let seed = statement.seed(blinded, evaluated);
    let m = blinded_points.weighted_sum_vartime(&weights(&seed, blinded.len()));
    let z = m * secret;
    let nonce = nonce(secret, &seed, rng);
    let t2 = statement.base_times(&nonce);
    let t3 = m * *nonce;
    let challenge = challenge(&seed, &m, &z, &t2, &t3);
    Proof { challenge, response: *nonce - challenge * secret }
}

/// VerifyProof of RFC 9497 section 2.2.2, with this project's seed and weights. Variable time: all of it is public.
pub(super) fn verify(statement: &Statement, batch: &Batch<'_>, proof: &Proof) -> bool {
    let seed = statement.seed(batch.blinded, batch.evaluated);
    let weights = weights(&seed, batch.blinded.len());
    let m = batch.blinded_points.weighted_sum_vartime(&weights);
    let z = batch.evaluated_points.weighted_sum_vartime(&weights);
    let Proof { challenge: c, response: s } = proof;
    let t2 = statement.commitment_vartime(c, s);
    let t3 = m * s + z * c;
    challenge(&seed, &m, &z, &t2, &t3) == *c
}

impl Statement {
    /// SHA-512 over the statement's label and keys, count (u32 LE), all C, all D. The labels differ and stand first, so that
    /// a proof of one statement is none of the other; weights and challenge hang on the seed alone.
    pub(super) fn seed(&self, blinded: &[[u8; 32]], evaluated: &[[u8; 32]]) -> [u8; 64] {
        #[allow(clippy::cast_possible_truncation)] // a batch holds at most 65,535 elements
        let count = blinded.len() as u32;
        let named = match self {
            Self::Evaluated { key } => {
                Sha512::new().chain_update(b"samar batch proof v1").chain_update(key.to_bytes())
            }
            Self::Rekeyed { from, to } => Sha512::new()
                .chain_update(b"samar rekey proof v1")
                .chain_update(from.to_bytes())
                .chain_update(to.to_bytes()),
        };
        named
            .chain_update(count.to_le_bytes())
            .chain_update(blinded.as_flattened())
            .chain_update(evaluated.as_flattened())
            .finalize()
            .into()
    }

    /// `nonce · base`, in constant time.
    fn base_times(&self, nonce: &Scalar) -> RistrettoPoint {
        match self {
            Self::Evaluated { .. } => RistrettoPoint::mul_base(nonce),
            Self::Rekeyed { from, .. } => from.point() * nonce,
        }
    }

    /// `s · base + c · (secret · base)`, as the verifier knows it.
    fn commitment_vartime(&self, c: &Scalar, s: &Scalar) -> RistrettoPoint {
        match self {
            Self::Evaluated { key } => RistrettoPoint::vartime_double_scalar_mul_basepoint(c, key.point(), s),
            Self::Rekeyed { from, to } => from.point() * s + to.point() * c,
        }
    }
}

/// 128-bit weights: block j = `SHA-512("samar batch weights v1" ‖ seed ‖ j (u32 LE))` holds weights 4j to 4j+3, 16
/// little-endian bytes each.
pub(super) fn weights(seed: &[u8; 64], count: usize) -> Vec<u128> {
    let mut weights = Vec::with_capacity(count.next_multiple_of(4));
    for block in 0u32.. {
        if weights.len() >= count {
            break;
        }
        let digest: [u8; 64] = Sha512::new()
            .chain_update(b"samar batch weights v1")
            .chain_update(seed)
            .chain_update(block.to_le_bytes())
            .finalize()
            .into();
        weights.extend(digest.as_chunks::<16>().0.iter().map(|bytes| u128::from_le_bytes(*bytes)));
    }
    weights.truncate(count);
    weights
}

/// The prover's one-time scalar, hedged: a broken generator alone does not repeat it for another batch, and a known
/// key does not predict it.
fn nonce<R: CryptoRng + ?Sized>(secret: &Scalar, seed: &[u8; 64], rng: &mut R) -> Zeroizing<Scalar> {
    let mut fresh = Zeroizing::new([0u8; 32]);
    rng.fill_bytes(fresh.as_mut_slice());
    let mut wide: [u8; 64] = Sha512::new()
        .chain_update(b"samar batch nonce v1")
        .chain_update(secret.as_bytes())
        .chain_update(fresh.as_slice())
        .chain_update(seed)
        .finalize()
        .into();
    let nonce = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
    wide.zeroize();
    nonce
}

/// `SHA-512("samar batch challenge v1" ‖ seed ‖ M ‖ Z ‖ t2 ‖ t3)` reduced below the group order.
fn challenge(
    seed: &[u8; 64],
    m: &RistrettoPoint,
    z: &RistrettoPoint,
    t2: &RistrettoPoint,
    t3: &RistrettoPoint,
) -> Scalar {
    let mut hash = Sha512::new().chain_update(b"samar batch challenge v1").chain_update(seed);
    for point in [m, z, t2, t3] {
        hash.update(point.compress().as_bytes());
    }
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}
