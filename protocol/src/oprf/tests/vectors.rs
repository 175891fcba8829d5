//! RFC 9497 appendix A.1.2, all three vectors, and vectors of our own for what differs.

use curve25519_dalek::Scalar;
use rand::{SeedableRng as _, rngs::StdRng};
use zeroize::Zeroizing;

use crate::group::Backend;
use crate::oprf::{BlindedBatch, Blinding, PinnedKey, SecretKey, proof, rfc9497};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits: Vec<u8> =
        text.bytes().filter(u8::is_ascii_hexdigit).map(|d| (d as char).to_digit(16).unwrap() as u8).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.try_into().unwrap()
}

fn scalar(text: &str) -> Scalar {
    Scalar::from_canonical_bytes(hex(text)).unwrap()
}

const SECRET_KEY: &str = "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909";
const PUBLIC_KEY: &str = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e";
const BLIND_1: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";
const BLIND_2: &str = "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e";
const OUTPUT_1: &str = "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d\
                        a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c";
const OUTPUT_2: &str = "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60\
                        356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6";

struct Vector {
    inputs: &'static [&'static [u8]],
    blinds: &'static [&'static str],
    blinded: &'static [&'static str],
    evaluated: &'static [&'static str],
    proof: &'static str,
    proof_scalar: &'static str,
    outputs: &'static [&'static str],
}

const VECTORS: [Vector; 3] = [
    Vector {
        inputs: &[b"\x00"],
        blinds: &[BLIND_1],
        blinded: &["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        evaluated: &["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        proof: "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06\
                6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
        proof_scalar: BLIND_2,
        outputs: &[OUTPUT_1],
    },
    Vector {
        inputs: &[&[0x5a; 17]],
        blinds: &[BLIND_1],
        blinded: &["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        evaluated: &["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        proof: "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a\
                67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02",
        proof_scalar: BLIND_2,
        outputs: &[OUTPUT_2],
    },
    Vector {
        inputs: &[b"\x00", &[0x5a; 17]],
        blinds: &[BLIND_1, BLIND_2],
        blinded: &[
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        evaluated: &[
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        proof: "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a\
                5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
        proof_scalar: "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        outputs: &[OUTPUT_1, OUTPUT_2],
    },
];

#[test]
fn key_derivation() {
    let derived = rfc9497::derive_key(&[0xa3; 32], b"test key");
    assert_eq!(derived.to_bytes(), hex(SECRET_KEY));
    assert_eq!(SecretKey::from_bytes(&hex(SECRET_KEY)).unwrap().public().to_bytes(), hex(PUBLIC_KEY));
}

#[test]
fn blind_evaluate_prove_and_finalize() {
    let mut rng = StdRng::seed_from_u64(20);
    let key = SecretKey::from_bytes(&hex(SECRET_KEY)).unwrap();
    let pinned = PinnedKey::new(Backend::Portable, *key.public(), Blinding::Rfc);
    for vector in VECTORS {
        let blinds = Zeroizing::new(vector.blinds.iter().map(|text| scalar(text)).collect());
        let blinded = pinned.prepare_with(blinds).blind(vector.inputs);
        let expected: Vec<[u8; 32]> = vector.blinded.iter().map(|text| hex(text)).collect();
        assert_eq!(blinded.encodings(), expected);

        let batch = BlindedBatch::decode(Backend::Portable, blinded.encodings().to_vec()).unwrap();
        let answer = key.evaluate(&batch, &mut rng);
        let expected: Vec<[u8; 32]> = vector.evaluated.iter().map(|text| hex(text)).collect();
        assert_eq!(answer.evaluated, expected);

        let random = scalar(vector.proof_scalar);
        let proof =
            rfc9497::prove(key.scalar(), key.public(), blinded.encodings(), &answer.evaluated, &random);
        assert_eq!(proof, hex(vector.proof));

        let elements = blinded.verify(&answer.evaluated, &answer.proof).unwrap().unblind();
        for ((input, element), output) in vector.inputs.iter().zip(elements).zip(vector.outputs) {
            assert_eq!(rfc9497::finalize(input, &element.0), hex(output));
        }
    }
}

#[test]
fn our_seed_and_weights_as_spec_md_prints_them() {
    let key = SecretKey::from_bytes(&hex(SECRET_KEY)).unwrap();
    let vector = &VECTORS[2];
    let blinded: Vec<[u8; 32]> = vector.blinded.iter().map(|text| hex(text)).collect();
    let evaluated: Vec<[u8; 32]> = vector.evaluated.iter().map(|text| hex(text)).collect();
    let seed = proof::Statement::Evaluated { key: *key.public() }.seed(&blinded, &evaluated);
    let weights = proof::weights(&seed, 5);
    // Computed apart from this code, with another language's SHA-512.
    assert_eq!(seed[..16], hex::<16>("41ca8f8e7e474a5ed0c52e6e68356e17"));
    let expected = [
        0xb717850e6a7d116a8a5a74787a2062d6,
        0x23ef7d209030fe2b497470d8ead635e2,
        0x4e77b25cc6bbeb68ad4cd717526a4331,
        0x8e78181ad5e47d3b7346d60ced1ce66e,
        0x0807561674c36679b780a0ac1fc19c6b, // from the second block
    ];
    assert_eq!(weights, expected);
}
