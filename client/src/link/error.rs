//! What can go wrong between the bank and the server, by whose fault it is.

use quinn::{ConnectionError, TransportErrorCode};
use samar_local::exit::{Exit, Failure};
use samar_protocol::wire::{Refusal, RefusalCode};

use crate::people::wait;

/// Why an exchange failed.
#[derive(Debug)]
pub enum LinkError {
    /// Nobody there, or the connection broke.
    Away {
        /// Whom it was with.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The server declined, and said why.
    Refused {
        /// Its words.
        refusal: Refusal,
    },
    /// The server does not follow the protocol, or is not the operator's.
    Lied {
        /// Whom it was with.
        address: String,
        /// The lie.
        what: String,
    },
}

// TLS alerts (RFC 8446 section 6.2). All but the last two say that the server does not take the client's certificate;
// the first two are the ends of a range.
const ALERT_BAD_CERTIFICATE: u64 = 42;
const ALERT_CERTIFICATE_UNKNOWN: u64 = 46;
const ALERT_UNKNOWN_CA: u64 = 48;
const ALERT_ACCESS_DENIED: u64 = 49;
/// A signature that does not verify: also how a certificate looks whose authority only has the right name.
const ALERT_DECRYPT_ERROR: u64 = 51;
const ALERT_CERTIFICATE_REQUIRED: u64 = 116;
const ALERT_HANDSHAKE_FAILURE: u64 = 40;
const ALERT_NO_APPLICATION_PROTOCOL: u64 = 120;
/// TLS alerts travel as QUIC error codes from here on (RFC 9001 section 4.8).
const CRYPTO_ERROR: std::ops::Range<u64> = 0x100..0x200;

impl LinkError {
    #[allow(clippy::needless_pass_by_value)] // errors and texts alike, without a borrow at each call
    pub(super) fn away(address: &str, reason: impl ToString) -> Self {
        Self::Away { address: address.to_owned(), reason: reason.to_string() }
    }

    #[allow(clippy::needless_pass_by_value)] // errors and texts alike, without a borrow at each call
    pub(crate) fn lied(address: &str, what: impl ToString) -> Self {
        Self::Lied { address: address.to_owned(), what: what.to_string() }
    }

    /// Tells a foreign server and a refused certificate from a broken network.
    pub(super) fn from_connection(address: &str, error: &ConnectionError) -> Self {
        let alert = |code: TransportErrorCode| {
            let code = u64::from(code);
            CRYPTO_ERROR.contains(&code).then(|| code - CRYPTO_ERROR.start)
        };
        match error {
            // Found by this side.
            ConnectionError::TransportError(found) if alert(found.code).is_some() => {
                let what =
                    format!("its certificate is not the pinned operator's, or TLS failed: {}", found.reason);
                Self::lied(address, what)
            }
            ConnectionError::TransportError(found) => Self::lied(address, found),
            // Said by the other side.
            ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Self::Refused { refusal: Refusal::new(RefusalCode::Busy) }
            }
            ConnectionError::ConnectionClosed(close) => match alert(close.error_code) {
                Some(
                    ALERT_BAD_CERTIFICATE..=ALERT_CERTIFICATE_UNKNOWN
                    | ALERT_UNKNOWN_CA
                    | ALERT_ACCESS_DENIED
                    | ALERT_DECRYPT_ERROR
                    | ALERT_CERTIFICATE_REQUIRED,
                ) => {
                    let mut refusal = Refusal::new(RefusalCode::NotEnrolled);
                    "the server does not take this bank's certificate: expired, revoked, or of another operator"
                        .clone_into(&mut refusal.text);
                    Self::Refused { refusal }
                }
                Some(ALERT_HANDSHAKE_FAILURE) => {
                    Self::away(address, "no key exchange in common (see key_exchange in samar.toml)")
                }
                Some(ALERT_NO_APPLICATION_PROTOCOL) => {
                    Self::away(address, "it does not speak this version of Samar")
                }
                _ => Self::away(address, format!("it closed the connection ({})", close.error_code)),
            },
            // The reason's bytes are the peer's and are not shown; its code is looked up in our own table.
            ConnectionError::ApplicationClosed(close) => {
                let code = u16::try_from(close.error_code.into_inner()).ok();
                match code.and_then(RefusalCode::from_number) {
                    Some(code) => Self::Refused { refusal: Refusal::new(code) },
                    None => Self::away(address, "it closed the connection"),
                }
            }
            ConnectionError::TimedOut => Self::away(address, "the connection timed out"),
            other => Self::away(address, other),
        }
    }

    /// The refusal's code, if the server refused and this version knows the code.
    #[must_use]
    pub fn refusal_code(&self) -> Option<RefusalCode> {
        match self {
            Self::Refused { refusal } => refusal.code(),
            Self::Away { .. } | Self::Lied { .. } => None,
        }
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Away { address, reason } => {
                Failure::network(format!("cannot reach the server at {address}: {reason}"))
                    .remedy("check the address in samar.toml, and that UDP to that port is let through")
            }
            Self::Refused { refusal } => {
                let mut what = format!("the server refused: {}", refusal.text);
                if let Some(ms) = refusal.retry_after_ms {
                    what.push_str(&format!(" (again in {})", wait(u64::from(ms).div_ceil(1_000))));
                }
                let failure = Failure::new(Exit::Refused, what);
                match refusal.code() {
                    Some(RefusalCode::KeyUnknown | RefusalCode::RangeUnknown | RefusalCode::LookupNone) => {
                        failure.remedy("samar sync")
                    }
                    _ => failure,
                }
            }
            Self::Lied { address, what } => {
                Failure::peer(format!("the server at {address} misbehaved: {what}"))
                    .remedy("tell the operator; nothing that it sent was used")
            }
        }
    }
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Away { reason, .. } => f.write_str(reason),
            Self::Refused { refusal } => f.write_str(&refusal.text),
            Self::Lied { what, .. } => f.write_str(what),
        }
    }
}

impl std::error::Error for LinkError {}
