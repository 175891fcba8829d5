//! The operator's key pair.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::IsIdentity as _;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// Why key bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not below the group order (RFC 9496 section 4.4), or zero.
    #[error("not a canonical non-zero ristretto255 scalar")]
    Scalar,
    /// Not a canonical encoding, or the identity (RFC 9497 section 2.1).
    #[error("not a canonical ristretto255 element other than the identity")]
    Element,
}

/// The OPRF key `k`. Never leaves the operator's process but through [`SecretKey::to_bytes`], into its key file.
pub struct SecretKey {
    scalar: Scalar,
    public: PublicKey,
}

impl SecretKey {
    /// A fresh key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_scalar(Scalar::random(rng))
    }

    /// The key stored in 32 little-endian bytes.
    ///
    /// # Errors
    /// [`KeyError::Scalar`] unless the bytes are canonical and not zero.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let scalar = Scalar::from_canonical_bytes(*bytes).unwrap_or(Scalar::ZERO);
        // The only branch on the bytes, and it says no more than that the file is damaged: a key in use is never zero.
        if scalar == Scalar::ZERO { Err(KeyError::Scalar) } else { Ok(Self::from_scalar(scalar)) }
    }

    fn from_scalar(scalar: Scalar) -> Self {
        let point = RistrettoPoint::mul_base(&scalar);
        let encoding = point.compress().to_bytes();
        Self { scalar, public: PublicKey { encoding, point } }
    }

    /// The 32 little-endian bytes for the operator's key file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.scalar.to_bytes())
    }

    /// The matching public key `k·G`.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn scalar(&self) -> &Scalar {
        &self.scalar
    }

    /// `k/2`, for use before [`crate::group::Points::encode_double`].
    pub(super) fn half(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(self.scalar.div_by_2())
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SecretKey(redacted, id {})", self.public.id())
    }
}

/// The OPRF public key `k·G`: canonical and not the identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    encoding: [u8; 32],
    point: RistrettoPoint,
}

impl PublicKey {
    /// Decodes a public key.
    ///
    /// # Errors
    /// [`KeyError::Element`] for a non-canonical encoding or the identity.
    pub fn from_bytes(encoding: &[u8; 32]) -> Result<Self, KeyError> {
        let point = CompressedRistretto(*encoding).decompress().ok_or(KeyError::Element)?;
        if point.is_identity() {
            return Err(KeyError::Element);
        }
        Ok(Self { encoding: *encoding, point })
    }

    /// The canonical 32-byte encoding.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.encoding
    }

    /// The id by which files and requests name this key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"samar key id v1").chain_update(self.encoding).finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        KeyId([a, b, c, d, e, f, g, h])
    }

    pub(super) fn point(&self) -> &RistrettoPoint {
        &self.point
    }
}

impl core::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PublicKey(id {})", self.id())
    }
}

/// The first 8 bytes of SHA-256("samar key id v1" ‖ public key). A name, not a commitment: whoever holds a key id
/// also holds the signed manifest with the whole public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl core::fmt::Display for KeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyId({self})")
    }
}
