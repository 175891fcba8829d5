//! What a breach's vault file opens with (SPEC.md section "Vault").

use crate::codec::{CodecError, Control, Decode, Encode, rule};
use crate::limits::{CLASSES_MAX, LABEL_BITS_MAX};
use crate::manifest::{is_breach_id, is_class};

/// The header of a vault file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VaultHeader {
    /// The OPRF key of its elements.
    pub key_id: [u8; 8],
    /// The breach.
    pub breach: String,
    /// Data classes exposed for every entry.
    pub exposes: Vec<String>,
    /// Data classes exposed for some entries: class i is bit i of a label. A bit, once given, keeps its meaning.
    pub varies: Vec<String>,
}

impl Control for VaultHeader {
    const NAME: &'static str = "vault header";

    fn check(&self) -> Result<(), CodecError> {
        let rule = |holds, reason| rule(Self::NAME, holds, reason);
        rule(is_breach_id(&self.breach), "the breach id cannot be one")?;
        rule(
            self.varies.len() <= usize::from(LABEL_BITS_MAX),
            "too many classes vary for a label of 32 bits",
        )?;
        rule(self.exposes.len() + self.varies.len() <= CLASSES_MAX, "too many data classes")?;
        let classes = || self.exposes.iter().chain(&self.varies);
        rule(classes().all(|class| is_class(class)), "a data class cannot be one")?;
        let repeated =
            classes().enumerate().any(|(i, class)| classes().skip(i + 1).any(|other| other == class));
        rule(!repeated, "a data class is named twice")
    }
}
