//! The bytes of a key file.
//!
//! magic "SAMARKEY" ‖ version (u16 LE) ‖ purpose (u8) ‖ protection (u8) ‖ body ‖ first 8 bytes of the BLAKE3 of all before.
//! The body in the clear is the key. Sealed it is: public half (32) ‖ Argon2id memory KiB, passes, lanes (u32 LE each) ‖ salt
//! (16) ‖ nonce (24) ‖ the key, encrypted, and its tag.

use samar_local::seal::{Cost, Sealed, WrappingKey};
use zeroize::Zeroizing;

use super::Purpose;

pub(crate) const MAGIC: [u8; 10] = *b"SAMARKEY\x01\x00";
pub(crate) const CHECK_BYTES: usize = 8;
const PUBLIC_BYTES: usize = 32;
/// The largest key file: a PEM of an RSA key and more.
const FILE_BYTES_MAX: usize = 16_384;

/// A key file, taken apart.
pub(super) struct KeyFile<'a> {
    pub(super) protection: Protection<'a>,
}

/// How the key stands in it.
pub(super) enum Protection<'a> {
    None { key: &'a [u8] },
    Passphrase(SealedKey<'a>),
}

/// A key under a passphrase.
pub(super) struct SealedKey<'a> {
    /// All before what is sealed; authenticated with it.
    before: &'a [u8],
    pub(super) public: [u8; PUBLIC_BYTES],
    key: Sealed,
}

impl SealedKey<'_> {
    /// What its wrapping key costs.
    pub(super) fn cost(&self) -> &Cost {
        &self.key.cost
    }

    /// The key; `None` under another passphrase, or where anything was changed.
    pub(super) fn open(&self, wrapping: &WrappingKey) -> Option<Zeroizing<Vec<u8>>> {
        self.key.open(wrapping, self.before)
    }
}

/// What is wrong with a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("is not a Samar key file of version 1")]
    Magic,
    #[error("is cut short or too long")]
    Length,
    #[error("is damaged: its checksum does not match")]
    Checksum,
    #[error("holds a key for another purpose")]
    Purpose,
    #[error("is protected in a way that this version does not know; update Samar")]
    Protection,
    #[error("asks for more work than any key file of this version: its header is damaged")]
    Cost,
}

/// Takes a key file apart. A key of a certificate may stand in plain PEM.
pub(super) fn parse(file: &[u8], purpose: Purpose) -> Result<KeyFile<'_>, Fault> {
    if file.len() > FILE_BYTES_MAX {
        return Err(Fault::Length);
    }
    let Some(rest) = file.strip_prefix(&MAGIC) else {
        let pem = purpose.is_pem() && file.starts_with(b"-----BEGIN");
        return if pem {
            Ok(KeyFile { protection: Protection::None { key: file } })
        } else {
            Err(Fault::Magic)
        };
    };
    let (rest, check) = rest.split_last_chunk::<CHECK_BYTES>().ok_or(Fault::Length)?;
    if blake3::hash(&file[..file.len() - CHECK_BYTES]).as_bytes()[..CHECK_BYTES] != check[..] {
        return Err(Fault::Checksum);
    }
    let [found, protection, body @ ..] = rest else { return Err(Fault::Length) };
    if *found != purpose as u8 {
        return Err(Fault::Purpose);
    }
    let protection = match protection {
        0 if body.len() == 32 && !purpose.is_pem() => Protection::None { key: body },
        0 => return Err(Fault::Length),
        1 => Protection::Passphrase(parse_sealed(file, body)?),
        _ => return Err(Fault::Protection),
    };
    Ok(KeyFile { protection })
}

fn parse_sealed<'a>(file: &'a [u8], body: &[u8]) -> Result<SealedKey<'a>, Fault> {
    let (public, rest) = body.split_first_chunk::<PUBLIC_BYTES>().ok_or(Fault::Length)?;
    let key = Sealed::parse(rest).filter(|key| key.secret_bytes() > 0).ok_or(Fault::Length)?;
    if !key.cost.is_bearable() {
        return Err(Fault::Cost);
    }
    let (before, _) = file.split_at(MAGIC.len() + 2 + PUBLIC_BYTES);
    Ok(SealedKey { before, public: *public, key })
}

/// A key file in the clear; PEM stays what it is.
pub(super) fn in_the_clear(purpose: Purpose, key: &[u8]) -> Zeroizing<Vec<u8>> {
    if purpose.is_pem() {
        return Zeroizing::new(key.to_vec());
    }
    let mut file = Zeroizing::new(Vec::with_capacity(MAGIC.len() + 2 + key.len() + CHECK_BYTES));
    file.extend(MAGIC);
    file.extend([purpose as u8, 0]);
    file.extend(key);
    close(&mut file);
    file
}

/// A whole key file under a passphrase.
pub(super) fn sealed(
    wrapping: &WrappingKey,
    cost: &Cost,
    purpose: Purpose,
    public: &[u8; PUBLIC_BYTES],
    key: &[u8],
) -> Vec<u8> {
    let mut file = [&MAGIC[..], &[purpose as u8, 1], public].concat();
    let key = Sealed::new(wrapping, cost, &file, key);
    file.extend(key.to_bytes());
    close(&mut file);
    file
}

/// Adds the checksum.
pub(super) fn close(file: &mut Vec<u8>) {
    let check = *blake3::hash(file).as_bytes();
    file.extend(&check[..CHECK_BYTES]);
}
