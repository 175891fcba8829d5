//! The enrolment file: what an operator hands a bank, and all a bank needs to pin (SPEC.md section "Invitation").
//!
//! TOML, so that a bank's security team can read what it is asked to trust.

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use crate::limits::TEXT_BYTES_MAX;
use crate::manifest::{self, Floor, ManifestHash, is_breach_id, is_line};

/// Bytes an invitation may have.
pub const INVITATION_BYTES_MAX: usize = 64 * 1024;

/// Why an invitation was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Not an invitation: the reason names the line, never the token.
    #[error("not a Samar invitation: {0}")]
    Malformed(String),
    /// A field that cannot be used.
    #[error("the invitation's `{field}` {reason}")]
    Field {
        /// Name in the file.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// How the bank comes by its certificate.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A one-time token to trade for one.
    Token([u8; 32]),
    /// Already issued, PEM, for a key that the bank made with its own means.
    Certificate(String),
}

/// An invitation whose fields were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The operator, a line for people.
    pub operator: String,
    /// Name of the bank's account.
    pub bank: String,
    /// Where the server listens: `host:port`.
    pub address: String,
    /// The operator's certificate authority, PEM: the only one this bank trusts for this server.
    pub ca_certificate: String,
    /// Key that signs manifests.
    pub publisher_key: VerifyingKey,
    /// The newest manifest when the invitation was written.
    pub floor: Floor,
    /// When the token runs out, seconds since 1970 UTC.
    pub expires_s: u64,
    /// Token or certificate.
    pub credential: Credential,
}

/// The file as it stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    samar_invitation: u32,
    operator: String,
    bank: String,
    address: String,
    publisher_key: String,
    floor_epoch: i64,
    floor_hash: String,
    expires_s: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    ca_certificate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
}

/// The names in [`File`].
const FIELDS: [&str; 11] = [
    "samar_invitation",
    "operator",
    "bank",
    "address",
    "publisher_key",
    "floor_epoch",
    "floor_hash",
    "expires_s",
    "token",
    "ca_certificate",
    "certificate",
];

impl Invitation {
    /// Reads an invitation.
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn parse(text: &str) -> Result<Self, InvitationError> {
        if text.len() > INVITATION_BYTES_MAX {
            return Err(InvitationError::Malformed(format!("over {INVITATION_BYTES_MAX} bytes")));
        }
        let file: File =
            toml::from_str(text).map_err(|error| InvitationError::Malformed(reason(&error, text)))?;
        let field = |field, reason| InvitationError::Field { field, reason };
        if file.samar_invitation != 1 {
            return Err(field(
                "samar_invitation",
                "is of a version that this program does not know; update Samar",
            ));
        }
        if !is_breach_id(&file.bank) {
            return Err(field("bank", "is not lower-case letters, digits and inner hyphens"));
        }
        let lines = [("operator", &file.operator), ("address", &file.address)];
        if let Some((name, _)) = lines.into_iter().find(|(_, text)| !is_line(text, TEXT_BYTES_MAX)) {
            return Err(field(name, "is empty, too long or not printable"));
        }
        let publisher_key =
            from_hex(&file.publisher_key)
                .and_then(|bytes| manifest::publisher_key(&bytes))
                .ok_or(field("publisher_key", "is not an Ed25519 key in 64 hexadecimal digits"))?;
        let floor_hash =
            from_hex(&file.floor_hash).ok_or(field("floor_hash", "is not 64 hexadecimal digits"))?;
        let number = |name, number: i64| u64::try_from(number).map_err(|_| field(name, "is below 0"));
        let floor_epoch = number("floor_epoch", file.floor_epoch)?;
        let expires_s = number("expires_s", file.expires_s)?;
        if (floor_epoch == 0) != (floor_hash == ManifestHash::NONE.0) {
            return Err(field("floor_hash", "is all zeros for `floor_epoch` 0, and for no other"));
        }
        let credential = match (file.token, file.certificate) {
            (Some(token), None) => {
                Credential::Token(from_hex(&token).ok_or(field("token", "is not 64 hexadecimal digits"))?)
            }
            (None, Some(certificate)) => Credential::Certificate(certificate),
            _ => return Err(field("token", "and `certificate`: exactly one of them must be there")),
        };
        Ok(Self {
            operator: file.operator,
            bank: file.bank,
            address: file.address,
            ca_certificate: file.ca_certificate,
            publisher_key,
            floor: Floor { epoch: floor_epoch, hash: ManifestHash(floor_hash) },
            expires_s,
            credential,
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`InvitationError::Malformed`] if a field cannot be written as TOML.
    pub fn to_text(&self) -> Result<String, InvitationError> {
        let (token, certificate) = match &self.credential {
            Credential::Token(token) => (Some(to_hex(token)), None),
            Credential::Certificate(pem) => (None, Some(pem.clone())),
        };
        let number = |name, number: u64| {
            let reason = "is above what TOML takes";
            i64::try_from(number).map_err(|_| InvitationError::Field { field: name, reason })
        };
        let file = File {
            samar_invitation: 1,
            operator: self.operator.clone(),
            bank: self.bank.clone(),
            address: self.address.clone(),
            publisher_key: to_hex(self.publisher_key.as_bytes()),
            floor_epoch: number("floor_epoch", self.floor.epoch)?,
            floor_hash: to_hex(&self.floor.hash.0),
            expires_s: number("expires_s", self.expires_s)?,
            token,
            ca_certificate: self.ca_certificate.clone(),
            certificate,
        };
        toml::to_string(&file).map_err(|error| InvitationError::Malformed(error.to_string()))
    }
}

impl core::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Invitation(bank {}, at {}, token redacted)", self.bank, self.address)
    }
}

/// The line and what is wrong there. What stands in the file is not quoted: a name or value of it may be the token, or hold
/// what a terminal obeys. Our own names and signs are.
fn reason(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let message = error.message();
    // Everything of the file stands between the first quote and the last of its kind.
    let quoted =
        message.split_once(['`', '"']).and_then(|(says, rest)| Some((says, rest.rsplit_once(['`', '"'])?.0)));
    let ours = |word: &str| FIELDS.contains(&word) || word.chars().all(|sign| sign.is_ascii_punctuation());
    match quoted {
        Some((says, word)) if !ours(word) => format!("line {line}: {}", says.trim_end()),
        _ => format!("line {line}: {message}"),
    }
}

/// 64 lower-case hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes from 64 hexadecimal digits.
#[must_use]
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Vec<u8> =
        pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect::<Option<_>>()?;
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            operator: "Badan Contoh".to_owned(),
            bank: "bank-a".to_owned(),
            address: "breach.example:4433".to_owned(),
            ca_certificate: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned(),
            publisher_key: ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key(),
            floor: Floor { epoch: 4, hash: ManifestHash([5; 32]) },
            expires_s: 1_800_000_000,
            credential: Credential::Token([0xab; 32]),
        }
    }

    #[test]
    fn reads_back_as_written() {
        let with_token = invitation();
        assert_eq!(Invitation::parse(&with_token.to_text().unwrap()), Ok(with_token));
        let mut with_certificate = invitation();
        with_certificate.credential = Credential::Certificate("PEM".to_owned());
        assert_eq!(Invitation::parse(&with_certificate.to_text().unwrap()), Ok(with_certificate));
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_the_token_not_shown() {
        let text = invitation().to_text().unwrap();
        let change = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            Invitation::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert!(change("samar_invitation = 1", "samar_invitation = 2").contains("update Samar"));
        assert!(change("floor_epoch = 4", "floor_epoch = -4").contains("`floor_epoch` is below 0"));
        assert!(change("publisher_key = \"", "publisher_key = \"zz").contains("publisher_key"));
        assert!(change("bank-a", "../bank").contains("bank"));
        assert!(change("Badan Contoh", "Badan\\u001b[2J").contains("operator"));
        assert!(change("floor_hash = \"05", "floor_hash = \"5").contains("floor_hash"));
        assert!(change("floor_epoch = 4", "floor_epoch = 0").contains("floor_hash"));
        assert!(change("operator = ", "unknown = 1\noperator = ").contains("unknown field"));
        for message in [
            change("token = \"ab", "token = \"xy"),
            change("token = \"abab", "token = \"abab\u{1}"),
            change("token = \"abab", "abab_token = \"abab"),
            change("token = \"abab", "token = [\"abab\"]\nother = \"abab"),
            change("expires_s = 18", "expires_s = \"abab`\\u001b[2J\" #"),
            change("token = ", "\"abab\\u001b[2J\" = 1\ntoken = "),
        ] {
            assert!(!message.contains("abab") && !message.contains('\u{1b}'), "{message}");
        }
        assert!(change("bank = ", "bink = ").ends_with("line 3: unknown field"));
        let without_bank =
            text.lines().filter(|line| !line.starts_with("bank")).collect::<Vec<_>>().join("\n");
        assert!(Invitation::parse(&without_bank).unwrap_err().to_string().contains("missing field `bank`"));
        assert!(Invitation::parse(&"x".repeat(INVITATION_BYTES_MAX + 1)).is_err());
        assert!(!format!("{:?}", invitation()).contains("171"));
    }
}
