//! Batches of ristretto255 elements: the one seam between the OPRF and the arithmetic under it.
//!
//! Everything above works on [`Points`], a batch in whatever form a [`Backend`] computes with; bytes go in through
//! [`Backend::hash_to_group`] and [`Backend::decode`] and come out through [`Points::encode_double`]. A backend is a
//! value that is carried, not a global, so that one process can hold two and compare them.
//!
//! Every operation that takes a [`Scalar`] is constant-time in the scalar and in the points. The one exception says
//! so in its name: [`Points::weighted_sum_vartime`], whose inputs are public.

mod portable;

use curve25519_dalek::{RistrettoPoint, Scalar};

/// The arithmetic in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// curve25519-dalek, one element at a time; runs everywhere.
    Portable,
}

/// Why a list of encodings was refused. `index` is the first element at fault, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a canonical encoding of any element (RFC 9496 section 4.3.1).
    #[error("element {index} is not a canonical ristretto255 encoding")]
    NotCanonical {
        /// Position in the batch.
        index: usize,
    },
    /// The identity, which no honest peer sends (RFC 9497 section 2.1).
    #[error("element {index} is the identity")]
    Identity {
        /// Position in the batch.
        index: usize,
    },
}

/// A batch of group elements in a backend's own form.
///
/// It may hold points that a key or an identifier went into, so it prints as its length only and is zeroized on drop.
pub struct Points(Repr);

enum Repr {
    Portable(portable::Batch),
}

impl Backend {
    /// The fastest backend this machine has.
    #[must_use]
    pub fn best() -> Self {
        Self::Portable
    }

    /// The name printed beside every measurement.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
        }
    }

    /// Hashes each message to the group: `hash_to_ristretto255` of RFC 9380 appendix B with
    /// `expand_message_xmd`, SHA-512 and this domain separation tag (at most 255 bytes).
    #[must_use]
    pub fn hash_to_group<M: AsRef<[u8]>>(self, dst: &[u8], messages: &[M]) -> Points {
        match self {
            Self::Portable => Points(Repr::Portable(portable::Batch::hash_to_group(dst, messages))),
        }
    }

    /// Decodes canonical encodings of elements other than the identity.
    ///
    /// # Errors
    /// [`DecodeError`] with the first element at fault.
    pub fn decode(self, encodings: &[[u8; 32]]) -> Result<Points, DecodeError> {
        match self {
            Self::Portable => Ok(Points(Repr::Portable(portable::Batch::decode(encodings)?))),
        }
    }
}

impl Points {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Portable(batch) => batch.len(),
        }
    }

    /// Whether the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `scalar · P` for every P.
    #[must_use]
    pub fn mul_shared(&self, scalar: &Scalar) -> Self {
        match &self.0 {
            Repr::Portable(batch) => Self(Repr::Portable(batch.mul_shared(scalar))),
        }
    }

    /// `scalars[i] · P[i]`.
    ///
    /// # Panics
    /// If the lengths differ; both come from the same caller.
    #[must_use]
    pub fn mul_each(&self, scalars: &[Scalar]) -> Self {
        assert_eq!(self.len(), scalars.len(), "one scalar per point");
        match &self.0 {
            Repr::Portable(batch) => Self(Repr::Portable(batch.mul_each(scalars))),
        }
    }

    /// The canonical encodings of `2 · P`, in order.
    ///
    /// Encoding the double lets a batch share one field inversion, which encoding P itself does not (RFC 9496 section
    /// 4.3.2 needs an inverse square root an element). Callers halve their scalar first.
    #[must_use]
    pub fn encode_double(&self) -> Vec<[u8; 32]> {
        match &self.0 {
            Repr::Portable(batch) => batch.encode_double(),
        }
    }

    /// `Σ weights[i] · P[i]`, in variable time: for public points and public weights only.
    ///
    /// # Panics
    /// If the lengths differ; both come from the same caller.
    #[must_use]
    pub fn weighted_sum_vartime(&self, weights: &[u128]) -> RistrettoPoint {
        assert_eq!(self.len(), weights.len(), "one weight per point");
        match &self.0 {
            Repr::Portable(batch) => batch.weighted_sum_vartime(weights),
        }
    }
}

impl core::fmt::Debug for Points {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Points({} elements)", self.len())
    }
}

#[cfg(test)]
mod tests;
