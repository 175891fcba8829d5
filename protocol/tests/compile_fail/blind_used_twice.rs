//! Two answers under one blind: after a first verification, failed or not, the batch is gone.
use samar_protocol::oprf::{Blinded, Proof};

fn try_again(blinded: Blinded, evaluated: &[[u8; 32]], proof: &Proof) {
    let _ = blinded.verify(evaluated, proof);
    let _ = blinded.verify(evaluated, proof);
}

fn main() {}
