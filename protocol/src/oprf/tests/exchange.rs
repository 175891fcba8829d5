//! An honest exchange, and every lie a server can tell in one.

use curve25519_dalek::{RistrettoPoint, Scalar, traits::Identity as _};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::group::{Backend, DecodeError};
use crate::limits::BATCH_ELEMENTS_MAX;
use crate::oprf::{
    BatchSizeError, Blinded, BlindedBatch, EvaluateError, KeyError, Proof, PublicKey, SecretKey, VerifyError,
};

const BACKEND: Backend = Backend::Portable;

fn inputs(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("input {i}").into_bytes()).collect()
}

fn received(blinded: &Blinded) -> BlindedBatch {
    BlindedBatch::decode(BACKEND, blinded.encodings().to_vec()).unwrap()
}

#[test]
fn what_the_bank_unblinds_is_what_the_operator_encodes() {
    let mut rng = StdRng::seed_from_u64(10);
    let key = SecretKey::generate(&mut rng);
    for count in [1, 2, 3, 7, 8, 9, 31, 64, 257] {
        let inputs = inputs(count);
        let blinded = Blinded::new(BACKEND, &inputs, &mut rng).unwrap();
        let answer = key.evaluate(&received(&blinded), &mut rng);
        let elements = blinded.verify(key.public(), &answer.evaluated, &answer.proof).unwrap().unblind();
        assert_eq!(elements, key.encode(BACKEND, &inputs));
    }
}

#[test]
fn the_same_input_is_blinded_differently_each_time() {
    let mut rng = StdRng::seed_from_u64(11);
    let blinded = Blinded::new(BACKEND, &[b"same", b"same"], &mut rng).unwrap();
    assert_ne!(blinded.encodings()[0], blinded.encodings()[1]);
}

/// One exchange of three elements, with a chance to change the answer before the bank verifies it.
fn verify_after(lie: impl FnOnce(&mut Vec<[u8; 32]>, &mut Proof, &mut PublicKey)) -> Result<(), VerifyError> {
    let mut rng = StdRng::seed_from_u64(12);
    let key = SecretKey::generate(&mut rng);
    let blinded = Blinded::new(BACKEND, &inputs(3), &mut rng).unwrap();
    let answer = key.evaluate(&received(&blinded), &mut rng);
    let (mut evaluated, mut proof, mut pinned) = (answer.evaluated, answer.proof, *key.public());
    lie(&mut evaluated, &mut proof, &mut pinned);
    blinded.verify(&pinned, &evaluated, &proof).map(|_| ())
}

#[test]
fn every_lie_is_refused_before_anything_is_unblinded() {
    let mut rng = StdRng::seed_from_u64(13);
    let other = *SecretKey::generate(&mut rng).public();
    let stranger = RistrettoPoint::random(&mut rng).compress().to_bytes();
    assert_eq!(verify_after(|_, _, _| ()), Ok(()));
    assert_eq!(verify_after(|_, _, pinned| *pinned = other), Err(VerifyError::Proof));
    assert_eq!(verify_after(|e, _, _| e.swap(0, 1)), Err(VerifyError::Proof));
    assert_eq!(verify_after(|e, _, _| e[2] = stranger), Err(VerifyError::Proof));
    assert_eq!(verify_after(|e, _, _| e[2] = e[1]), Err(VerifyError::Proof));
    assert_eq!(verify_after(|e, _, _| e.truncate(2)), Err(VerifyError::Count { asked: 3, got: 2 }));
    assert_eq!(verify_after(|e, _, _| e.push(stranger)), Err(VerifyError::Count { asked: 3, got: 4 }));
    let not_canonical = VerifyError::Decode(DecodeError::NotCanonical { index: 1 });
    assert_eq!(verify_after(|e, _, _| e[1] = [0xff; 32]), Err(not_canonical));
    let identity = VerifyError::Decode(DecodeError::Identity { index: 0 });
    assert_eq!(verify_after(|e, _, _| e[0] = [0; 32]), Err(identity));
    for at in [0, 31, 32, 62] {
        let flip = |_: &mut Vec<_>, proof: &mut Proof, _: &mut PublicKey| {
            let mut bytes = proof.to_bytes();
            bytes[at] ^= 1;
            *proof = Proof::from_bytes(&bytes).unwrap();
        };
        assert_eq!(verify_after(flip), Err(VerifyError::Proof));
    }
}

#[test]
fn a_server_takes_a_whole_batch_or_nothing() {
    let good = SecretKey::generate(&mut StdRng::seed_from_u64(14)).public().to_bytes();
    let evaluate = |batch: &[[u8; 32]]| BlindedBatch::decode(BACKEND, batch.to_vec()).unwrap_err();
    assert_eq!(evaluate(&[]), EvaluateError::Size(BatchSizeError { count: 0 }));
    let oversized = vec![good; BATCH_ELEMENTS_MAX + 1];
    assert_eq!(evaluate(&oversized), EvaluateError::Size(BatchSizeError { count: BATCH_ELEMENTS_MAX + 1 }));
    let identity = RistrettoPoint::identity().compress().to_bytes();
    assert_eq!(evaluate(&[good, identity]), EvaluateError::Decode(DecodeError::Identity { index: 1 }));
    let bad = [0xff; 32];
    assert_eq!(evaluate(&[bad, good]), EvaluateError::Decode(DecodeError::NotCanonical { index: 0 }));
}

#[test]
fn damaged_keys_and_proofs_are_refused() {
    assert_eq!(SecretKey::from_bytes(&[0; 32]).unwrap_err(), KeyError::Scalar);
    assert_eq!(SecretKey::from_bytes(&[0xff; 32]).unwrap_err(), KeyError::Scalar);
    assert_eq!(PublicKey::from_bytes(&[0; 32]).unwrap_err(), KeyError::Element);
    assert_eq!(PublicKey::from_bytes(&[0xff; 32]).unwrap_err(), KeyError::Element);
    // The group order itself, in either half of a proof.
    let order = {
        let mut bytes = (-Scalar::ONE).to_bytes();
        bytes[0] += 1;
        bytes
    };
    for half in [0, 32] {
        let mut bytes = [0; 64];
        bytes[half..half + 32].copy_from_slice(&order);
        assert_eq!(Proof::from_bytes(&bytes), Err(KeyError::Scalar));
    }
}

#[test]
fn a_key_survives_its_file_and_does_not_print() {
    let mut rng = StdRng::seed_from_u64(15);
    let key = SecretKey::generate(&mut rng);
    let again = SecretKey::from_bytes(&key.to_bytes()).unwrap();
    assert_eq!(again.public(), key.public());
    let hex: String = key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal = format!("{:?}", key.to_bytes());
    let shown = format!("{key:?}");
    assert!(!shown.contains(&hex[..8]) && !shown.contains(&decimal[1..12]), "{shown}");
    let blinded = Blinded::new(BACKEND, &[b"x"], &mut rng).unwrap();
    assert_eq!(format!("{blinded:?}"), "Blinded(1 elements, blinds redacted)");
}
