//! What the operator answers.

use super::{KIND_REFUSAL, KIND_RESPONSE, Refusal, RequestKind, WireError, head};
use crate::codec::{self, CodecError, Control, Decode, Encode, Extension, check_extensions, rule};
use crate::limits::{
    BATCH_ELEMENTS_MAX, CERTIFICATE_BYTES_MAX, ELEMENT_BYTES, FETCH_BYTES_MAX, NAME_BYTES_MAX,
    PAGE_BYTES_ALLOWED,
};
use crate::lookup::answer_bytes;
use crate::manifest::SignedManifest;
use crate::oprf::PROOF_BYTES;

/// Answers `join`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Joined {
    /// Name of the bank's account.
    pub bank: String,
    /// The certificate for the key that signed the request, DER.
    pub certificate: Vec<u8>,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `manifest`. The bulk is the manifest file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ManifestSent {
    /// Bytes of bulk.
    pub length: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `fetch`. The bulk is the range asked for, whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fetched {
    /// Bytes of bulk: as many as were asked for.
    pub length: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `evaluate`. The bulk is `count` evaluated elements of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Evaluated {
    /// Number of elements: as many as were sent.
    pub count: u32,
    /// Batch proof: challenge ‖ response.
    pub proof: [u8; PROOF_BYTES],
    /// Evaluations charged for this request; 0 where the same batch was charged before.
    pub charged: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `rekey`. The bulk is `count` rekeyed elements of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rekeyed {
    /// Number of elements: as many as were sent.
    pub count: u32,
    /// Batch proof over both keys: challenge ‖ response.
    pub proof: [u8; PROOF_BYTES],
    /// Rekeyings charged for this request, to the day alone; 0 where the same batch was charged before.
    pub charged: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `hint`. The bulk is the range asked for, whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HintSent {
    /// Bytes of bulk: as many as were asked for.
    pub length: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `lookup`. The bulk is a number of 13 bits for each byte of a page.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LookedUp {
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Additions.
    pub extensions: Vec<Extension>,
}

/// Answers `allowance`: evaluations, as counted by the account log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Allowance {
    /// Allowed in a day (UTC).
    pub per_day: u64,
    /// Allowed in the whole relation.
    pub lifetime: u64,
    /// Used today.
    pub used_today: u64,
    /// Used in the whole relation.
    pub used_lifetime: u64,
    /// When the next day begins, seconds since 1970 UTC.
    pub next_day_s: u64,
    /// Additions: [`EXTENSION_BACKEND`] may be among them.
    pub extensions: Vec<Extension>,
}

/// Extension of [`Allowance`]: name of the arithmetic that the server computes with, 1 to 32 printable ASCII characters.
/// For a measurement to name; nothing depends on it.
pub const EXTENSION_BACKEND: u16 = 1;

/// Bytes of the name in an [`EXTENSION_BACKEND`].
const BACKEND_BYTES: core::ops::RangeInclusive<usize> = 1..=32;

impl Allowance {
    /// Evaluations that can still be charged today.
    #[must_use]
    pub fn left(&self) -> u64 {
        let today = self.per_day.saturating_sub(self.used_today);
        today.min(self.lifetime.saturating_sub(self.used_lifetime))
    }

    /// The server's arithmetic, where it says so in a form that can be shown.
    #[must_use]
    pub fn backend(&self) -> Option<&str> {
        let named = self.extensions.iter().find(|extension| extension.id == EXTENSION_BACKEND)?;
        let printable = named.bytes.iter().all(u8::is_ascii_graphic);
        let name = (printable && BACKEND_BYTES.contains(&named.bytes.len())).then_some(&named.bytes)?;
        core::str::from_utf8(name).ok()
    }
}

/// A response, without its bulk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// See [`Joined`].
    Joined(Joined),
    /// See [`ManifestSent`].
    Manifest(ManifestSent),
    /// See [`Fetched`].
    Fetched(Fetched),
    /// See [`Evaluated`].
    Evaluated(Evaluated),
    /// See [`Rekeyed`].
    Rekeyed(Rekeyed),
    /// See [`HintSent`].
    Hint(HintSent),
    /// See [`LookedUp`].
    LookedUp(LookedUp),
    /// See [`Allowance`].
    Allowance(Allowance),
    /// The request was not carried out, and nothing was charged.
    Refused(Refusal),
}

impl Response {
    /// Reads the control structure of the response to a request of kind `asked`.
    ///
    /// # Errors
    /// [`WireError::Kind`] if it is neither that response nor a refusal, [`WireError::Control`].
    pub fn decode(asked: RequestKind, kind: u8, control: &[u8]) -> Result<Self, WireError> {
        if kind == KIND_REFUSAL {
            return Ok(Self::Refused(codec::decode(control)?));
        }
        if kind != KIND_RESPONSE | asked as u8 {
            return Err(WireError::Kind { got: kind });
        }
        Ok(match asked {
            RequestKind::Join => Self::Joined(codec::decode(control)?),
            RequestKind::Manifest => Self::Manifest(codec::decode(control)?),
            RequestKind::Fetch => Self::Fetched(codec::decode(control)?),
            RequestKind::Evaluate => Self::Evaluated(codec::decode(control)?),
            RequestKind::Rekey => Self::Rekeyed(codec::decode(control)?),
            RequestKind::Hint => Self::Hint(codec::decode(control)?),
            RequestKind::Lookup => Self::LookedUp(codec::decode(control)?),
            RequestKind::Allowance => Self::Allowance(codec::decode(control)?),
        })
    }

    /// Preamble and control structure; the bulk follows it on the stream.
    ///
    /// # Errors
    /// [`CodecError`] if the response breaks a rule.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let kind = |request: RequestKind| KIND_RESPONSE | request as u8;
        match self {
            Self::Joined(control) => head(kind(RequestKind::Join), control),
            Self::Manifest(control) => head(kind(RequestKind::Manifest), control),
            Self::Fetched(control) => head(kind(RequestKind::Fetch), control),
            Self::Evaluated(control) => head(kind(RequestKind::Evaluate), control),
            Self::Rekeyed(control) => head(kind(RequestKind::Rekey), control),
            Self::Hint(control) => head(kind(RequestKind::Hint), control),
            Self::LookedUp(control) => head(kind(RequestKind::Lookup), control),
            Self::Allowance(control) => head(kind(RequestKind::Allowance), control),
            Self::Refused(control) => head(KIND_REFUSAL, control),
        }
    }

    /// Bytes of bulk that follow the control structure.
    #[must_use]
    pub fn bulk_bytes(&self) -> usize {
        match self {
            Self::Manifest(control) => control.length as usize,
            Self::Fetched(control) => control.length as usize,
            Self::Evaluated(Evaluated { count, .. }) | Self::Rekeyed(Rekeyed { count, .. }) => {
                *count as usize * ELEMENT_BYTES
            }
            Self::Hint(control) => control.length as usize,
            Self::LookedUp(control) => answer_bytes(control.page_bytes),
            Self::Joined(_) | Self::Allowance(_) | Self::Refused(_) => 0,
        }
    }
}

impl Control for Joined {
    const NAME: &'static str = "join response";

    fn check(&self) -> Result<(), CodecError> {
        let name = 1..=NAME_BYTES_MAX;
        rule(Self::NAME, name.contains(&self.bank.len()), "the bank's name is empty or too long")?;
        let length = 1..=CERTIFICATE_BYTES_MAX;
        rule(Self::NAME, length.contains(&self.certificate.len()), "the certificate is empty or too long")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for ManifestSent {
    const NAME: &'static str = "manifest response";

    fn check(&self) -> Result<(), CodecError> {
        let length = 1..=SignedManifest::FILE_BYTES_MAX;
        rule(Self::NAME, length.contains(&(self.length as usize)), "the manifest is empty or too long")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for Fetched {
    const NAME: &'static str = "fetch response";

    fn check(&self) -> Result<(), CodecError> {
        rule(Self::NAME, (1..=FETCH_BYTES_MAX).contains(&self.length), "the range is empty or too long")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for Evaluated {
    const NAME: &'static str = "evaluate response";

    fn check(&self) -> Result<(), CodecError> {
        check_answer(Self::NAME, self.count, self.charged)?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for Rekeyed {
    const NAME: &'static str = "rekey response";

    fn check(&self) -> Result<(), CodecError> {
        check_answer(Self::NAME, self.count, self.charged)?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for HintSent {
    const NAME: &'static str = "hint response";

    fn check(&self) -> Result<(), CodecError> {
        rule(Self::NAME, (1..=FETCH_BYTES_MAX).contains(&self.length), "the range is empty or too long")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

impl Control for LookedUp {
    const NAME: &'static str = "lookup response";

    fn check(&self) -> Result<(), CodecError> {
        rule(Self::NAME, PAGE_BYTES_ALLOWED.contains(&self.page_bytes), "a page size that does not exist")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}

fn check_answer(what: &'static str, count: u32, charged: u32) -> Result<(), CodecError> {
    let size = 1..=BATCH_ELEMENTS_MAX;
    rule(what, size.contains(&(count as usize)), "a batch holds 1 to 65,535 elements")?;
    rule(what, charged == 0 || charged == count, "a batch is charged whole or not at all")
}

impl Control for Allowance {
    const NAME: &'static str = "allowance response";

    fn check(&self) -> Result<(), CodecError> {
        check_extensions(Self::NAME, &self.extensions)
    }
}
