//! The operator's secret keys on disk, in the clear or sealed under a passphrase (SPEC.md section "Key file").
//!
//! `file` has the bytes, `seal` the encryption, `passphrase` where the passphrase comes from, `protect` the
//! changing of it.

mod file;
mod passphrase;
mod protect;
mod seal;
#[cfg(test)]
mod tests;

use std::path::Path;

use ed25519_dalek::{SigningKey, VerifyingKey};
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_protocol::oprf::SecretKey;
use zeroize::Zeroizing;

use crate::layout::Layout;
pub(crate) use file::{CHECK_BYTES, MAGIC};
use file::{Fault, KeyFile, Protection};
pub use passphrase::{Passphrase, Source};
pub use protect::{Protected, protect};
pub(crate) use seal::{NONCE_BYTES, SALT_BYTES, TAG_BYTES};

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
    fn path(self, layout: &Layout) -> std::path::PathBuf {
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
    let path = layout.oprf_key();
    let bytes = fixed(&path, &read(layout, Purpose::Oprf)?)?;
    SecretKey::from_bytes(&bytes).map_err(|error| Failure::local(format!("{}: {error}", path.display())))
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
            let wrapping = layout.passphrase().wrapping_key(&sealed.cost, &path)?;
            // Under a mistyped passphrase nobody could open it again.
            seal::open(&wrapping, &sealed).ok_or_else(|| wrong_passphrase(&path))?;
            let public = protect::public_half(layout, purpose, key)?;
            let bytes = seal::seal(&wrapping, &sealed.cost, purpose, &public, key);
            Ok(Zeroizing::new(bytes.ok_or_else(|| Failure::local("the key cannot be sealed"))?))
        }
    }
}

/// Whether the keys are sealed; some may be and others not, where a change was cut short.
///
/// # Errors
/// A missing, readable-by-others, foreign or damaged file.
pub fn sealed(layout: &Layout) -> Result<bool, Failure> {
    let is_sealed = |purpose: Purpose| {
        let path = purpose.path(layout);
        let bytes = Zeroizing::new(folder::read_secret(&path)?);
        let parsed = file::parse(&bytes, purpose).map_err(|fault| damaged(&path, fault))?;
        Ok(matches!(parsed.protection, Protection::Passphrase(_)))
    };
    Purpose::ALL.into_iter().try_fold(true, |all, purpose| Ok(all & is_sealed(purpose)?))
}

/// The key itself, unsealed where it is sealed.
fn read(layout: &Layout, purpose: Purpose) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let path = purpose.path(layout);
    let bytes = Zeroizing::new(folder::read_secret(&path)?);
    let parsed = file::parse(&bytes, purpose).map_err(|fault| damaged(&path, fault))?;
    match parsed.protection {
        Protection::None { key } => Ok(Zeroizing::new(key.to_vec())),
        Protection::Passphrase(sealed) => {
            let wrapping = layout.passphrase().wrapping_key(&sealed.cost, &path)?;
            seal::open(&wrapping, &sealed).ok_or_else(|| wrong_passphrase(&path))
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
