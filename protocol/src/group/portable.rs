//! The portable backend: curve25519-dalek, one element at a time.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable};
use curve25519_dalek::traits::{IsIdentity as _, VartimeMultiscalarMul as _};
use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use super::DecodeError;

pub(super) struct Batch(Vec<RistrettoPoint>);

pub(super) struct Table(RistrettoBasepointTable);

impl Table {
    pub(super) fn new(point: &RistrettoPoint) -> Self {
        Self(RistrettoBasepointTable::create(point))
    }

    pub(super) fn mul_each(&self, scalars: &[Scalar]) -> Batch {
        Batch(scalars.iter().map(|scalar| scalar * &self.0).collect())
    }
}

impl Batch {
    pub(super) fn hash_to_group<M: AsRef<[u8]>>(dst: &[u8], messages: &[M]) -> Self {
        let point =
            |message: &M| RistrettoPoint::from_uniform_bytes(&expand_message_xmd(message.as_ref(), dst));
        Self(messages.iter().map(point).collect())
    }

    #[cfg(test)]
    pub(super) fn from_uniform_bytes(bytes: &[[u8; 64]]) -> Self {
        Self(bytes.iter().map(RistrettoPoint::from_uniform_bytes).collect())
    }

    pub(super) fn decode(encodings: &[[u8; 32]]) -> Result<Self, DecodeError> {
        let decode = |(index, encoding): (usize, &[u8; 32])| {
            let point =
                CompressedRistretto(*encoding).decompress().ok_or(DecodeError::NotCanonical { index })?;
            if point.is_identity() { Err(DecodeError::Identity { index }) } else { Ok(point) }
        };
        Ok(Self(encodings.iter().enumerate().map(decode).collect::<Result<_, _>>()?))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn mul_shared(&self, scalar: &Scalar) -> Self {
        Self(self.0.iter().map(|point| point * scalar).collect())
    }

    pub(super) fn mul_base_each(scalars: &[Scalar]) -> Self {
        Self(scalars.iter().map(|scalar| scalar * RISTRETTO_BASEPOINT_TABLE).collect())
    }

    pub(super) fn mul_each(&self, scalars: &[Scalar]) -> Self {
        Self(self.0.iter().zip(scalars).map(|(point, scalar)| point * scalar).collect())
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(p, q)| p + q).collect())
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(p, q)| p - q).collect())
    }

    pub(super) fn encode(&self) -> Vec<[u8; 32]> {
        self.0.iter().map(|point| point.compress().to_bytes()).collect()
    }

    pub(super) fn encode_double(&self) -> Vec<[u8; 32]> {
        RistrettoPoint::double_and_compress_batch(&self.0).iter().map(CompressedRistretto::to_bytes).collect()
    }

    pub(super) fn weighted_sum_vartime(&self, weights: &[u128]) -> RistrettoPoint {
        RistrettoPoint::vartime_multiscalar_mul(weights.iter().map(|&weight| Scalar::from(weight)), &self.0)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// RFC 9380 section 5.3.1 with SHA-512 and an output of 64 bytes: one output block, so `b_1` is the result.
fn expand_message_xmd(message: &[u8], dst: &[u8]) -> Zeroizing<[u8; 64]> {
    debug_assert!(dst.len() <= 255);
    #[allow(clippy::cast_possible_truncation)] // the tag is a constant of the suite, below 256 bytes
    let dst_length = [dst.len() as u8];
    let b_0 = Sha512::new()
        .chain_update([0u8; 128]) // Z_pad: one input block
        .chain_update(message)
        .chain_update([0, 64]) // l_i_b_str
        .chain_update([0])
        .chain_update(dst)
        .chain_update(dst_length)
        .finalize();
    let b_1 = Sha512::new()
        .chain_update(b_0)
        .chain_update([1])
        .chain_update(dst)
        .chain_update(dst_length)
        .finalize();
    Zeroizing::new(b_1.into())
}
