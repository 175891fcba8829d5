//! Every backend against curve25519-dalek, element by element.

use curve25519_dalek::{RistrettoPoint, Scalar, constants::RISTRETTO_BASEPOINT_POINT, traits::Identity as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use sha2::{Digest as _, Sha256};

use super::{Backend, BackendError, DecodeError, FixedBase, PART_ELEMENTS, Points, rfc9496};

fn random_points(rng: &mut StdRng, count: usize) -> Vec<RistrettoPoint> {
    (0..count).map(|_| RistrettoPoint::random(rng)).collect()
}

fn encode(points: &[RistrettoPoint]) -> Vec<[u8; 32]> {
    points.iter().map(|point| point.compress().to_bytes()).collect()
}

#[test]
fn operations_agree_with_dalek_at_every_length() {
    let mut rng = StdRng::seed_from_u64(1);
    for backend in Backend::available() {
        for count in 0..=33 {
            let points = random_points(&mut rng, count);
            let scalars: Vec<Scalar> = (0..count).map(|_| Scalar::random(&mut rng)).collect();
            let shared = Scalar::random(&mut rng);
            let weights: Vec<u128> = (0..count).map(|_| rng.random()).collect();

            let batch = backend.decode(&encode(&points)).unwrap();
            assert_eq!(batch.len(), count);
            assert_eq!(batch.encode(), encode(&points));

            let doubled: Vec<_> = points.iter().map(|point| point + point).collect();
            assert_eq!(batch.encode_double(), encode(&doubled));

            let multiplied: Vec<_> = doubled.iter().map(|point| point * shared).collect();
            assert_eq!(batch.mul_shared(&shared).encode_double(), encode(&multiplied));

            let each: Vec<_> = doubled.iter().zip(&scalars).map(|(point, scalar)| point * scalar).collect();
            assert_eq!(batch.mul_each(&scalars).encode_double(), encode(&each));

            let others = random_points(&mut rng, count);
            let other_batch = backend.decode(&encode(&others)).unwrap();
            let sums: Vec<_> = points.iter().zip(&others).map(|(p, q)| p + q).collect();
            assert_eq!(batch.add(&other_batch).encode(), encode(&sums));
            let differences: Vec<_> = points.iter().zip(&others).map(|(p, q)| p - q).collect();
            assert_eq!(batch.sub(&other_batch).encode(), encode(&differences));

            let multiples: Vec<_> = scalars.iter().map(|s| s * RISTRETTO_BASEPOINT_POINT).collect();
            assert_eq!(Points::mul_base_each(backend, &scalars).encode(), encode(&multiples));

            let sum: RistrettoPoint = points.iter().zip(&weights).map(|(p, &w)| p * Scalar::from(w)).sum();
            assert_eq!(batch.weighted_sum_vartime(&weights), sum);
        }
    }
}

#[test]
fn scalars_at_the_edges_agree_with_dalek() {
    let mut rng = StdRng::seed_from_u64(2);
    let points = random_points(&mut rng, 9);
    for backend in Backend::available() {
        let batch = backend.decode(&encode(&points)).unwrap();
        let table = FixedBase::new(backend, &points[0]);
        for scalar in edge_scalars() {
            let expected: Vec<_> = points.iter().map(|point| (point + point) * scalar).collect();
            // Multiplying by zero gives identities, which must not disturb the shared inversion.
            assert_eq!(batch.mul_shared(&scalar).encode_double(), encode(&expected));
        }
        let scalars = edge_scalars();
        let same = vec![points[0]; scalars.len()];
        let expected: Vec<_> = scalars.iter().map(|scalar| points[0] * scalar).collect();
        let batch = backend.decode(&encode(&same)).unwrap();
        assert_eq!(batch.mul_each(&scalars).encode(), encode(&expected));
        assert_eq!(table.mul_each(&scalars).encode(), encode(&expected));
    }
}

/// Zero, the ends of the range, and scalars whose signed digits all sit at an edge or carry through.
fn edge_scalars() -> Vec<Scalar> {
    let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::from(2u8), -Scalar::from(2u8)];
    scalars.extend([Scalar::from(2u8).invert(), -Scalar::from(2u8).invert()]);
    for byte in [0x77, 0x78, 0x87, 0x88, 0x99, 0xff, 0x10, 0x84] {
        let mut bytes = [byte; 32];
        bytes[31] &= 0x0f;
        scalars.push(Scalar::from_bytes_mod_order(bytes));
    }
    let mut power = Scalar::ONE;
    for _ in 0..253 {
        scalars.extend([power, power - Scalar::ONE]);
        power += power;
    }
    scalars
}

#[test]
fn a_fixed_base_may_be_any_element_even_the_identity() {
    let mut rng = StdRng::seed_from_u64(4);
    let scalars: Vec<Scalar> = (0..70).map(|_| Scalar::random(&mut rng)).collect();
    for backend in Backend::available() {
        for point in [RistrettoPoint::random(&mut rng), RistrettoPoint::identity()] {
            let expected: Vec<_> = scalars.iter().map(|scalar| scalar * point).collect();
            let found = FixedBase::new(backend, &point).mul_each(&scalars);
            assert_eq!(found.len(), 70);
            assert_eq!(found.encode(), encode(&expected));
        }
    }
}

#[test]
fn rfc_9496_vectors_hold() {
    let bytes = |text: &str| -> [u8; 32] {
        core::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
    };
    for backend in Backend::available() {
        let multiples = rfc9496::MULTIPLES.map(bytes);
        let scalars: Vec<Scalar> = (0u8..16).map(Scalar::from).collect();
        assert_eq!(Points::mul_base_each(backend, &scalars).encode(), multiples);
        assert_eq!(backend.decode(&multiples[1..]).unwrap().encode(), multiples[1..]);

        for (reason, encodings) in rfc9496::INVALID {
            for encoding in encodings {
                let found = backend.decode(&[multiples[1], bytes(encoding)]).map(|points| points.encode());
                assert_eq!(found, Err(DecodeError::NotCanonical { index: 1 }), "{reason}: {encoding}");
            }
        }

        let uniform = rfc9496::UNIFORM.map(|[low, high, _]| {
            let mut both = [0; 64];
            both[..32].copy_from_slice(&bytes(low));
            both[32..].copy_from_slice(&bytes(high));
            both
        });
        let elements = rfc9496::UNIFORM.map(|[_, _, element]| bytes(element));
        assert_eq!(backend.derive_elements(&uniform).encode(), elements);
    }
}

#[test]
fn hashing_agrees_whatever_the_lengths_in_a_batch() {
    let mut rng = StdRng::seed_from_u64(7);
    for dst_length in [1, 43, 45, 46, 100, 255] {
        let dst = vec![0x5a; dst_length];
        // Around every edge of a hash block, mixed so that the lanes of one block end at different times.
        let mut lengths: Vec<usize> = (0..41).map(|_| rng.random_range(0..400)).collect();
        lengths.extend(60..130);
        let messages: Vec<Vec<u8>> =
            lengths.iter().map(|&length| (0..length).map(|_| rng.random()).collect()).collect();
        let expected = Backend::Portable.hash_to_group(&dst, &messages).encode();
        for backend in Backend::available() {
            assert_eq!(backend.hash_to_group(&dst, &messages).encode(), expected, "{}", backend.name());
        }
    }
}

#[test]
fn weighted_sums_agree_at_every_width_and_for_awkward_weights() {
    let mut rng = StdRng::seed_from_u64(8);
    for count in [1, 7, 8, 64, 65, 199, 200, 333, 4_096, 5_000] {
        let messages: Vec<[u8; 8]> = (0..count).map(|_| rng.random()).collect();
        let same: u128 = rng.random();
        let kinds: [Vec<u128>; 5] = [
            (0..count).map(|_| rng.random()).collect(),
            vec![0; count],
            vec![u128::MAX; count],
            vec![same; count], // every point in the same bucket
            (0..count).map(|i| 1 << (i % 128)).collect(),
        ];
        for weights in kinds {
            let expected = Backend::Portable.hash_to_group(b"w", &messages).weighted_sum_vartime(&weights);
            for backend in Backend::available() {
                let sum = backend.hash_to_group(b"w", &messages).weighted_sum_vartime(&weights);
                assert_eq!(sum, expected, "{} at {count}", backend.name());
            }
        }
    }
}

#[test]
fn a_tag_is_the_hash_of_prefix_and_encoding() {
    let found = super::tag_hash(b"samar tag v1", &[[0; 32], [0xab; 32]]);
    let whole = |encoding: [u8; 32]| Sha256::digest([b"samar tag v1".as_slice(), &encoding].concat());
    assert_eq!(found, [whole([0; 32]).into(), <[u8; 32]>::from(whole([0xab; 32]))]);
}

#[test]
fn the_required_backend_is_here() {
    if let Ok(name) = std::env::var("SAMAR_REQUIRE_BACKEND") {
        assert!(Backend::from_name(&name).is_some(), "this machine has no backend {name}");
    }
    assert_eq!(Backend::from_name("avx1024"), None);
    for backend in Backend::available() {
        assert_eq!(Backend::from_name(backend.name()), Some(backend));
    }
}

#[test]
#[should_panic(expected = "different backends")]
fn batches_of_different_backends_do_not_mix() {
    let encoding = [RISTRETTO_BASEPOINT_POINT.compress().to_bytes()];
    let emulated = Backend::from_name("emulated").unwrap().decode(&encoding).unwrap();
    let _ = Backend::Portable.decode(&encoding).unwrap().add(&emulated);
}

#[test]
fn one_identity_in_a_batch_leaves_its_neighbours_alone() {
    let mut rng = StdRng::seed_from_u64(3);
    let points = random_points(&mut rng, 16);
    for backend in Backend::available() {
        for zeroed in 0..16 {
            let scalars: Vec<_> =
                (0..16).map(|i| if i == zeroed { Scalar::ZERO } else { Scalar::from(3u8) }).collect();
            let batch = backend.decode(&encode(&points)).unwrap();
            let expected: Vec<_> = points.iter().zip(&scalars).map(|(p, s)| (p + p) * s).collect();
            assert_eq!(batch.mul_each(&scalars).encode_double(), encode(&expected));
        }
    }
}

#[test]
fn decode_refuses_what_rfc_9496_refuses_and_names_the_place() {
    let good = RISTRETTO_BASEPOINT_POINT.compress().to_bytes();
    let mut non_canonical = [0xff; 32]; // not below 2^255 - 19
    non_canonical[31] = 0x7f;
    let mut negative = [0; 32];
    negative[0] = 1;
    let mut high_bit = good;
    high_bit[31] |= 0x80;
    for backend in Backend::available() {
        for index in 0..12 {
            let mut batch = [good; 12];
            for bad in [non_canonical, negative, high_bit, [0x13; 32]] {
                batch[index] = bad;
                assert_eq!(backend.decode(&batch).unwrap_err(), DecodeError::NotCanonical { index });
            }
            batch[index] = RistrettoPoint::identity().compress().to_bytes();
            assert_eq!(backend.decode(&batch).unwrap_err(), DecodeError::Identity { index });
        }
    }
}

#[test]
fn debug_shows_no_coordinates() {
    let batch = Backend::Portable.decode(&[RISTRETTO_BASEPOINT_POINT.compress().to_bytes()]).unwrap();
    assert_eq!(format!("{batch:?}"), "Points(1 elements)");
}

#[test]
fn a_backend_is_chosen_by_name_and_its_absence_is_an_error() {
    let choose = |wanted: Option<&str>, required: Option<&str>| {
        Backend::choose(|name| match name {
            "SAMAR_BACKEND" => wanted.map(str::to_owned),
            "SAMAR_REQUIRE_BACKEND" => required.map(str::to_owned),
            _ => None,
        })
    };
    assert_eq!(choose(None, None), Ok(Backend::best()));
    assert_eq!(choose(Some("portable"), None), Ok(Backend::Portable));
    assert_eq!(choose(Some("portable"), Some("portable")), Ok(Backend::Portable));
    let other = BackendError::Other { chosen: "portable", required: "emulated" };
    assert_eq!(choose(Some("portable"), Some("emulated")), Err(other));
    let absent = BackendError::Absent { name: "fpga".to_owned() };
    assert_eq!(choose(Some("fpga"), None), Err(absent.clone()));
    assert_eq!(choose(None, Some("fpga")), Err(absent));
}

#[test]
fn a_batch_of_several_parts_comes_to_the_same_as_its_elements() {
    let count = 2 * PART_ELEMENTS + 9;
    let messages: Vec<[u8; 4]> = (0..count as u32).map(u32::to_le_bytes).collect();
    let scalars: Vec<Scalar> = (1..=count as u64).map(Scalar::from).collect();
    let weights: Vec<u128> = (0..count as u128).map(|index| index << 90 | index).collect();
    for backend in Backend::available().into_iter().filter(|backend| backend.name() != "emulated") {
        let whole = backend.hash_to_group(b"parts", &messages);
        assert_eq!((whole.len(), whole.0.len()), (count, 3));
        let tail = backend.hash_to_group(b"parts", &messages[count - 9..]);
        let last = |encodings: Vec<[u8; 32]>| encodings[count - 9..].to_vec();
        assert_eq!(last(whole.encode()), tail.encode());
        assert_eq!(last(whole.mul_shared(&scalars[5]).encode()), tail.mul_shared(&scalars[5]).encode());
        let each = whole.mul_each(&scalars);
        assert_eq!(last(each.encode_double()), tail.mul_each(&scalars[count - 9..]).encode_double());
        let based = Points::mul_base_each(backend, &scalars);
        assert_eq!(
            based.encode()[count - 1],
            Points::mul_base_each(backend, &scalars[count - 1..]).encode()[0]
        );
        assert_eq!(whole.add(&each).sub(&each).encode(), whole.encode());
        let sum = |range: core::ops::Range<usize>| {
            backend.hash_to_group(b"parts", &messages[range.clone()]).weighted_sum_vartime(&weights[range])
        };
        assert_eq!(
            whole.weighted_sum_vartime(&weights),
            sum(0..1_000) + sum(1_000..2_900) + sum(2_900..count)
        );

        let mut encodings = whole.encode();
        assert_eq!(backend.decode(&encodings).unwrap().encode(), encodings);
        encodings[count - 2] = [0; 32];
        encodings[PART_ELEMENTS + 3] = [0xff; 32];
        let index = PART_ELEMENTS + 3;
        assert_eq!(
            backend.decode(&encodings).unwrap_err(),
            DecodeError::NotCanonical { index },
            "the first one"
        );
        encodings.swap(PART_ELEMENTS + 3, PART_ELEMENTS - 1);
        let index = PART_ELEMENTS - 1;
        assert_eq!(backend.decode(&encodings).unwrap_err(), DecodeError::NotCanonical { index });
        encodings[PART_ELEMENTS - 1] = whole.encode()[0];
        assert_eq!(backend.decode(&encodings[..count - 3]).unwrap().len(), count - 3);
        assert_eq!(backend.decode(&encodings).unwrap_err(), DecodeError::Identity { index: count - 2 });
    }
}
