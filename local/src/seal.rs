//! A secret under a passphrase: Argon2id (RFC 9106) makes the wrapping key, XChaCha20-Poly1305 seals.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Bytes of the salt of a wrapping key.
pub const SALT_BYTES: usize = 16;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;
/// Bytes by which a sealed secret is longer than the secret.
pub const TAG_BYTES: usize = 16;
/// Bytes of a [`Cost`] in a file.
const COST_BYTES: usize = 12 + SALT_BYTES;

/// What a wrapping key costs to make, and its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
}

impl Cost {
    /// The second recommendation of RFC 9106 section 4: 64 MiB, three passes, four lanes. A fresh salt.
    #[must_use]
    pub fn fresh() -> Self {
        Self { memory_kib: 64 * 1_024, passes: 3, lanes: 4, salt: rand::random() }
    }

    /// Whether a file may ask for it: a damaged header must not take all memory. A GiB and 16 passes leave room to grow.
    #[must_use]
    pub fn is_bearable(&self) -> bool {
        (8..=1_048_576).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }

    fn to_bytes(self) -> [u8; COST_BYTES] {
        let mut bytes = [0; COST_BYTES];
        for (place, number) in bytes.chunks_exact_mut(4).zip([self.memory_kib, self.passes, self.lanes]) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes[12..].copy_from_slice(&self.salt);
        bytes
    }

    fn from_bytes(bytes: &[u8; COST_BYTES]) -> Self {
        let [memory_kib, passes, lanes] =
            [0, 4, 8].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&bytes[12..]);
        Self { memory_kib, passes, lanes, salt }
    }
}

impl core::fmt::Display for Cost {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { memory_kib, passes, lanes, .. } = self;
        write!(f, "Argon2id, {memory_kib} KiB, {passes} passes, {lanes} lanes")
    }
}

/// The key that seals secrets. Zeroized on drop.
pub struct WrappingKey(Zeroizing<[u8; 32]>);

impl WrappingKey {
    /// From a passphrase; takes a tenth of a second. `None` where there is no memory for it, or the cost is not bearable.
    #[must_use]
    pub fn derive(passphrase: &[u8], cost: &Cost) -> Option<Self> {
        if !cost.is_bearable() {
            return None;
        }
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

/// A secret under a passphrase, as it stands in a file: memory (KiB), passes, lanes (u32 LE each) ‖ salt (16) ‖ nonce (24) ‖ the
/// secret, encrypted, and its tag (16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What its wrapping key costs.
    pub cost: Cost,
    nonce: [u8; NONCE_BYTES],
    encrypted: Vec<u8>,
}

impl Sealed {
    /// Bytes of one that holds a secret of so many.
    #[must_use]
    pub const fn bytes(secret: usize) -> usize {
        COST_BYTES + NONCE_BYTES + secret + TAG_BYTES
    }

    /// Seals a secret under the wrapping key of this cost. `before`, which stands before it in its file, is authenticated with it.
    #[must_use]
    pub fn new(wrapping: &WrappingKey, cost: &Cost, before: &[u8], secret: &[u8]) -> Self {
        let mut sealed = Self { cost: *cost, nonce: rand::random(), encrypted: Vec::new() };
        let payload = Payload { msg: secret, aad: &sealed.bound(before) };
        // Unwrap safety: only messages of 256 GB fail.
        sealed.encrypted =
            wrapping.cipher().encrypt(&XNonce::from(sealed.nonce), payload).expect("a secret is short");
        sealed
    }

    /// The secret; `None` under another passphrase, or where anything was changed, here or before it in its file.
    #[must_use]
    pub fn open(&self, wrapping: &WrappingKey, before: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let payload = Payload { msg: &self.encrypted, aad: &self.bound(before) };
        wrapping.cipher().decrypt(&XNonce::from(self.nonce), payload).ok().map(Zeroizing::new)
    }

    /// Bytes of the secret.
    #[must_use]
    pub fn secret_bytes(&self) -> usize {
        self.encrypted.len() - TAG_BYTES
    }

    /// As it stands in a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.cost.to_bytes()[..], &self.nonce, &self.encrypted].concat()
    }

    /// Takes such bytes apart; `None` where they are too few. Whether the cost is bearable is for the caller to see.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (cost, rest) = bytes.split_first_chunk()?;
        let (nonce, encrypted) = rest.split_first_chunk()?;
        let is_whole = encrypted.len() >= TAG_BYTES;
        is_whole.then(|| Self { cost: Cost::from_bytes(cost), nonce: *nonce, encrypted: encrypted.to_vec() })
    }

    /// What is authenticated with the secret: all that stands before it in the file.
    fn bound(&self, before: &[u8]) -> Vec<u8> {
        [before, &self.cost.to_bytes(), &self.nonce].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cheap as it can be.
    fn cheap() -> Cost {
        Cost { memory_kib: 8, passes: 1, lanes: 1, salt: [3; SALT_BYTES] }
    }

    #[test]
    fn a_secret_opens_under_its_passphrase_behind_what_it_was_sealed_behind() {
        let cost = cheap();
        let [key, other] = [b"kunci", b"lain!"].map(|text| WrappingKey::derive(text, &cost).unwrap());
        for secret in [&b""[..], b"sixty-four bytes or any other number of them"] {
            let sealed = Sealed::new(&key, &cost, b"before", secret);
            let bytes = sealed.to_bytes();
            assert_eq!((bytes.len(), sealed.secret_bytes()), (Sealed::bytes(secret.len()), secret.len()));
            let read = Sealed::parse(&bytes).unwrap();
            assert_eq!((&read, read.open(&key, b"before").unwrap().as_slice()), (&sealed, secret));
            assert!(read.open(&other, b"before").is_none() && read.open(&key, b"Before").is_none());
            assert_ne!(Sealed::new(&key, &cost, b"before", secret), sealed, "a nonce of its own");
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert!(Sealed::parse(&changed).unwrap().open(&key, b"before").is_none(), "byte {at}");
            }
            assert!(Sealed::parse(&bytes[..Sealed::bytes(0) - 1]).is_none());
        }
    }

    #[test]
    fn a_header_that_asks_for_all_memory_is_not_obeyed() {
        let worst = [
            Cost { memory_kib: u32::MAX, ..cheap() },
            Cost { passes: 17, ..cheap() },
            Cost { lanes: 0, ..cheap() },
            Cost { lanes: 2, ..cheap() },
        ];
        for cost in worst {
            assert!(!cost.is_bearable() && WrappingKey::derive(b"x", &cost).is_none(), "{cost}");
        }
        assert!(Cost::fresh().is_bearable() && Cost::fresh() != Cost::fresh());
    }
}
