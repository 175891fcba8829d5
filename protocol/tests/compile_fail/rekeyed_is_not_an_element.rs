//! What was rekeyed is not taken for what it was made of: the caller says when it changes keys.
use samar_protocol::oprf::{Element, VerifiedRekey};

fn mix(verified: VerifiedRekey) -> Vec<Element> {
    verified.unblind()
}

fn main() {}
