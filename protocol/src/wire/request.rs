//! What a bank may ask.

use super::{WireError, head};
use crate::codec::{self, CodecError, Control, Decode, Encode, Extension, check_extensions, rule};
use crate::limits::{
    BATCH_ELEMENTS_MAX, CERTIFICATE_BYTES_MAX, ELEMENT_BYTES, FETCH_BYTES_MAX, LOOKUP_PAGES_MAX,
};
use crate::lookup::query_bytes;

/// Kind byte of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RequestKind {
    /// Trade an invitation for a certificate; the only request a peer without one may make.
    Join = 1,
    /// A signed manifest.
    Manifest = 2,
    /// A range of a segment file.
    Fetch = 3,
    /// Evaluate blinded elements.
    Evaluate = 4,
    /// Take elements of the previous key to the newest.
    Rekey = 5,
    /// A range of the hint of a segment's private lookups.
    Hint = 6,
    /// A private lookup.
    Lookup = 7,
    /// What is left of the bank's allowance.
    Allowance = 8,
}

/// Asks for a certificate.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinRequest {
    /// One-time token of the invitation, or [`JoinRequest::RENEWAL`].
    pub token: [u8; 32],
    /// PKCS #10 certificate signing request, DER. Only its public key is used.
    pub csr: Vec<u8>,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks for a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ManifestRequest {
    /// Its epoch; the newest where none is given.
    pub epoch: Option<u64>,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks for bytes of a segment file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FetchRequest {
    /// Root of the segment.
    pub root: [u8; 32],
    /// First byte.
    pub offset: u64,
    /// Bytes from there, 1 to [`FETCH_BYTES_MAX`].
    pub length: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks for an evaluation. The bulk is `count` blinded elements of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EvaluateRequest {
    /// OPRF suite.
    pub suite: u16,
    /// The key that the client pinned.
    pub key_id: [u8; 8],
    /// Epoch of the manifest that the client pinned it from, counted from 1.
    pub epoch: u64,
    /// Number of elements.
    pub count: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks for a rekeying. The bulk is `count` blinded elements of 32 bytes: of elements under the previous key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RekeyRequest {
    /// OPRF suite.
    pub suite: u16,
    /// The key that the elements are under.
    pub from_key_id: [u8; 8],
    /// The key that they are to be under.
    pub to_key_id: [u8; 8],
    /// Epoch of the manifest that the client pinned both from, counted from 1.
    pub epoch: u64,
    /// Number of elements.
    pub count: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks for bytes of a hint.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HintRequest {
    /// Root of the segment.
    pub root: [u8; 32],
    /// First byte.
    pub offset: u64,
    /// Bytes from there, 1 to [`FETCH_BYTES_MAX`].
    pub length: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks for a page without saying which. The bulk is a number of 28 bits for each page.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LookupRequest {
    /// Root of the segment.
    pub root: [u8; 32],
    /// Pages of the segment, 1 to [`LOOKUP_PAGES_MAX`].
    pub pages: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Asks what is left.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AllowanceRequest {
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// A request, without its bulk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// See [`JoinRequest`].
    Join(JoinRequest),
    /// See [`ManifestRequest`].
    Manifest(ManifestRequest),
    /// See [`FetchRequest`].
    Fetch(FetchRequest),
    /// See [`EvaluateRequest`].
    Evaluate(EvaluateRequest),
    /// See [`RekeyRequest`].
    Rekey(RekeyRequest),
    /// See [`HintRequest`].
    Hint(HintRequest),
    /// See [`LookupRequest`].
    Lookup(LookupRequest),
    /// See [`AllowanceRequest`].
    Allowance(AllowanceRequest),
}

impl Request {
    /// Reads the control structure of a request of this kind.
    ///
    /// # Errors
    /// [`WireError::Kind`], [`WireError::Control`].
    pub fn decode(kind: u8, control: &[u8]) -> Result<Self, WireError> {
        Ok(match kind {
            k if k == RequestKind::Join as u8 => Self::Join(codec::decode(control)?),
            k if k == RequestKind::Manifest as u8 => Self::Manifest(codec::decode(control)?),
            k if k == RequestKind::Fetch as u8 => Self::Fetch(codec::decode(control)?),
            k if k == RequestKind::Evaluate as u8 => Self::Evaluate(codec::decode(control)?),
            k if k == RequestKind::Rekey as u8 => Self::Rekey(codec::decode(control)?),
            k if k == RequestKind::Hint as u8 => Self::Hint(codec::decode(control)?),
            k if k == RequestKind::Lookup as u8 => Self::Lookup(codec::decode(control)?),
            k if k == RequestKind::Allowance as u8 => Self::Allowance(codec::decode(control)?),
            got => return Err(WireError::Kind { got }),
        })
    }

    /// Preamble and control structure; the bulk follows it on the stream.
    ///
    /// # Errors
    /// [`CodecError`] if the request breaks a rule.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let kind = self.kind() as u8;
        match self {
            Self::Join(control) => head(kind, control),
            Self::Manifest(control) => head(kind, control),
            Self::Fetch(control) => head(kind, control),
            Self::Evaluate(control) => head(kind, control),
            Self::Rekey(control) => head(kind, control),
            Self::Hint(control) => head(kind, control),
            Self::Lookup(control) => head(kind, control),
            Self::Allowance(control) => head(kind, control),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Join(_) => RequestKind::Join,
            Self::Manifest(_) => RequestKind::Manifest,
            Self::Fetch(_) => RequestKind::Fetch,
            Self::Evaluate(_) => RequestKind::Evaluate,
            Self::Rekey(_) => RequestKind::Rekey,
            Self::Hint(_) => RequestKind::Hint,
            Self::Lookup(_) => RequestKind::Lookup,
            Self::Allowance(_) => RequestKind::Allowance,
        }
    }

    /// Bytes of bulk that follow the control structure.
    #[must_use]
    pub fn bulk_bytes(&self) -> usize {
        match self {
            Self::Evaluate(EvaluateRequest { count, .. }) | Self::Rekey(RekeyRequest { count, .. }) => {
                *count as usize * ELEMENT_BYTES
            }
            Self::Lookup(control) => query_bytes(control.pages),
            _ => 0,
        }
    }
}

impl JoinRequest {
    /// In place of a token where a bank that shows its certificate asks for another of the same key.
    pub const RENEWAL: [u8; 32] = [0; 32];
}

impl core::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "JoinRequest(token redacted, csr of {} bytes)", self.csr.len())
    }
}

impl Control for JoinRequest {
    const NAME: &'static str = "join request";

    fn check(&self) -> Result<(), CodecError> {
        let length = 1..=CERTIFICATE_BYTES_MAX;
        rule(Self::NAME, length.contains(&self.csr.len()), "the signing request is empty or too long")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for ManifestRequest {
    const NAME: &'static str = "manifest request";

    fn check(&self) -> Result<(), CodecError> {
        rule(Self::NAME, self.epoch != Some(0), "epochs are counted from 1")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for FetchRequest {
    const NAME: &'static str = "fetch request";

    fn check(&self) -> Result<(), CodecError> {
        rule(Self::NAME, (1..=FETCH_BYTES_MAX).contains(&self.length), "the range is empty or too long")?;
        rule(Self::NAME, self.offset.checked_add(self.length.into()).is_some(), "the range passes 2^64")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for EvaluateRequest {
    const NAME: &'static str = "evaluate request";

    fn check(&self) -> Result<(), CodecError> {
        let size = 1..=BATCH_ELEMENTS_MAX;
        rule(Self::NAME, self.epoch != 0, "epochs are counted from 1")?;
        rule(Self::NAME, size.contains(&(self.count as usize)), "a batch holds 1 to 65,535 elements")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for RekeyRequest {
    const NAME: &'static str = "rekey request";

    fn check(&self) -> Result<(), CodecError> {
        let size = 1..=BATCH_ELEMENTS_MAX;
        rule(Self::NAME, self.epoch != 0, "epochs are counted from 1")?;
        rule(Self::NAME, self.from_key_id != self.to_key_id, "it leads from a key to the same key")?;
        rule(Self::NAME, size.contains(&(self.count as usize)), "a batch holds 1 to 65,535 elements")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for HintRequest {
    const NAME: &'static str = "hint request";

    fn check(&self) -> Result<(), CodecError> {
        rule(Self::NAME, (1..=FETCH_BYTES_MAX).contains(&self.length), "the range is empty or too long")?;
        rule(Self::NAME, self.offset.checked_add(self.length.into()).is_some(), "the range passes 2^64")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for LookupRequest {
    const NAME: &'static str = "lookup request";

    fn check(&self) -> Result<(), CodecError> {
        let pages = 1..=LOOKUP_PAGES_MAX;
        rule(Self::NAME, pages.contains(&self.pages), "a lookup is over 1 to 200,000 pages")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for AllowanceRequest {
    const NAME: &'static str = "allowance request";

    fn check(&self) -> Result<(), CodecError> {
        check_extensions(Self::NAME, &self.extensions)
    }
}
