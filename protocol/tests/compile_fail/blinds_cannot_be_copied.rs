//! A copy of a batch would be a second use of its blinds.
use samar_protocol::oprf::Blinded;

fn copy(blinded: &Blinded) -> Blinded {
    blinded.clone()
}

fn main() {}
