//! curve25519-dalek 5, one element at a time, at its best: halved scalars and `double_and_compress_batch` for what it
//! encodes, the first block of the hash computed once.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::IsIdentity as _;
use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest as _, Sha256, Sha512};

use crate::HASH_TO_GROUP_DST;

/// The operator's work, written with dalek alone.
pub struct Dalek {
    half_key: Scalar,
    /// SHA-512 after the block of zeros with which every message begins.
    after_zeros: Sha512,
}

impl Dalek {
    /// The name beside its figures: with IFMA code where this build has it and the processor can run it.
    #[must_use]
    pub fn name() -> &'static str {
        #[cfg(all(target_arch = "x86_64", curve25519_dalek_backend = "avx512"))]
        if is_x86_feature_detected!("avx512ifma") && is_x86_feature_detected!("avx512vl") {
            return "dalek-avx512";
        }
        "dalek"
    }

    /// An operator with this key.
    ///
    /// # Panics
    /// If the bytes are no canonical scalar.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let key = Scalar::from_canonical_bytes(*key).expect("a secret key's bytes");
        Self { half_key: key.div_by_2(), after_zeros: Sha512::new().chain_update([0; 128]) }
    }

    /// Each message hashed to the group.
    #[must_use]
    pub fn hash_to_group<M: AsRef<[u8]>>(&self, messages: &[M]) -> Vec<RistrettoPoint> {
        messages.iter().map(|message| self.hash_one(message.as_ref())).collect()
    }

    fn hash_one(&self, message: &[u8]) -> RistrettoPoint {
        #[allow(clippy::cast_possible_truncation)] // 40 bytes
        let dst_length = [HASH_TO_GROUP_DST.len() as u8];
        let b_0 = self.after_zeros.clone().chain_update(message).chain_update([0, 64, 0]);
        let b_0 = b_0.chain_update(HASH_TO_GROUP_DST).chain_update(dst_length).finalize();
        let b_1 = Sha512::new().chain_update(b_0).chain_update([1]);
        let b_1 = b_1.chain_update(HASH_TO_GROUP_DST).chain_update(dst_length).finalize();
        RistrettoPoint::from_uniform_bytes(&b_1.into())
    }

    /// Half the key times each point.
    #[must_use]
    pub fn multiply(&self, points: &[RistrettoPoint]) -> Vec<RistrettoPoint> {
        points.iter().map(|point| point * self.half_key).collect()
    }

    /// The points of these encodings.
    ///
    /// # Panics
    /// If one is none, or the identity.
    #[must_use]
    pub fn decode(&self, encodings: &[[u8; 32]]) -> Vec<RistrettoPoint> {
        encodings.iter().map(decode_one).collect()
    }

    /// The encodings of the doubles.
    #[must_use]
    pub fn encode_double(&self, points: &[RistrettoPoint]) -> Vec<[u8; 32]> {
        let encodings = RistrettoPoint::double_and_compress_batch(points);
        encodings.iter().map(CompressedRistretto::to_bytes).collect()
    }

    /// Identifier to tag.
    #[must_use]
    pub fn encode<M: AsRef<[u8]>>(&self, messages: &[M]) -> Vec<[u8; 32]> {
        let halves: Vec<RistrettoPoint> =
            messages.iter().map(|message| self.hash_one(message.as_ref()) * self.half_key).collect();
        let tag = |element: &CompressedRistretto| {
            Sha256::new().chain_update(b"samar tag v1").chain_update(element.as_bytes()).finalize().into()
        };
        RistrettoPoint::double_and_compress_batch(&halves).iter().map(tag).collect()
    }

    /// Blinded elements to evaluated ones, without a proof.
    ///
    /// # Panics
    /// As [`Dalek::decode`].
    #[must_use]
    pub fn evaluate(&self, blinded: &[[u8; 32]]) -> Vec<[u8; 32]> {
        let halves: Vec<RistrettoPoint> =
            blinded.iter().map(|encoding| decode_one(encoding) * self.half_key).collect();
        self.encode_double(&halves)
    }
}

fn decode_one(encoding: &[u8; 32]) -> RistrettoPoint {
    let point = CompressedRistretto(*encoding).decompress().expect("a canonical encoding");
    assert!(!point.is_identity(), "the identity");
    point
}
