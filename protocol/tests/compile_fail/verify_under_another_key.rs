//! An answer is verified under the key that the blinds were made for, and no other can be named.
use samar_protocol::oprf::{Blinded, Proof, PublicKey};

fn another(blinded: Blinded, key: &PublicKey, evaluated: &[[u8; 32]], proof: &Proof) {
    let _ = blinded.verify(key, evaluated, proof);
}

fn main() {}
