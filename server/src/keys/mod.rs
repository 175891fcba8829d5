//! The operator's secret keys on disk, in the clear or sealed under a passphrase (SPEC.md section "Key file").
//!
//! `file` has the bytes, `protect` the changing of the passphrase; where that comes from, and how it seals, is
//! `samar_local`'s.

mod file;
mod protect;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use ed25519_dalek::{SigningKey, VerifyingKey};
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_protocol::oprf::{KeyId, PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::layout::Layout;
pub(crate) use file::{CHECK_BYTES, MAGIC};
use file::{Fault, KeyFile, Protection};
pub use protect::{Protected, protect};
pub use samar_local::passphrase::{Passphrase, Source};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The OPRF secret key: a scalar.
    Oprf = 1,
    /// The key that signs manifests: an Ed25519 seed.
    Publisher = 2,
    /// The key of the certificate authority: PKCS #8 in PEM.
    Authority = 3,
    /// The key of the server's certificate: PKCS #8 in PEM.
    Server = 4,
}

impl Purpose {
    pub(crate) const ALL: [Self; 4] = [Self::Oprf, Self::Publisher, Self::Authority, Self::Server];

    /// Where the key of this purpose stands.
    fn path(self, layout: &Layout) -> PathBuf {
        match self {
            Self::Oprf => layout.oprf_key(),
            Self::Publisher => layout.publisher_key(),
            Self::Authority => layout.ca_key(),
            Self::Server => layout.server_key(),
        }
    }

    /// Whether an unprotected key stands in a plain PEM file, as other programs read it.
    fn is_pem(self) -> bool {
        matches!(self, Self::Authority | Self::Server)
    }
}

/// Every key file that is there, with its purpose. Those for a rotation or a rollover under way come and go.
fn files(layout: &Layout) -> Vec<(Purpose, PathBuf)> {
    let at_times = [
        (Purpose::Oprf, layout.next_oprf_key()),
        (Purpose::Oprf, layout.previous_oprf_key()),
        (Purpose::Publisher, layout.next_publisher_key()),
    ];
    let at_times = at_times.into_iter().filter(|(_, path)| path.exists());
    Purpose::ALL.into_iter().map(|purpose| (purpose, purpose.path(layout))).chain(at_times).collect()
}

/// Stores a new OPRF key, in the clear.
///
/// # Errors
/// Of the file system.
pub fn write_oprf(path: &Path, key: &SecretKey) -> Result<(), Failure> {
    write(path, &file::in_the_clear(Purpose::Oprf, &*key.to_bytes()))
}

/// Stores a new publisher key, in the clear.
///
/// # Errors
/// Of the file system.
pub fn write_publisher(path: &Path, key: &SigningKey) -> Result<(), Failure> {
    write(path, &file::in_the_clear(Purpose::Publisher, &*Zeroizing::new(key.to_bytes())))
}

/// Stores a new key of a certificate, in the clear.
///
/// # Errors
/// Of the file system.
pub fn write_pem(path: &Path, pem: &str) -> Result<(), Failure> {
    write(path, pem.as_bytes())
}

/// The OPRF key.
///
/// # Errors
/// A missing, readable-by-others, foreign or damaged file; a sealed one without its passphrase.
pub fn oprf(layout: &Layout) -> Result<SecretKey, Failure> {
    oprf_at(layout, &layout.oprf_key())
}

/// The OPRF key in this file.
///
/// # Errors
/// As of [`oprf`].
pub fn oprf_at(layout: &Layout, path: &Path) -> Result<SecretKey, Failure> {
    let bytes = fixed(path, &read_at(layout, Purpose::Oprf, path)?)?;
    SecretKey::from_bytes(&bytes).map_err(|error| Failure::local(format!("{}: {error}", path.display())))
}

/// The OPRF key of this id, whether it is the present one, that to come or that of before; `None` if it is none of them.
///
/// # Errors
/// As of [`oprf`].
pub fn oprf_of(layout: &Layout, id: KeyId) -> Result<Option<SecretKey>, Failure> {
    // A rotation that ends meanwhile gives the files other names, and the second look finds them there.
    for _ in 0..2 {
        for path in [layout.oprf_key(), layout.next_oprf_key(), layout.previous_oprf_key()] {
            if oprf_public_at(&path)?.is_some_and(|public| public.id() == id)
                && let Ok(key) = oprf_at(layout, &path)
                && key.public().id() == id
            {
                return Ok(Some(key));
            }
        }
    }
    Ok(None)
}

/// Whether the OPRF key of this id is there.
///
/// # Errors
/// A readable-by-others, foreign or damaged file.
pub fn has_oprf_of(layout: &Layout, id: KeyId) -> Result<bool, Failure> {
    for path in [layout.oprf_key(), layout.next_oprf_key(), layout.previous_oprf_key()] {
        if oprf_public_at(&path)?.is_some_and(|public| public.id() == id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The public half of the OPRF key in this file, for which no passphrase is needed; `None` where there is no file.
///
/// # Errors
/// A readable-by-others, foreign or damaged file.
pub fn oprf_public_at(path: &Path) -> Result<Option<PublicKey>, Failure> {
    let bytes = match path.exists().then(|| folder::read_secret(path)) {
        None => return Ok(None),
        Some(read) => Zeroizing::new(read?),
    };
    let damaged_key = |error| Failure::local(format!("{}: {error}", path.display()));
    let parsed = file::parse(&bytes, Purpose::Oprf).map_err(|fault| damaged(path, fault))?;
    let public = match parsed.protection {
        Protection::None { key } => {
            *SecretKey::from_bytes(&*fixed(path, key)?).map_err(damaged_key)?.public()
        }
        Protection::Passphrase(sealed) => PublicKey::from_bytes(&sealed.public).map_err(damaged_key)?,
    };
    Ok(Some(public))
}

/// Stores the OPRF key to come, under the same passphrase as the present one, if that is under one.
///
/// # Errors
/// As of [`oprf`].
pub fn write_next_oprf(layout: &Layout, key: &SecretKey) -> Result<(), Failure> {
    write(&layout.next_oprf_key(), &as_present(layout, Purpose::Oprf, &*key.to_bytes())?)
}

/// Destroys a key file: written over, and removed. What a disk keeps of old blocks, and what backups hold, is beyond it.
///
/// # Errors
/// Of the file system.
pub fn destroy(path: &Path) -> Result<(), Failure> {
    let destroy = || {
        // Its name is its own for good, before what stands under it goes: a power cut must not bring it back under another.
        durable::sync_folder(durable::folder_of(path))?;
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        std::io::Write::write_all(&mut &file, &vec![0; length])?;
        file.sync_all()?;
        durable::remove(path)?;
        durable::sync_folder(durable::folder_of(path))
    };
    destroy().map_err(|error| io_failure("destroy", path, &error))
}

/// The publisher key.
///
/// # Errors
/// As of [`oprf`].
pub fn publisher(layout: &Layout) -> Result<SigningKey, Failure> {
    let bytes = fixed(&layout.publisher_key(), &read(layout, Purpose::Publisher)?)?;
    Ok(SigningKey::from_bytes(&bytes))
}

/// The public half of the publisher key, for which no passphrase is needed.
///
/// # Errors
/// A missing, readable-by-others, foreign or damaged file.
pub fn publisher_public(layout: &Layout) -> Result<VerifyingKey, Failure> {
    public_of(&layout.publisher_key())
}

/// The same of the publisher key to come; `None` where there is none.
///
/// # Errors
/// As of [`publisher_public`].
pub fn next_publisher_public(layout: &Layout) -> Result<Option<VerifyingKey>, Failure> {
    let path = layout.next_publisher_key();
    path.exists().then(|| public_of(&path)).transpose()
}

/// Stores the publisher key to come, under the same passphrase as the present one, if that is under one.
///
/// # Errors
/// As of [`oprf`].
pub fn write_next_publisher(layout: &Layout, key: &SigningKey) -> Result<(), Failure> {
    let bytes = as_present(layout, Purpose::Publisher, &*Zeroizing::new(key.to_bytes()))?;
    write(&layout.next_publisher_key(), &bytes)
}

fn public_of(path: &Path) -> Result<VerifyingKey, Failure> {
    let bytes = Zeroizing::new(folder::read_secret(path)?);
    match file::parse(&bytes, Purpose::Publisher).map_err(|fault| damaged(path, fault))? {
        KeyFile { protection: Protection::None { key }, .. } => {
            Ok(SigningKey::from_bytes(&*fixed(path, key)?).verifying_key())
        }
        // A changed public half would be found out when the key is next used; banks compare it by telephone.
        KeyFile { protection: Protection::Passphrase(sealed), .. } => {
            VerifyingKey::from_bytes(&sealed.public).map_err(|_| damaged(path, Fault::Checksum))
        }
    }
}

/// The key of a certificate, as PEM.
///
/// # Errors
/// As of [`oprf`].
pub fn pem(layout: &Layout, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read(layout, purpose)
}

/// Stores another key of a certificate in place of the old one, under the same passphrase if that was under one.
///
/// # Errors
/// As of [`oprf`].
pub fn replace_pem(layout: &Layout, purpose: Purpose, pem: &str) -> Result<(), Failure> {
    write(&purpose.path(layout), &as_present(layout, purpose, pem.as_bytes())?)
}

/// The file of another key, protected as the present one of this purpose is.
fn as_present(layout: &Layout, purpose: Purpose, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let path = purpose.path(layout);
    let old = Zeroizing::new(folder::read_secret(&path)?);
    let parsed = file::parse(&old, purpose).map_err(|fault| damaged(&path, fault))?;
    match parsed.protection {
        Protection::None { .. } => Ok(file::in_the_clear(purpose, key)),
        Protection::Passphrase(sealed) => {
            let wrapping = layout.passphrase().wrapping_key(sealed.cost(), &path)?;
            // Under a mistyped passphrase nobody could open it again.
            sealed.open(&wrapping).ok_or_else(|| wrong_passphrase(&path))?;
            let public = protect::public_half(layout, purpose, key)?;
            Ok(Zeroizing::new(file::sealed(&wrapping, sealed.cost(), purpose, &public, key)))
        }
    }
}

/// Whether the keys are sealed; some may be and others not, where a change was cut short.
///
/// # Errors
/// A missing, readable-by-others, foreign or damaged file.
pub fn sealed(layout: &Layout) -> Result<bool, Failure> {
    let is_sealed = |(purpose, path): (Purpose, PathBuf)| {
        let bytes = Zeroizing::new(folder::read_secret(&path)?);
        let parsed = file::parse(&bytes, purpose).map_err(|fault| damaged(&path, fault))?;
        Ok(matches!(parsed.protection, Protection::Passphrase(_)))
    };
    files(layout).into_iter().try_fold(true, |all, file| Ok(all & is_sealed(file)?))
}

/// The key itself, unsealed where it is sealed.
fn read(layout: &Layout, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_at(layout, purpose, &purpose.path(layout))
}

fn read_at(layout: &Layout, purpose: Purpose, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = Zeroizing::new(folder::read_secret(path)?);
    let parsed = file::parse(&bytes, purpose).map_err(|fault| damaged(path, fault))?;
    match parsed.protection {
        Protection::None { key } => Ok(Zeroizing::new(key.to_vec())),
        Protection::Passphrase(sealed) => {
            let wrapping = layout.passphrase().wrapping_key(sealed.cost(), path)?;
            sealed.open(&wrapping).ok_or_else(|| wrong_passphrase(path))
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    durable::write(path, bytes, Mode::Private).map_err(|error| io_failure("write the key file", path, &error))
}

fn fixed(path: &Path, key: &[u8]) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut fixed = Zeroizing::new([0; 32]);
    if key.len() != fixed.len() {
        return Err(damaged(path, Fault::Length));
    }
    fixed.copy_from_slice(key);
    Ok(fixed)
}

fn damaged(path: &Path, fault: Fault) -> Failure {
    Failure::local(format!("{} {fault}", path.display())).remedy("restore the key file from its backup")
}

fn wrong_passphrase(path: &Path) -> Failure {
    Failure::input(format!("this passphrase does not open {}", path.display()))
        .remedy("try again; where a change of passphrase was cut short, run `samar-server passphrase` again")
}
