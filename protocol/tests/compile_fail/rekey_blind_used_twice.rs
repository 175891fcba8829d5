//! Two answers under one set of blinds: after a first verification, failed or not, the batch is gone.
use samar_protocol::oprf::{BlindedElements, Proof};

fn try_again(blinded: BlindedElements, rekeyed: &[[u8; 32]], proof: &Proof) {
    let _ = blinded.verify(rekeyed, proof);
    let _ = blinded.verify(rekeyed, proof);
}

fn main() {}
