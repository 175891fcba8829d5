//! Unblinding a rekeying whose proof was not verified would let a server forge what a bank keeps.
use samar_protocol::oprf::BlindedElements;

fn unblind_at_once(blinded: BlindedElements) {
    let _ = blinded.unblind();
}

fn main() {}
