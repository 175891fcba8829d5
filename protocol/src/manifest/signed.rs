//! A manifest as a file and on the wire: magic, signature, body.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::{Manifest, ManifestHash};
use crate::codec::{self, CodecError};
use crate::limits::MANIFEST_BYTES_MAX;

/// Opens every manifest file; the last two bytes are the version, little-endian.
pub const MANIFEST_MAGIC: [u8; 10] = *b"SAMARMAN\x01\x00";

const CONTEXT: &[u8] = b"samar manifest v1";
const SIGNATURE_BYTES: usize = 64;

/// Why a manifest was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Does not open as a manifest does.
    #[error("not a Samar manifest of version 1")]
    Magic,
    /// The publisher's key did not sign these bytes.
    #[error("the signature is not by the pinned publisher key")]
    Signature,
    /// Signed, but not a manifest.
    #[error(transparent)]
    Body(#[from] CodecError),
}

/// A manifest whose signature was verified, with its exact bytes.
#[derive(Clone, Debug)]
pub struct SignedManifest {
    manifest: Manifest,
    hash: ManifestHash,
    bytes: Vec<u8>,
}

/// Signs a manifest: magic ‖ Ed25519 over `"samar manifest v1" ‖ body` ‖ body.
///
/// # Errors
/// [`CodecError`] if the manifest breaks a rule.
pub fn sign(manifest: &Manifest, key: &SigningKey) -> Result<Vec<u8>, CodecError> {
    let body = codec::encode(manifest)?;
    // A reader counts more than the bytes against its limit: what it would not read is not signed.
    codec::decode::<Manifest>(&body)?;
    let signature = key.sign(&[CONTEXT, &body].concat());
    Ok([MANIFEST_MAGIC.as_slice(), &signature.to_bytes(), &body].concat())
}

impl SignedManifest {
    /// Bytes a manifest file may have.
    pub const FILE_BYTES_MAX: usize = MANIFEST_MAGIC.len() + SIGNATURE_BYTES + MANIFEST_BYTES_MAX;

    /// Verifies the signature, then reads the body.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn verify(bytes: &[u8], publisher: &VerifyingKey) -> Result<Self, ManifestError> {
        let (signature, body) = split(bytes)?;
        publisher
            .verify_strict(&[CONTEXT, body].concat(), &signature)
            .map_err(|_| ManifestError::Signature)?;
        Self::read(body, bytes)
    }

    /// Reads a manifest without knowing who should have signed it: for showing a file, never for using it.
    ///
    /// # Errors
    /// [`ManifestError`] other than [`ManifestError::Signature`].
    pub fn inspect(bytes: &[u8]) -> Result<Self, ManifestError> {
        Self::read(split(bytes)?.1, bytes)
    }

    fn read(body: &[u8], bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest = codec::decode(body)?;
        let hash = *blake3::Hasher::new().update(CONTEXT).update(body).finalize().as_bytes();
        Ok(Self { manifest, hash: ManifestHash(hash), bytes: bytes.to_vec() })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> ManifestHash {
        self.hash
    }

    /// Its exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn split(bytes: &[u8]) -> Result<(Signature, &[u8]), ManifestError> {
    let rest = bytes.strip_prefix(&MANIFEST_MAGIC).ok_or(ManifestError::Magic)?;
    let (signature, body) = rest.split_first_chunk::<SIGNATURE_BYTES>().ok_or(ManifestError::Magic)?;
    Ok((Signature::from_bytes(signature), body))
}
