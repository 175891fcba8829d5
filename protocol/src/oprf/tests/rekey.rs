//! A change of key: what both sides take along, every lie about it, and what it does not give.

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};

use crate::group::{Backend, DecodeError};
use crate::oprf::{
    BatchSizeError, BlindedBatch, Blinding, Element, KeyRatio, PinnedKey, PinnedRotation, Proof, PublicKey,
    RekeyError, Rekeyed, SecretKey, VerifiedRekey, VerifyError,
};

const BACKEND: Backend = Backend::Portable;
const BLINDINGS: [Blinding; 2] = [Blinding::Additive, Blinding::Rfc];

fn two_keys(seed: u64) -> (SecretKey, SecretKey) {
    let mut rng = StdRng::seed_from_u64(seed);
    (SecretKey::generate(&mut rng), SecretKey::generate(&mut rng))
}

fn inputs(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("input {i}").into_bytes()).collect()
}

fn received(encodings: &[[u8; 32]]) -> BlindedBatch {
    BlindedBatch::decode(BACKEND, encodings.to_vec()).unwrap()
}

fn elements_of(rekeyed: Vec<Rekeyed>) -> Vec<Element> {
    rekeyed.into_iter().map(Rekeyed::into_element).collect()
}

#[test]
fn both_sides_take_their_elements_to_the_next_key_without_the_inputs() {
    let mut rng = StdRng::seed_from_u64(40);
    let (old, new) = two_keys(41);
    let ratio = KeyRatio::between(&old, &new);
    for backend in Backend::available() {
        for count in [1, 2, 7, 8, 9, 65] {
            let (before, after) = (old.encode(BACKEND, &inputs(count)), new.encode(BACKEND, &inputs(count)));
            let vault: Vec<[u8; 32]> = before.iter().map(|element| element.0).collect();
            assert_eq!(ratio.carry(backend, &vault).unwrap(), after, "{backend:?}");
            for blinding in BLINDINGS {
                let pinned = PinnedRotation::new(backend, *old.public(), *new.public(), blinding);
                let blinded = pinned.blind(&before, &mut rng).unwrap();
                let answer = ratio.rekey(&received(blinded.encodings()), &mut rng);
                let rekeyed = blinded.verify(&answer.evaluated, &answer.proof).unwrap().unblind();
                assert_eq!(elements_of(rekeyed), after, "{backend:?} {blinding:?}");
            }
        }
    }
}

#[test]
fn an_element_is_never_sent_as_it_is_nor_twice_alike() {
    let mut rng = StdRng::seed_from_u64(42);
    let (old, new) = two_keys(43);
    let element = old.encode(BACKEND, &[b"same"])[0];
    for blinding in BLINDINGS {
        let pinned = PinnedRotation::new(BACKEND, *old.public(), *new.public(), blinding);
        let blinded = pinned.blind(&[element, element], &mut rng).unwrap();
        let [first, second] = blinded.encodings() else { panic!("two elements") };
        assert!(first != second && ![*first, *second].contains(&element.0), "{blinding:?}");
    }
}

/// Changes an answer, or the keys that the bank pinned, before the bank verifies.
type Lie<'a> = &'a dyn Fn(&mut Vec<[u8; 32]>, &mut Proof, &mut (PublicKey, PublicKey));

fn rekeyed_after(blinding: Blinding, lie: Lie<'_>) -> Result<Vec<Rekeyed>, VerifyError> {
    let mut rng = StdRng::seed_from_u64(44);
    let (old, new) = two_keys(45);
    let mut pinned = (*old.public(), *new.public());
    // Only the keys that are pinned may differ here; the rest is thrown away.
    lie(&mut vec![[0; 32]; 3], &mut Proof::from_bytes(&[0; 64]).unwrap(), &mut pinned);
    let rotation = PinnedRotation::new(BACKEND, pinned.0, pinned.1, blinding);
    let blinded = rotation.blind(&old.encode(BACKEND, &inputs(3)), &mut rng).unwrap();
    let answer = KeyRatio::between(&old, &new).rekey(&received(blinded.encodings()), &mut rng);
    let (mut rekeyed, mut proof) = (answer.evaluated, answer.proof);
    lie(&mut rekeyed, &mut proof, &mut pinned);
    blinded.verify(&rekeyed, &proof).map(VerifiedRekey::unblind)
}

#[test]
fn every_lie_about_a_ratio_is_refused_before_anything_is_unblinded() {
    let stranger = *two_keys(46).0.public();
    let shift = RistrettoPoint::random(&mut StdRng::seed_from_u64(47));
    let shifted = |e: &mut Vec<[u8; 32]>, _: &mut Proof, _: &mut (PublicKey, PublicKey)| {
        for encoding in e {
            let point = CompressedRistretto(*encoding).decompress().unwrap();
            *encoding = (point + shift).compress().to_bytes();
        }
    };
    for blinding in BLINDINGS {
        assert_eq!(rekeyed_after(blinding, &|_, _, _| ()).map(|rekeyed| rekeyed.len()), Ok(3));
        let refused = |lie: Lie<'_>| rekeyed_after(blinding, lie).unwrap_err();
        assert_eq!(refused(&|_, _, keys| keys.0 = stranger), VerifyError::Proof);
        assert_eq!(refused(&|_, _, keys| keys.1 = stranger), VerifyError::Proof);
        assert_eq!(refused(&|_, _, keys| *keys = (keys.1, keys.0)), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e.swap(0, 1)), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e[2] = e[1]), VerifyError::Proof);
        assert_eq!(refused(&shifted), VerifyError::Proof);
        assert_eq!(refused(&|e, _, _| e.truncate(2)), VerifyError::Count { asked: 3, got: 2 });
        let identity = VerifyError::Decode(DecodeError::Identity { index: 0 });
        assert_eq!(refused(&|e, _, _| e[0] = [0; 32]), identity);
        for at in [0, 32] {
            let flip = |_: &mut Vec<_>, proof: &mut Proof, _: &mut (PublicKey, PublicKey)| {
                let mut bytes = proof.to_bytes();
                bytes[at] ^= 1;
                *proof = Proof::from_bytes(&bytes).unwrap();
            };
            assert_eq!(refused(&flip), VerifyError::Proof);
        }
    }
}

/// With k = 1 the public key is G, and "rekeyed from G to PK'" says what "evaluated under PK'" says: still, neither proof
/// passes for the other.
#[test]
fn a_proof_of_an_evaluation_is_none_of_a_rekeying() {
    let mut rng = StdRng::seed_from_u64(48);
    let one = SecretKey::from_bytes(&Scalar::ONE.to_bytes()).unwrap();
    let new = SecretKey::generate(&mut rng);
    let pinned = PinnedRotation::new(BACKEND, *one.public(), *new.public(), Blinding::Additive);
    let blinded = pinned.blind(&one.encode(BACKEND, &inputs(2)), &mut rng).unwrap();
    let batch = received(blinded.encodings());
    let (evaluation, rekeying) =
        (new.evaluate(&batch, &mut rng), KeyRatio::between(&one, &new).rekey(&batch, &mut rng));
    assert_eq!(evaluation.evaluated, rekeying.evaluated, "the very same answer");
    assert_eq!(blinded.verify(&evaluation.evaluated, &evaluation.proof).unwrap_err(), VerifyError::Proof);

    let blinded =
        PinnedKey::new(BACKEND, *new.public(), Blinding::Additive).blind(&inputs(2), &mut rng).unwrap();
    let rekeying = KeyRatio::between(&one, &new).rekey(&received(blinded.encodings()), &mut rng);
    assert_eq!(blinded.verify(&rekeying.evaluated, &rekeying.proof).unwrap_err(), VerifyError::Proof);
}

/// Rekeying is not charged to the lifetime, and need not be: what was never evaluated comes out of it as `(k'/k)·H(x)`, which
/// stands in no set.
#[test]
fn rekeying_without_an_evaluation_gives_no_element_of_either_key() {
    let mut rng = StdRng::seed_from_u64(49);
    let (old, new) = two_keys(50);
    let one = SecretKey::from_bytes(&Scalar::ONE.to_bytes()).unwrap();
    let hashed = one.encode(BACKEND, &inputs(2)); // H(x) itself
    let pinned = PinnedRotation::new(BACKEND, *old.public(), *new.public(), Blinding::default());
    let blinded = pinned.blind(&hashed, &mut rng).unwrap();
    let answer = KeyRatio::between(&old, &new).rekey(&received(blinded.encodings()), &mut rng);
    let got = elements_of(blinded.verify(&answer.evaluated, &answer.proof).unwrap().unblind());
    for key in [&old, &new] {
        for element in key.encode(BACKEND, &inputs(2)) {
            assert!(got.iter().all(|got| got.tag() != element.tag()), "a tag without an evaluation");
        }
    }
}

#[test]
fn a_batch_that_is_empty_too_large_or_damaged_is_not_sent() {
    let mut rng = StdRng::seed_from_u64(51);
    let (old, new) = two_keys(52);
    let good = old.encode(BACKEND, &[b"x"])[0];
    let pinned = PinnedRotation::new(BACKEND, *old.public(), *new.public(), Blinding::default());
    let refused = |elements: &[Element]| pinned.blind(elements, &mut StdRng::seed_from_u64(0)).unwrap_err();
    assert_eq!(refused(&[]), RekeyError::Size(BatchSizeError { count: 0 }));
    assert_eq!(refused(&vec![good; 65_536]), RekeyError::Size(BatchSizeError { count: 65_536 }));
    let not_canonical = RekeyError::Decode(DecodeError::NotCanonical { index: 1 });
    assert_eq!(refused(&[good, Element([0xff; 32])]), not_canonical);
    let ratio = KeyRatio::between(&old, &new);
    assert_eq!(ratio.carry(BACKEND, &[[0; 32]]).unwrap_err(), DecodeError::Identity { index: 0 });
    let shown = format!("{ratio:?} {:?}", pinned.blind(&[good], &mut rng).unwrap());
    let [old, new] = [old, new].map(|key| key.public().id());
    let expected = format!("KeyRatio(redacted, from {old} to {new}) BlindedElements(1, blinds redacted)");
    assert_eq!(shown, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against curve25519-dalek one element at a time: the ratio, what it makes of a batch, and what a bank takes from it.
    #[test]
    fn as_the_plain_arithmetic_has_it(k in any::<[u8; 32]>(), next in any::<[u8; 32]>(), count in 1usize..20, seed: u64) {
        let scalar = |bytes| Scalar::from_bytes_mod_order(bytes) + Scalar::ONE;
        prop_assume!(scalar(k) != Scalar::ZERO && scalar(next) != Scalar::ZERO);
        let [old, new] = [k, next].map(|bytes| SecretKey::from_bytes(&scalar(bytes).to_bytes()).unwrap());
        let mut rng = StdRng::seed_from_u64(seed);
        let points: Vec<_> = (0..count).map(|_| RistrettoPoint::random(&mut rng)).collect();
        let elements: Vec<_> = points.iter().map(|point| Element(point.compress().to_bytes())).collect();
        let q = scalar(k).invert() * scalar(next);
        let expected: Vec<_> = points.iter().map(|point| Element((point * q).compress().to_bytes())).collect();
        for backend in Backend::available() {
            let ratio = KeyRatio::between(&old, &new);
            let encodings: Vec<_> = elements.iter().map(|element| element.0).collect();
            prop_assert_eq!(&ratio.carry(backend, &encodings).unwrap(), &expected);
            let pinned = PinnedRotation::new(backend, *old.public(), *new.public(), Blinding::default());
            let blinded = pinned.blind(&elements, &mut rng).unwrap();
            let answer = ratio.rekey(&received(blinded.encodings()), &mut rng);
            let got = blinded.verify(&answer.evaluated, &answer.proof).unwrap().unblind();
            prop_assert_eq!(&elements_of(got), &expected);
        }
    }
}
