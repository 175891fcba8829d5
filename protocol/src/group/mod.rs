//! Batches of ristretto255 elements: the one seam between the OPRF and the arithmetic under it.
//!
//! Everything above works on [`Points`], a batch in whatever form a [`Backend`] computes with; bytes go in through
//! [`Backend::hash_to_group`] and [`Backend::decode`] and come out through [`Points::encode_double`]. A backend is a
//! value that is carried, not a global, so that one process can hold two and compare them.
//!
//! Every operation that takes a [`Scalar`] is constant-time in the scalar and in the points. The one exception says
//! so in its name: [`Points::weighted_sum_vartime`], whose inputs are public.

mod backend;
mod portable;
mod vector;

use std::sync::OnceLock;

pub use backend::{Backend, BackendError};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use vector::emulated;
#[cfg(target_arch = "x86_64")]
use vector::ifma;

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
/// A large batch is kept in parts, which the threads of the rayon pool that the caller runs in share among themselves; a
/// batch of one part, up to 2,048 elements, is computed by the caller's thread alone.
pub struct Points(Vec<Part>);

/// The multiples of one public point, for multiplying it by many secret scalars in constant time.
pub struct FixedBase(TableRepr);

/// Elements of a part. Less would cost the sums more than 1 %, which have a fixed price a part; more would leave cores idle.
const PART_ELEMENTS: usize = 2_048;

enum Part {
    Portable(portable::Batch),
    Emulated(emulated::Batch),
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Batch),
}

enum TableRepr {
    Portable(Box<portable::Table>),
    Emulated(emulated::Table),
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Table),
}

/// The same call on whichever kind of part this is; `=> wrap` puts the result back into the same kind.
macro_rules! on_part {
    ($part:expr, $batch:ident => $call:expr) => {
        match $part {
            Part::Portable($batch) => $call,
            Part::Emulated($batch) => $call,
            #[cfg(target_arch = "x86_64")]
            Part::Ifma($batch) => $call,
        }
    };
    ($part:expr, $batch:ident => wrap $call:expr) => {
        match $part {
            Part::Portable($batch) => Part::Portable($call),
            Part::Emulated($batch) => Part::Emulated($call),
            #[cfg(target_arch = "x86_64")]
            Part::Ifma($batch) => Part::Ifma($call),
        }
    };
}

/// Two parts of one kind.
macro_rules! on_pair {
    ($left:expr, $right:expr, ($a:ident, $b:ident) => $call:expr) => {
        match ($left, $right) {
            (Part::Portable($a), Part::Portable($b)) => Part::Portable($call),
            (Part::Emulated($a), Part::Emulated($b)) => Part::Emulated($call),
            #[cfg(target_arch = "x86_64")]
            (Part::Ifma($a), Part::Ifma($b)) => Part::Ifma($call),
            _ => panic!("two batches of different backends"),
        }
    };
}

/// What `work` makes of each part of these items, in order; there is one part even of nothing.
fn in_parts<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    if items.len() <= PART_ELEMENTS {
        return vec![work(items)];
    }
    items.par_chunks(PART_ELEMENTS).map(&work).collect()
}

impl Backend {
    /// Hashes each message to the group: `hash_to_ristretto255` of RFC 9380 appendix B with
    /// `expand_message_xmd`, SHA-512 and this domain separation tag (at most 255 bytes).
    #[must_use]
    pub fn hash_to_group<M: AsRef<[u8]> + Sync>(self, dst: &[u8], messages: &[M]) -> Points {
        Points(in_parts(messages, |messages| match self {
            Self::Portable => Part::Portable(portable::Batch::hash_to_group(dst, messages)),
            Self::Emulated(proof) => Part::Emulated(emulated::Batch::hash_to_group(proof, dst, messages)),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(proof) => Part::Ifma(ifma::Batch::hash_to_group(proof, dst, messages)),
        }))
    }

    /// Decodes canonical encodings of elements other than the identity.
    ///
    /// # Errors
    /// [`DecodeError`] with the first element at fault.
    pub fn decode(self, encodings: &[[u8; 32]]) -> Result<Points, DecodeError> {
        let parts = in_parts(encodings, |encodings| {
            Ok(match self {
                Self::Portable => Part::Portable(portable::Batch::decode(encodings)?),
                Self::Emulated(proof) => Part::Emulated(emulated::Batch::decode(proof, encodings)?),
                #[cfg(target_arch = "x86_64")]
                Self::Ifma(proof) => Part::Ifma(ifma::Batch::decode(proof, encodings)?),
            })
        });
        let in_batch = |(part, decoded): (usize, Result<Part, DecodeError>)| {
            decoded.map_err(|error| error.after(part * PART_ELEMENTS))
        };
        Ok(Points(parts.into_iter().enumerate().map(in_batch).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
impl Backend {
    /// The element derivation function of RFC 9496 section 4.3.4, for its vectors.
    fn derive_elements(self, bytes: &[[u8; 64]]) -> Points {
        Points(in_parts(bytes, |bytes| match self {
            Self::Portable => Part::Portable(portable::Batch::from_uniform_bytes(bytes)),
            Self::Emulated(proof) => Part::Emulated(emulated::Batch::from_uniform_bytes(proof, bytes)),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(proof) => Part::Ifma(ifma::Batch::from_uniform_bytes(proof, bytes)),
        }))
    }
}

impl DecodeError {
    /// The same in a batch that has so many elements before.
    fn after(self, elements: usize) -> Self {
        match self {
            Self::NotCanonical { index } => Self::NotCanonical { index: elements + index },
            Self::Identity { index } => Self::Identity { index: elements + index },
        }
    }
}

impl Points {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|part| on_part!(part, batch => batch.len())).sum()
    }

    /// Whether the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `scalar · P` for every P.
    #[must_use]
    pub fn mul_shared(&self, scalar: &Scalar) -> Self {
        self.map(|_, part| on_part!(part, batch => wrap batch.mul_shared(scalar)))
    }

    /// `scalars[i] · P[i]`.
    ///
    /// # Panics
    /// If the lengths differ; both come from the same caller.
    #[must_use]
    pub fn mul_each(&self, scalars: &[Scalar]) -> Self {
        assert_eq!(self.len(), scalars.len(), "one scalar per point");
        self.map(|number, part| on_part!(part, batch => wrap batch.mul_each(part_of(scalars, number))))
    }

    /// `scalars[i] · G` for the generator G: [`FixedBase::mul_each`] of a table made once in a process.
    #[must_use]
    pub fn mul_base_each(backend: Backend, scalars: &[Scalar]) -> Self {
        static EMULATED: OnceLock<FixedBase> = OnceLock::new();
        #[cfg(target_arch = "x86_64")]
        static IFMA: OnceLock<FixedBase> = OnceLock::new();
        let table = match backend {
            Backend::Portable => {
                let product = |scalars: &[Scalar]| Part::Portable(portable::Batch::mul_base_each(scalars));
                return Self(in_parts(scalars, product));
            }
            Backend::Emulated(_) => &EMULATED,
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma(_) => &IFMA,
        };
        table.get_or_init(|| FixedBase::new(backend, &RISTRETTO_BASEPOINT_POINT)).mul_each(scalars)
    }

    /// `P[i] + Q[i]`.
    ///
    /// # Panics
    /// If the lengths or the backends differ; both come from the same caller.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        assert_eq!(self.len(), other.len(), "one point per point");
        self.map(|number, part| on_pair!(part, other.part(number), (a, b) => a.add(b)))
    }

    /// `P[i] - Q[i]`.
    ///
    /// # Panics
    /// If the lengths or the backends differ; both come from the same caller.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        assert_eq!(self.len(), other.len(), "one point per point");
        self.map(|number, part| on_pair!(part, other.part(number), (a, b) => a.sub(b)))
    }

    /// The canonical encodings of `P`, in order. Eight times the work of [`Points::encode_double`].
    #[must_use]
    pub fn encode(&self) -> Vec<[u8; 32]> {
        self.over_parts(|_, part| on_part!(part, batch => batch.encode())).concat()
    }

    /// The canonical encodings of `2 · P`, in order.
    ///
    /// Encoding the double lets a batch share one field inversion, which encoding P itself does not (RFC 9496 section
    /// 4.3.2 needs an inverse square root an element). Callers halve their scalar first.
    #[must_use]
    pub fn encode_double(&self) -> Vec<[u8; 32]> {
        self.over_parts(|_, part| on_part!(part, batch => batch.encode_double())).concat()
    }

    /// `Σ weights[i] · P[i]`, in variable time: for public points and public weights only.
    ///
    /// # Panics
    /// If the lengths differ; both come from the same caller.
    #[must_use]
    pub fn weighted_sum_vartime(&self, weights: &[u128]) -> RistrettoPoint {
        assert_eq!(self.len(), weights.len(), "one weight per point");
        let sum = |number: usize, part: &Part| {
            let weights = part_of(weights, number);
            on_part!(part, batch => batch.weighted_sum_vartime(weights))
        };
        self.over_parts(sum).into_iter().sum()
    }

    fn part(&self, number: usize) -> &Part {
        // Batches of one length have the same parts, and none is without any.
        self.0.get(number).unwrap_or_else(|| panic!("no part {number} of {}", self.0.len()))
    }

    fn map(&self, work: impl Fn(usize, &Part) -> Part + Sync) -> Self {
        Self(self.over_parts(work))
    }

    /// What `work` makes of each part and its number, in order.
    fn over_parts<R: Send>(&self, work: impl Fn(usize, &Part) -> R + Sync) -> Vec<R> {
        match self.0.as_slice() {
            [part] => vec![work(0, part)],
            parts => parts.par_iter().enumerate().map(|(number, part)| work(number, part)).collect(),
        }
    }
}

/// What belongs to the part of this number.
fn part_of<T>(items: &[T], number: usize) -> &[T] {
    items.chunks(PART_ELEMENTS).nth(number).unwrap_or_default()
}

impl FixedBase {
    /// Tabulates a public point for this backend: about a millisecond, and up to 100 KB.
    #[must_use]
    pub fn new(backend: Backend, point: &RistrettoPoint) -> Self {
        Self(match backend {
            Backend::Portable => TableRepr::Portable(Box::new(portable::Table::new(point))),
            Backend::Emulated(proof) => TableRepr::Emulated(emulated::Table::new(proof, point)),
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma(proof) => TableRepr::Ifma(ifma::Table::new(proof, point)),
        })
    }

    /// `scalars[i] · P`, in constant time.
    #[must_use]
    pub fn mul_each(&self, scalars: &[Scalar]) -> Points {
        Points(in_parts(scalars, |scalars| match &self.0 {
            TableRepr::Portable(table) => Part::Portable(table.mul_each(scalars)),
            TableRepr::Emulated(table) => Part::Emulated(table.mul_each(scalars)),
            #[cfg(target_arch = "x86_64")]
            TableRepr::Ifma(table) => Part::Ifma(table.mul_each(scalars)),
        }))
    }
}

/// `SHA-256(prefix ‖ encoding)` of each encoding: 44 bytes, which padded are one block.
///
/// With SHA instructions this takes 65 ns beside the microseconds that the encoding took: not worth lanes of its own.
#[must_use]
pub fn tag_hash(prefix: &[u8; 12], encodings: &[[u8; 32]]) -> Vec<[u8; 32]> {
    encodings
        .iter()
        .map(|encoding| Sha256::new_with_prefix(prefix).chain_update(encoding).finalize().into())
        .collect()
}

impl core::fmt::Debug for Points {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Points({} elements)", self.len())
    }
}

#[cfg(test)]
mod rfc9496;
#[cfg(test)]
mod tests;
