//! What RFC 9497 does where this project does otherwise: key derivation, batch weights, proof and Finalize. Compiled for
//! tests only: the RFC's vectors run through it over our blinding and evaluation, and `tests::forgery` fells its weights.

use curve25519_dalek::{RistrettoPoint, Scalar, constants::RISTRETTO_BASEPOINT_POINT};
use sha2::{Digest as _, Sha512};

use super::PublicKey;

const CONTEXT: &[u8] = b"OPRFV1-\x01-ristretto255-SHA512";

/// DeriveKeyPair, section 3.2.1: the secret scalar.
pub(super) fn derive_key(seed: &[u8; 32], info: &[u8]) -> Scalar {
    let mut input = seed.to_vec();
    input.extend(length_prefix(info.len()));
    input.extend(info);
    input.push(0); // the counter; the first try is non-zero for every published vector
    hash_to_scalar(&input, b"DeriveKeyPair")
}

/// The weights d[i] of ComputeComposites, section 2.2.1: from the public key and the pair alone.
pub(super) fn weights(public: &PublicKey, blinded: &[[u8; 32]], evaluated: &[[u8; 32]]) -> Vec<Scalar> {
    let mut seed_dst = b"Seed-".to_vec();
    seed_dst.extend(CONTEXT);
    let seed: [u8; 64] = Sha512::new()
        .chain_update(length_prefix(32))
        .chain_update(public.to_bytes())
        .chain_update(length_prefix(seed_dst.len()))
        .chain_update(&seed_dst)
        .finalize()
        .into();
    let weight = |(i, (c, d)): (usize, (&[u8; 32], &[u8; 32]))| weight(&seed, i, c, d);
    blinded.iter().zip(evaluated).enumerate().map(weight).collect()
}

fn weight(seed: &[u8; 64], i: usize, c: &[u8; 32], d: &[u8; 32]) -> Scalar {
    let mut transcript = length_prefix(64).to_vec();
    transcript.extend(seed);
    transcript.extend(length_prefix(i));
    for element in [c, d] {
        transcript.extend(length_prefix(32));
        transcript.extend(element);
    }
    transcript.extend(b"Composite");
    hash_to_scalar(&transcript, b"HashToScalar-")
}

/// GenerateProof, section 2.2.1, with a given random scalar: challenge ‖ response.
pub(super) fn prove(
    k: &Scalar,
    public: &PublicKey,
    blinded: &[[u8; 32]],
    evaluated: &[[u8; 32]],
    r: &Scalar,
) -> [u8; 64] {
    let decode = |e: &[u8; 32]| *PublicKey::from_bytes(e).unwrap().point();
    let m: RistrettoPoint =
        weights(public, blinded, evaluated).iter().zip(blinded).map(|(d, c)| decode(c) * d).sum();
    let z = m * k;
    let mut transcript = Vec::new();
    for point in [*public.point(), m, z, RISTRETTO_BASEPOINT_POINT * r, m * r] {
        transcript.extend(length_prefix(32));
        transcript.extend(point.compress().as_bytes());
    }
    transcript.extend(b"Challenge");
    let c = hash_to_scalar(&transcript, b"HashToScalar-");
    let s = r - c * k;
    let mut proof = [0; 64];
    proof[..32].copy_from_slice(c.as_bytes());
    proof[32..].copy_from_slice(s.as_bytes());
    proof
}

/// Finalize, section 3.3.1, from the unblinded element on.
pub(super) fn finalize(input: &[u8], element: &[u8; 32]) -> [u8; 64] {
    Sha512::new()
        .chain_update(length_prefix(input.len()))
        .chain_update(input)
        .chain_update(length_prefix(32))
        .chain_update(element)
        .chain_update(b"Finalize")
        .finalize()
        .into()
}

fn length_prefix(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

/// HashToScalar, section 4.1: expand_message_xmd with SHA-512 to 64 bytes, reduced.
fn hash_to_scalar(message: &[u8], prefix: &[u8]) -> Scalar {
    let mut dst = prefix.to_vec();
    dst.extend(CONTEXT);
    let dst_length = [u8::try_from(dst.len()).unwrap()];
    let b_0 = Sha512::new()
        .chain_update([0; 128])
        .chain_update(message)
        .chain_update([0, 64, 0])
        .chain_update(&dst)
        .chain_update(dst_length)
        .finalize();
    let b_1 = Sha512::new().chain_update(b_0).chain_update([1]).chain_update(&dst).chain_update(dst_length);
    Scalar::from_bytes_mod_order_wide(&b_1.finalize().into())
}
