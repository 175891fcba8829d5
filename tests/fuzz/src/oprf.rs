//! Elements, proofs, and the backends under them.

use std::sync::LazyLock;

use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::IsIdentity as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Nik;
use samar_protocol::oprf::{BlindedBatch, Blinding, PinnedKey, Proof, SecretKey};

use crate::script::Script;

/// The operator takes a batch exactly if every element is canonical and not the identity, and answers it with a proof. The
/// bank takes no answer but the honest one: none that was changed, none that is made up.
pub fn oprf_batch(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, count) = (script.byte(), 1 + usize::from(script.byte()) % 4);
    let key = secret_key();
    let backend = Backend::Portable;
    let blinding = if mode & 1 == 0 { Blinding::Rfc } else { Blinding::Additive };
    let inputs: Vec<_> = NIKS[..count].iter().map(|nik| Nik::parse(nik).unwrap().oprf_input()).collect();
    let mut rng = StdRng::seed_from_u64(mode.into());
    let blinded = pinned(blinding).blind(&inputs, &mut rng).unwrap();
    let batch = BlindedBatch::decode(backend, blinded.encodings().to_vec()).unwrap();
    let honest = key.evaluate(&batch, &mut rng);
    let mut answer = [honest.evaluated.as_flattened(), &honest.proof.to_bytes()].concat();
    let changed = if mode & 2 == 0 {
        let arbitrary: Vec<u8> = script.rest().iter().copied().chain([0; 32 * 4 + 64]).collect();
        answer.copy_from_slice(&arbitrary[..32 * count + 64]);
        true
    } else {
        script.patch(&mut answer, 4)
    };
    let (evaluated, proof) = answer.split_at(32 * count);
    let (evaluated, _) = evaluated.as_chunks::<32>();

    let valid = evaluated.iter().all(is_element);
    assert_eq!(BlindedBatch::decode(backend, evaluated.to_vec()).is_ok(), valid);
    if let Ok(batch) = BlindedBatch::decode(backend, evaluated.to_vec()) {
        assert_eq!(batch.count(), count);
        assert!(key.multiply(&batch).iter().all(is_element));
    }
    let Ok(proof) = Proof::from_bytes(proof.try_into().unwrap()) else { return };
    assert_eq!(proof.to_bytes(), answer[32 * count..]);
    match blinded.verify(evaluated, &proof) {
        Ok(verified) => {
            assert!(!changed, "a wrong answer was taken");
            assert!(verified.unblind() == key.encode(backend, &inputs));
        }
        Err(error) => assert!(changed, "an honest answer was refused: {error}"),
    }
}

/// Every backend of this machine takes the same encodings, names the same fault, and computes the same.
pub fn backends(data: &[u8]) {
    let mut script = Script::new(data);
    let (count, made) = (1 + usize::from(script.byte()) % 17, script.u32());
    let scalar = Scalar::from_bytes_mod_order(script.array());
    let elements: Vec<[u8; 32]> = (0..count)
        .map(|place| match made >> place & 1 {
            0 => script.array(),
            // An element for certain, so that all of a batch can be one.
            _ => Backend::Portable.hash_to_group(b"samar fuzz", &[script.array::<4>()]).encode()[0],
        })
        .collect();
    let weights: Vec<u128> = (0..count).map(|_| u128::from_le_bytes(script.array())).collect();
    let scalars: Vec<Scalar> = weights.iter().map(|weight| scalar * Scalar::from(*weight)).collect();
    let results: Vec<_> = BACKENDS
        .iter()
        .map(|backend| {
            let points = backend.decode(&elements)?;
            assert_eq!(points.encode(), elements, "{}: an encoding is not canonical", backend.name());
            let shared = points.mul_shared(&scalar);
            let each = points.mul_each(&scalars);
            let hashed = backend.hash_to_group(b"samar fuzz", &elements);
            let sum = shared.add(&each).sub(&hashed);
            Ok([
                points.encode_double(),
                shared.encode(),
                each.encode_double(),
                sum.encode(),
                sum.encode_double(),
                vec![points.weighted_sum_vartime(&weights).compress().to_bytes()],
            ])
        })
        .collect();
    let plain: Option<usize> = elements.iter().position(|element| !is_element(element));
    assert_eq!(results[0].is_err(), plain.is_some());
    for (backend, result) in BACKENDS.iter().zip(&results) {
        let same: &Result<_, samar_protocol::group::DecodeError> = &results[0];
        assert!(result == same, "{} differs from portable on {elements:02x?}", backend.name());
    }
}

pub(crate) const NIKS: [&str; 4] =
    ["3201010101900001", "3201014101900002", "3171021502850003", "3201010101900004"];

/// The backends, portable first.
static BACKENDS: LazyLock<Vec<Backend>> = LazyLock::new(Backend::available);

/// The operator's key, for tests.
pub(crate) fn secret_key() -> &'static SecretKey {
    static KEY: LazyLock<SecretKey> =
        LazyLock::new(|| SecretKey::from_bytes(&core::array::from_fn(|i| u8::from(i == 0) * 9)).unwrap());
    &KEY
}

/// The key that comes after it.
pub(crate) fn next_key() -> &'static SecretKey {
    static KEY: LazyLock<SecretKey> =
        LazyLock::new(|| SecretKey::from_bytes(&core::array::from_fn(|i| u8::from(i == 0) * 11)).unwrap());
    &KEY
}

/// [`secret_key`] as a bank pins it. Tabulated once.
pub(crate) fn pinned(blinding: Blinding) -> &'static PinnedKey {
    static PINNED: LazyLock<[PinnedKey; 2]> = LazyLock::new(|| {
        let pin = |blinding| PinnedKey::new(Backend::Portable, *secret_key().public(), blinding);
        [pin(Blinding::Rfc), pin(Blinding::Additive)]
    });
    match blinding {
        Blinding::Rfc => &PINNED[0],
        Blinding::Additive => &PINNED[1],
    }
}

fn is_element(encoding: &[u8; 32]) -> bool {
    CompressedRistretto(*encoding).decompress().is_some_and(|point| !point.is_identity())
}
