//! Unblinding an answer whose proof was not verified would let a server tag or forge answers.
use samar_protocol::oprf::Blinded;

fn unblind_at_once(blinded: Blinded) {
    let _ = blinded.unblind();
}

fn main() {}
