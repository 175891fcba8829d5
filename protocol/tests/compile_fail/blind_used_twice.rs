//! Two answers under one blind: after a first verification, failed or not, the batch is gone.
use samar_protocol::oprf::{Blinded, Proof, PublicKey};

fn try_again(blinded: Blinded, key: &PublicKey, evaluated: &[[u8; 32]], proof: &Proof) {
    let _ = blinded.verify(key, evaluated, proof);
    let _ = blinded.verify(key, evaluated, proof);
}

fn main() {}
