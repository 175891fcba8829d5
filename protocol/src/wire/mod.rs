//! Requests and responses, as bytes on a QUIC stream (SPEC.md section "The wire").
//!
//! One bidirectional stream carries one exchange. Each direction is: version (u8) ‖ kind (u8) ‖ control length (u32 LE) ‖
//! control (bincode) ‖ bulk (raw), and then the end of the stream. The control structure says how long the bulk is, so a
//! reader knows every length before it allocates.

mod refusal;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use refusal::{Refusal, RefusalCode};
pub use request::{
    AllowanceRequest, EvaluateRequest, FetchRequest, HintRequest, JoinRequest, LookupRequest,
    ManifestRequest, RekeyRequest, Request, RequestKind,
};
pub use response::{
    Allowance, EXTENSION_BACKEND, Evaluated, Fetched, HintSent, Joined, LookedUp, ManifestSent, Rekeyed,
    Response,
};

use crate::codec::{self, CodecError, Control};
use crate::limits::{CONTROL_BYTES_MAX, PREAMBLE_BYTES};

/// ALPN of this version, on QUIC and wherever else the frames travel.
pub const ALPN: &[u8] = b"samar/1";

/// The name in every server certificate. Servers are told apart by their certificate authority, which the invitation
/// pins, so that an address may change without a new certificate.
pub const SERVER_NAME: &str = "samar-server";

/// Version byte that opens every request and response.
pub const VERSION: u8 = 1;

/// Kind byte of a refusal.
pub const KIND_REFUSAL: u8 = 0xff;

/// The bit that turns a request's kind into that of its response.
pub const KIND_RESPONSE: u8 = 0x80;

/// Why bytes from a peer were refused before their content mattered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Another version of the protocol.
    #[error("protocol version {got}, this side speaks {VERSION}")]
    Version {
        /// Version byte received.
        got: u8,
    },
    /// A kind that does not exist, or is not the answer to what was asked.
    #[error("message kind {got:#04x} is unknown or out of place")]
    Kind {
        /// Kind byte received.
        got: u8,
    },
    /// A control structure longer than any may be.
    #[error("a control structure of {bytes} bytes, at most {CONTROL_BYTES_MAX} are allowed")]
    ControlTooLong {
        /// Length announced.
        bytes: u32,
    },
    /// A control structure that cannot be read or breaks a rule.
    #[error(transparent)]
    Control(#[from] CodecError),
}

/// The first bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// What the message is.
    pub kind: u8,
    /// Bytes of control structure that follow.
    pub control_bytes: u32,
}

impl Preamble {
    /// Reads version, kind and control length, and refuses a foreign version or an oversized control structure.
    ///
    /// # Errors
    /// [`WireError::Version`], [`WireError::ControlTooLong`].
    pub fn parse(bytes: [u8; PREAMBLE_BYTES]) -> Result<Self, WireError> {
        let [version, kind, a, b, c, d] = bytes;
        if version != VERSION {
            return Err(WireError::Version { got: version });
        }
        let control_bytes = u32::from_le_bytes([a, b, c, d]);
        if control_bytes as usize > CONTROL_BYTES_MAX {
            return Err(WireError::ControlTooLong { bytes: control_bytes });
        }
        Ok(Self { kind, control_bytes })
    }
}

/// Preamble and control structure of a message; bulk bytes follow on the stream.
fn head<T: Control>(kind: u8, control: &T) -> Result<Vec<u8>, CodecError> {
    let control = codec::encode(control)?;
    let length = u32::try_from(control.len()).map_err(|_| CodecError::TooLong {
        what: T::NAME,
        bytes: control.len(),
        bytes_max: T::BYTES_MAX,
    })?;
    Ok([[VERSION, kind].as_slice(), &length.to_le_bytes(), &control].concat())
}
