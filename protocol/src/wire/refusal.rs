//! Refusals: one table of codes, names and texts.

use crate::codec::{CodecError, Control, Decode, Encode, Extension, check_extensions, rule};
use crate::limits::TEXT_BYTES_MAX;

/// Declares the table once: wire number, name, and what the peer is told unless there is more to say.
macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $text:literal;)*) => {
        /// Why the operator refused. The peer hears no more than the code's text; the operator's log keeps the detail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum RefusalCode {
            $($(#[$doc])* $variant = $number,)*
        }

        impl RefusalCode {
            /// Every code, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Name in documents and logs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the peer is told.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

refusal_codes! {
    /// The bytes are not a request.
    Malformed = 1, "malformed", "the request cannot be read";
    /// A version, kind or suite that this server does not speak.
    Unsupported = 2, "unsupported", "this server does not know that version, kind or suite";
    /// No client certificate, where one is needed.
    Unauthenticated = 3, "unauthenticated", "a bank's certificate is needed: join first";
    /// A certificate of no enrolled bank.
    NotEnrolled = 4, "not-enrolled", "this certificate belongs to no enrolled bank: ask the operator";
    /// The token is unknown, used or expired; which of them is not said.
    InvitationInvalid = 5, "invitation-invalid",
        "the invitation is unknown, used or expired: ask the operator for a new one";
    /// The signing request is not one.
    SigningRequestInvalid = 6, "signing-request-invalid", "the signing request cannot be used";
    /// An element is not canonical or is the identity.
    ElementInvalid = 7, "element-invalid", "a blinded element is not canonical or is the identity";
    /// Another OPRF key.
    KeyUnknown = 8, "key-unknown", "the set was published under another key: sync first";
    /// No such manifest.
    EpochUnknown = 9, "epoch-unknown", "no manifest of that epoch is published";
    /// No such segment, or a range past its end.
    RangeUnknown = 10, "range-unknown", "no such segment, or a range past its end: sync first";
    /// The day's allowance does not cover the batch.
    DayAllowanceUsed = 11, "day-allowance-used",
        "today's allowance does not cover this batch; a new day begins at 00:00 UTC";
    /// The lifetime allowance does not cover the batch.
    LifetimeAllowanceUsed = 12, "lifetime-allowance-used",
        "the lifetime allowance does not cover this batch: ask the operator";
    /// Too much work is queued.
    Busy = 13, "busy", "the server is busy";
    /// The server is shutting down.
    Draining = 14, "draining", "the server is going down";
    /// Something failed on the server's side; nothing was charged that is not durable.
    Internal = 15, "internal", "the server failed; the operator's log has the reason";
    /// The peer took too long over a request.
    TooSlow = 16, "too-slow", "the request did not arrive in time";
    /// The segment has no hint.
    LookupNone = 17, "lookup-none", "there is no private lookup in that segment: sync it";
    /// The day's lookups are used up.
    LookupAllowanceUsed = 18, "lookup-allowance-used",
        "today's private lookups are used up; a new day begins at 00:00 UTC";
}

impl RefusalCode {
    /// The code of that wire number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| *code as u16 == number)
    }
}

/// A refusal as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// Wire number of a [`RefusalCode`]; a client shows one it does not know by its text.
    pub code: u16,
    /// What to show.
    pub text: String,
    /// When to try again, milliseconds from now, where that helps.
    pub retry_after_ms: Option<u32>,
    /// Additions.
    pub extensions: Vec<Extension>,
}

impl Refusal {
    /// A refusal with its code's own text.
    #[must_use]
    pub fn new(code: RefusalCode) -> Self {
        Self { code: code as u16, text: code.text().to_owned(), retry_after_ms: None, extensions: Vec::new() }
    }

    /// The same, to be tried again after so many milliseconds.
    #[must_use]
    pub fn retry_after_ms(mut self, milliseconds: u32) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// The code, where this version knows it.
    #[must_use]
    pub fn code(&self) -> Option<RefusalCode> {
        RefusalCode::from_number(self.code)
    }
}

impl Control for Refusal {
    const NAME: &'static str = "refusal";

    fn check(&self) -> Result<(), CodecError> {
        let printable = self.text.len() <= TEXT_BYTES_MAX && !self.text.chars().any(char::is_control);
        rule(Self::NAME, printable, "the text is too long or not printable")?;
        check_extensions(Self::NAME, &self.extensions)
    }
}
