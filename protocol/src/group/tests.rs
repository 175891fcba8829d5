//! Every backend against curve25519-dalek, element by element.

use curve25519_dalek::{RistrettoPoint, Scalar, constants::RISTRETTO_BASEPOINT_POINT, traits::Identity as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{Backend, DecodeError};

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

            let doubled: Vec<_> = points.iter().map(|point| point + point).collect();
            assert_eq!(batch.encode_double(), encode(&doubled));

            let multiplied: Vec<_> = doubled.iter().map(|point| point * shared).collect();
            assert_eq!(batch.mul_shared(&shared).encode_double(), encode(&multiplied));

            let each: Vec<_> = doubled.iter().zip(&scalars).map(|(point, scalar)| point * scalar).collect();
            assert_eq!(batch.mul_each(&scalars).encode_double(), encode(&each));

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
        for scalar in [Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::from(2u8), -Scalar::from(2u8)] {
            let expected: Vec<_> = points.iter().map(|point| (point + point) * scalar).collect();
            // Multiplying by zero gives identities, which must not disturb the shared inversion.
            assert_eq!(batch.mul_shared(&scalar).encode_double(), encode(&expected));
        }
    }
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
