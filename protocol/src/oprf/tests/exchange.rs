//! An honest exchange, and every lie a server can tell in one.

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto, traits::Identity as _};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::group::{Backend, DecodeError};
use crate::limits::BATCH_ELEMENTS_MAX;
use crate::oprf::{
    BatchSizeError, Blinded, BlindedBatch, Blinding, Element, EvaluateError, KeyError, PinnedKey, Proof,
    PublicKey, SecretKey, Verified, VerifyError,
};

const BACKEND: Backend = Backend::Portable;
const BLINDINGS: [Blinding; 2] = [Blinding::Additive, Blinding::Rfc];

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
    for backend in Backend::available() {
        for blinding in BLINDINGS {
            let pinned = PinnedKey::new(backend, *key.public(), blinding);
            for count in [1, 2, 3, 7, 8, 9, 31, 64, 257] {
                let inputs = inputs(count);
                let blinded = pinned.blind(&inputs, &mut rng).unwrap();
                let answer = key.evaluate(&received(&blinded), &mut rng);
                let elements = blinded.verify(&answer.evaluated, &answer.proof).unwrap().unblind();
                assert_eq!(elements, key.encode(BACKEND, &inputs), "{backend:?} {blinding:?}");
            }
        }
    }
}

#[test]
fn the_same_input_is_blinded_differently_each_time() {
    let mut rng = StdRng::seed_from_u64(11);
    let public = *SecretKey::generate(&mut rng).public();
    let plain = key_of_one().encode(BACKEND, &[b"same"]);
    for blinding in BLINDINGS {
        let blinded = PinnedKey::new(BACKEND, public, blinding).blind(&[b"same", b"same"], &mut rng).unwrap();
        let [first, second] = blinded.encodings() else { panic!("two inputs") };
        assert_ne!(first, second);
        assert!(![*first, *second].contains(&plain[0].0), "{blinding:?} sends H(x) itself");
    }
}

/// k = 1, under which an element is H(x).
fn key_of_one() -> SecretKey {
    SecretKey::from_bytes(&Scalar::ONE.to_bytes()).unwrap()
}

#[test]
fn a_batch_is_neither_empty_nor_too_large() {
    let mut rng = StdRng::seed_from_u64(16);
    let public = *SecretKey::generate(&mut rng).public();
    for blinding in BLINDINGS {
        let pinned = PinnedKey::new(BACKEND, public, blinding);
        for count in [0, BATCH_ELEMENTS_MAX + 1] {
            assert_eq!(pinned.prepare(count, &mut rng).unwrap_err(), BatchSizeError { count });
        }
    }
}

/// Changes an answer, or the key that the bank blinded under, before the bank verifies.
type Lie<'a> = &'a dyn Fn(&mut Vec<[u8; 32]>, &mut Proof, &mut PublicKey);

/// One exchange of three elements with a lie in it.
fn elements_after(blinding: Blinding, lie: Lie<'_>) -> Result<Vec<Element>, VerifyError> {
    let mut rng = StdRng::seed_from_u64(12);
    let key = SecretKey::generate(&mut rng);
    let mut pinned = *key.public();
    // Only the key that is pinned may differ here; the rest is thrown away.
    lie(&mut vec![[0; 32]; 3], &mut Proof::from_bytes(&[0; 64]).unwrap(), &mut pinned);
    let blinded = PinnedKey::new(BACKEND, pinned, blinding).blind(&inputs(3), &mut rng).unwrap();
    let answer = key.evaluate(&received(&blinded), &mut rng);
    let (mut evaluated, mut proof) = (answer.evaluated, answer.proof);
    lie(&mut evaluated, &mut proof, &mut pinned);
    blinded.verify(&evaluated, &proof).map(Verified::unblind)
}

#[test]
fn every_lie_is_refused_before_anything_is_unblinded() {
    let mut rng = StdRng::seed_from_u64(13);
    let other = *SecretKey::generate(&mut rng).public();
    let stranger = RistrettoPoint::random(&mut rng).compress().to_bytes();
    for blinding in BLINDINGS {
        assert_eq!(elements_after(blinding, &|_, _, _| ()).map(|elements| elements.len()), Ok(3));
        let refused = |lie: Lie<'_>| elements_after(blinding, lie).unwrap_err();
        assert_eq!(refused(&|_, _, pinned| *pinned = other), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e.swap(0, 1)), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e[2] = stranger), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e[2] = e[1]), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e.truncate(2)), VerifyError::Count { asked: 3, got: 2 });
        assert_eq!(refused(&|e, _, _| e.push(stranger)), VerifyError::Count { asked: 3, got: 4 });
        let not_canonical = VerifyError::Decode(DecodeError::NotCanonical { index: 1 });
        assert_eq!(refused(&|e, _, _| e[1] = [0xff; 32]), not_canonical);
        let identity = VerifyError::Decode(DecodeError::Identity { index: 0 });
        assert_eq!(refused(&|e, _, _| e[0] = [0; 32]), identity);
        for at in [0, 31, 32, 62] {
            let flip = |_: &mut Vec<_>, proof: &mut Proof, _: &mut PublicKey| {
                let mut bytes = proof.to_bytes();
                bytes[at] ^= 1;
                *proof = Proof::from_bytes(&bytes).unwrap();
            };
            assert_eq!(refused(&flip), VerifyError::Proof);
        }
    }
}

/// ePrint 2021/273 on additive blinding: a server that gets to answer k·M + Δ ties a bank's outputs together, and only the
/// proof stands in between.
#[test]
fn an_answer_with_a_shift_is_refused() {
    let mut rng = StdRng::seed_from_u64(17);
    let shift = RistrettoPoint::random(&mut rng);
    let shifted = |e: &mut Vec<[u8; 32]>, _: &mut Proof, _: &mut PublicKey| {
        for encoding in e {
            let point = CompressedRistretto(*encoding).decompress().unwrap();
            *encoding = (point + shift).compress().to_bytes();
        }
    };
    for blinding in BLINDINGS {
        assert_eq!(elements_after(blinding, &shifted), Err(VerifyError::Proof));
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
    let pinned = PinnedKey::new(BACKEND, *key.public(), Blinding::Additive);
    let blinds = pinned.prepare(1, &mut rng).unwrap();
    assert_eq!(format!("{blinds:?}"), format!("PreparedBlinds(1 for key {}, redacted)", key.public().id()));
    assert_eq!(format!("{:?}", blinds.blind(&[b"x"])), "Blinded(1 elements, blinds redacted)");
}
