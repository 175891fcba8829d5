//! Key files: the OPRF key and the publisher key (SPEC.md section "Key file").
//!
//! magic "SAMARKEY" ‖ version (u16 LE) ‖ purpose (u8) ‖ protection (u8; 0: none) ‖ 32 key bytes ‖ first 8 bytes of the
//! BLAKE3 of all before.

use std::path::Path;

use ed25519_dalek::SigningKey;
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_protocol::oprf::SecretKey;
use zeroize::Zeroizing;

/// Opens every key file; the last two bytes are the version, little-endian.
pub(crate) const MAGIC: [u8; 10] = *b"SAMARKEY\x01\x00";
/// Bytes of a key file.
pub(crate) const FILE_BYTES: usize = MAGIC.len() + 2 + 32 + 8;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    Oprf = 1,
    Publisher = 2,
}

/// Stores a new OPRF key.
///
/// # Errors
/// Of the file system.
pub fn write_oprf(path: &Path, key: &SecretKey) -> Result<(), Failure> {
    write(path, Purpose::Oprf, &key.to_bytes())
}

/// Loads the OPRF key.
///
/// # Errors
/// A missing, readable-by-others, foreign or damaged file.
pub fn read_oprf(path: &Path) -> Result<SecretKey, Failure> {
    let bytes = read(path, Purpose::Oprf)?;
    SecretKey::from_bytes(&bytes).map_err(|error| Failure::local(format!("{}: {error}", path.display())))
}

/// Stores a new publisher key.
///
/// # Errors
/// Of the file system.
pub fn write_publisher(path: &Path, key: &SigningKey) -> Result<(), Failure> {
    write(path, Purpose::Publisher, &Zeroizing::new(key.to_bytes()))
}

/// Loads the publisher key.
///
/// # Errors
/// A missing, readable-by-others, foreign or damaged file.
pub fn read_publisher(path: &Path) -> Result<SigningKey, Failure> {
    let bytes = read(path, Purpose::Publisher)?;
    Ok(SigningKey::from_bytes(&bytes))
}

fn write(path: &Path, purpose: Purpose, key: &[u8; 32]) -> Result<(), Failure> {
    let mut file = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
    file.extend(MAGIC);
    file.extend([purpose as u8, 0]);
    file.extend(key);
    let check = *blake3::hash(&file).as_bytes();
    file.extend(&check[..8]);
    durable::write(path, &file, Mode::Private).map_err(|error| io_failure("write the key file", path, &error))
}

fn read(path: &Path, purpose: Purpose) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let file = Zeroizing::new(folder::read_secret(path)?);
    let damaged = |what: &str| {
        Failure::local(format!("{} {what}", path.display())).remedy("restore the key file from its backup")
    };
    let body = file.strip_prefix(&MAGIC).ok_or_else(|| damaged("is not a Samar key file of version 1"))?;
    let Some((body, check)) = body.split_last_chunk::<8>().filter(|_| file.len() == FILE_BYTES) else {
        return Err(damaged("is cut short or too long"));
    };
    if blake3::hash(&file[..FILE_BYTES - 8]).as_bytes()[..8] != check[..] {
        return Err(damaged("is damaged: its checksum does not match"));
    }
    match body {
        [found, _, ..] if *found != purpose as u8 => Err(damaged("holds a key for another purpose")),
        [_, 0, key @ ..] => {
            let mut out = Zeroizing::new([0; 32]);
            out.copy_from_slice(key);
            Ok(out)
        }
        _ => Err(damaged("is protected in a way that this version does not know; update Samar")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_read_back_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oprf.key");
        let key = SecretKey::generate(&mut rand::rng());
        write_oprf(&path, &key).unwrap();
        assert_eq!(read_oprf(&path).unwrap().public(), key.public());
        assert!(read_publisher(&path).unwrap_err().to_string().contains("another purpose"));

        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            read_oprf(&path).unwrap_err();
        }
        for length in 0..good.len() {
            std::fs::write(&path, &good[..length]).unwrap();
            read_oprf(&path).unwrap_err();
        }
        std::fs::write(&path, &good).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_oprf(&path).unwrap_err().to_string().contains("others may read it"));
    }
}
