//! A key under a passphrase: Argon2id (RFC 9106) makes the wrapping key, XChaCha20-Poly1305 seals.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::Purpose;
use super::file::{self, Sealed};

pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const NONCE_BYTES: usize = 24;
pub(crate) const TAG_BYTES: usize = 16;

/// What a wrapping key costs to make, and its salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: [u8; SALT_BYTES],
}

impl Cost {
    /// The second recommendation of RFC 9106 section 4: 64 MiB, three passes, four lanes. A fresh salt.
    pub(super) fn fresh() -> Self {
        Self { memory_kib: 64 * 1_024, passes: 3, lanes: 4, salt: rand::random() }
    }

    /// Whether a file may ask for it: a damaged header must not take all memory. A GiB and 16 passes leave room to grow.
    pub(super) fn is_bearable(&self) -> bool {
        (8..=1_048_576).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }
}

/// The key that seals keys.
pub(super) struct WrappingKey(Zeroizing<[u8; 32]>);

impl WrappingKey {
    /// From a passphrase; takes a tenth of a second. `None` where there is no memory for it.
    pub(super) fn derive(passphrase: &[u8], cost: &Cost) -> Option<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(passphrase, &cost.salt, &mut *key).ok()?;
        Some(Self(key))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

/// The key in a sealed file; `None` under another passphrase, or where anything was changed.
pub(super) fn open(wrapping: &WrappingKey, sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload { msg: sealed.encrypted, aad: sealed.header };
    wrapping.cipher().decrypt(&XNonce::from(sealed.nonce), payload).ok().map(Zeroizing::new)
}

/// A whole sealed key file.
pub(super) fn seal(
    wrapping: &WrappingKey,
    cost: &Cost,
    purpose: Purpose,
    public: &[u8; 32],
    key: &[u8],
) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let mut file = file::sealed_header(purpose, public, cost, &nonce);
    let payload = Payload { msg: key, aad: &file };
    let encrypted = wrapping.cipher().encrypt(&XNonce::from(nonce), payload).ok()?;
    file.extend(encrypted);
    file::close(&mut file);
    Some(file)
}
