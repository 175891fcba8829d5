//! The bytes of a key file.
//!
//! magic "SAMARKEY" ‖ version (u16 LE) ‖ purpose (u8) ‖ protection (u8) ‖ body ‖ first 8 bytes of the BLAKE3 of all before.
//! The body in the clear is the key. Sealed it is: public half (32) ‖ Argon2id memory KiB, passes, lanes (u32 LE each) ‖ salt
//! (16) ‖ nonce (24) ‖ the key, encrypted, and its tag.

use zeroize::Zeroizing;

use super::Purpose;
use super::seal::{Cost, NONCE_BYTES, SALT_BYTES, TAG_BYTES};

pub(crate) const MAGIC: [u8; 10] = *b"SAMARKEY\x01\x00";
pub(crate) const CHECK_BYTES: usize = 8;
/// Header of a sealed file: what is authenticated with the key.
const SEALED_HEADER_BYTES: usize = MAGIC.len() + 2 + 32 + 12 + SALT_BYTES + NONCE_BYTES;
/// The largest key file: a PEM of an RSA key and more.
const FILE_BYTES_MAX: usize = 16_384;

/// A key file, taken apart.
pub(super) struct KeyFile<'a> {
    pub(super) protection: Protection<'a>,
}

/// How the key stands in it.
pub(super) enum Protection<'a> {
    None { key: &'a [u8] },
    Passphrase(Sealed<'a>),
}

/// A sealed key.
pub(super) struct Sealed<'a> {
    /// All before the encrypted key; authenticated with it.
    pub(super) header: &'a [u8],
    pub(super) public: [u8; 32],
    pub(super) cost: Cost,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) encrypted: &'a [u8],
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

fn parse_sealed<'a>(file: &'a [u8], body: &[u8]) -> Result<Sealed<'a>, Fault> {
    let (public, rest) = body.split_first_chunk::<32>().ok_or(Fault::Length)?;
    let (cost, rest) = rest.split_first_chunk::<12>().ok_or(Fault::Length)?;
    let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>().ok_or(Fault::Length)?;
    let (nonce, encrypted) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Fault::Length)?;
    if encrypted.len() <= TAG_BYTES {
        return Err(Fault::Length);
    }
    let [memory_kib, passes, lanes] =
        [0, 4, 8].map(|at| u32::from_le_bytes([cost[at], cost[at + 1], cost[at + 2], cost[at + 3]]));
    let cost = Cost { memory_kib, passes, lanes, salt: *salt };
    if !cost.is_bearable() {
        return Err(Fault::Cost);
    }
    let (header, _) = file.split_at(SEALED_HEADER_BYTES);
    let encrypted = &file[SEALED_HEADER_BYTES..file.len() - CHECK_BYTES];
    Ok(Sealed { header, public: *public, cost, nonce: *nonce, encrypted })
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

/// The header of a sealed key file.
pub(super) fn sealed_header(
    purpose: Purpose,
    public: &[u8; 32],
    cost: &Cost,
    nonce: &[u8; NONCE_BYTES],
) -> Vec<u8> {
    let mut file = Vec::with_capacity(SEALED_HEADER_BYTES);
    file.extend(MAGIC);
    file.extend([purpose as u8, 1]);
    file.extend(public);
    for number in [cost.memory_kib, cost.passes, cost.lanes] {
        file.extend(number.to_le_bytes());
    }
    file.extend(cost.salt);
    file.extend(nonce);
    file
}

/// Adds the checksum.
pub(super) fn close(file: &mut Vec<u8>) {
    let check = *blake3::hash(file).as_bytes();
    file.extend(&check[..CHECK_BYTES]);
}
