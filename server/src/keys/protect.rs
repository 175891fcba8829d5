//! Setting, changing and removing the passphrase of a folder's keys.

use std::path::Path;

use ed25519_dalek::SigningKey;
use samar_local::exit::Failure;
use samar_local::folder;
use samar_local::seal::Cost;
use samar_protocol::oprf::SecretKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::file::{self, Protection};
use super::{Passphrase, Purpose, damaged, files, fixed, write, wrong_passphrase};
use crate::layout::Layout;

/// What stands under a passphrase now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protected {
    /// All keys, under the new passphrase.
    Sealed,
    /// None.
    Clear,
}

/// Puts every key of the folder under `new`, or in the clear where there is none. Each file is replaced whole; cut short, the
/// same command goes on: keys that are under the new passphrase already are opened with it.
///
/// # Errors
/// A wrong passphrase, a damaged file, the file system. Keys are all opened before the first is written.
pub fn protect(layout: &Layout, new: Option<&Passphrase>) -> Result<Protected, Failure> {
    let _lock = folder::lock(layout.root(), "passphrase")?;
    // A rotation moves key files about.
    let _vault = folder::lock(layout.root(), "vault")?;
    let mut keys = Vec::new();
    for (purpose, path) in files(layout) {
        let key = open(layout, purpose, &path, new)?;
        keys.push((purpose, path, key));
    }
    let cost = Cost::fresh();
    for (purpose, path, key) in keys {
        let bytes = match new {
            None => file::in_the_clear(purpose, &key),
            Some(passphrase) => {
                let wrapping = passphrase.wrapping_key(&cost, &path)?;
                let public = public_half(layout, purpose, &key)?;
                Zeroizing::new(file::sealed(&wrapping, &cost, purpose, &public, &key))
            }
        };
        write(&path, &bytes)?;
    }
    Ok(if new.is_some() { Protected::Sealed } else { Protected::Clear })
}

fn open(
    layout: &Layout,
    purpose: Purpose,
    path: &Path,
    new: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = Zeroizing::new(folder::read_secret(path)?);
    let parsed = file::parse(&bytes, purpose).map_err(|fault| damaged(path, fault))?;
    let sealed = match parsed.protection {
        Protection::None { key } => return Ok(Zeroizing::new(key.to_vec())),
        Protection::Passphrase(sealed) => sealed,
    };
    for passphrase in [Some(layout.passphrase()), new].into_iter().flatten() {
        let wrapping = passphrase.wrapping_key(sealed.cost(), path)?;
        if let Some(key) = sealed.open(&wrapping) {
            return Ok(key);
        }
    }
    Err(wrong_passphrase(path))
}

/// What of a key may be known without the passphrase; for keys of certificates, which have theirs beside them, a hash of it.
pub(super) fn public_half(layout: &Layout, purpose: Purpose, key: &[u8]) -> Result<[u8; 32], Failure> {
    let path = purpose.path(layout);
    Ok(match purpose {
        Purpose::Oprf => {
            let key = SecretKey::from_bytes(&*fixed(&path, key)?);
            key.map_err(|error| Failure::local(format!("{}: {error}", path.display())))?.public().to_bytes()
        }
        Purpose::Publisher => SigningKey::from_bytes(&*fixed(&path, key)?).verifying_key().to_bytes(),
        Purpose::Authority | Purpose::Server => {
            let text = std::str::from_utf8(key).ok();
            let pair = text.and_then(|text| rcgen::KeyPair::from_pem(text).ok());
            let pair = pair.ok_or_else(|| damaged(&path, file::Fault::Magic))?;
            Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&pair)).into()
        }
    })
}
