//! What the seam cannot reach: limbs at their bounds, and other representatives of a coset.

use curve25519_dalek::RistrettoPoint;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::batch::Batch;
use super::edwards::{self, Extended};
use super::field::{self, Fe, Limbs, SQRT_M1};
use super::{Detected, digits, leaf, ristretto};

const LOW_51: u64 = (1 << 51) - 1;
const P: Limbs = [LOW_51 - 18, LOW_51, LOW_51, LOW_51, LOW_51];

/// Runs a kernel where this CPU can, and says so where it cannot.
macro_rules! on_this_cpu {
    ($call:expr) => {
        match Detected::detect() {
            Some(detected) => enter!(detected, $call),
            None => eprintln!("skipped: this CPU cannot run {}", module_path!()),
        }
    };
}

impl Batch {
    pub(in crate::group) fn from_uniform_bytes(detected: Detected, bytes: &[[u8; 64]]) -> Self {
        Self { blocks: enter!(detected, uniform_blocks(bytes)), len: bytes.len(), detected }
    }
}

/// Any limbs to the canonical ones, the slow and plain way.
fn reduce(limbs: [u128; 5]) -> Limbs {
    let mut limbs = limbs;
    for _ in 0..4 {
        for i in 0..5 {
            let carry = limbs[i] >> 51;
            limbs[i] &= u128::from(LOW_51);
            limbs[(i + 1) % 5] += if i == 4 { 19 * carry } else { carry };
        }
    }
    let narrow = limbs.map(|limb| u64::try_from(limb).unwrap());
    let at_least_p = narrow[0] >= P[0] && narrow[1..] == P[1..];
    if at_least_p { [narrow[0] - P[0], 0, 0, 0, 0] } else { narrow }
}

fn product(a: &Limbs, b: &Limbs) -> Limbs {
    let [a, b] = [a, b].map(|limbs| reduce(limbs.map(u128::from)));
    let mut sum = [0; 5];
    for i in 0..5 {
        for j in 0..5 {
            let fold = if i + j < 5 { 1 } else { 19 };
            sum[(i + j) % 5] += fold * u128::from(a[i]) * u128::from(b[j]);
        }
    }
    reduce(sum)
}

fn sum(a: &Limbs, b: &Limbs, negate: bool) -> Limbs {
    let mut sum = a.map(u128::from);
    for i in 0..5 {
        sum[i] = if negate {
            sum[i] + (u128::from(P[i]) << 8) - u128::from(b[i])
        } else {
            sum[i] + u128::from(b[i])
        };
    }
    reduce(sum)
}

/// Limbs below `bound`, at and around every edge, and random ones.
fn samples(bound: u64) -> Vec<Limbs> {
    let top = bound - 1;
    let mut samples = vec![
        [0; 5],
        [1, 0, 0, 0, 0],
        P,
        [P[0] - 1, P[1], P[2], P[3], P[4]],
        [P[0] + 1, P[1], P[2], P[3], P[4]],
        [LOW_51; 5],
        [top; 5],
        [LOW_51 + 1; 5],
    ];
    for limb in 0..5 {
        let mut one = [0; 5];
        one[limb] = top;
        samples.push(one);
    }
    let mut rng = StdRng::seed_from_u64(5);
    samples.extend((0..19).map(|_| core::array::from_fn(|_| rng.random_range(0..bound))));
    samples
}

kernel! {

fn pack(eight: &[Limbs]) -> Fe {
    let mut packed = field::zero();
    for i in 0..5 {
        let mut lanes = [0; 8];
        for (lane, limbs) in lanes.iter_mut().zip(eight) {
            *lane = limbs[i];
        }
        packed.0[i] = leaf::from_array(lanes);
    }
    packed
}

fn assert_lanes(found: &Fe, expected: impl Fn(usize) -> Limbs, count: usize) {
    let canonical = field::canonical(found);
    for lane in 0..count {
        let mut limbs = [0; 5];
        for i in 0..5 {
            limbs[i] = leaf::to_array(canonical.0[i])[lane];
        }
        assert_eq!(limbs, expected(lane), "lane {lane}");
    }
}

fn multiply_at_the_bounds() {
    for a in samples(1 << 52).chunks(8) {
        let packed = pack(a);
        assert_lanes(&packed, |lane| reduce(a[lane].map(u128::from)), a.len());
        assert_lanes(&field::square(&packed), |lane| product(&a[lane], &a[lane]), a.len());
        for b in samples(1 << 52) {
            assert_lanes(&field::mul(&packed, &field::constant(&b)), |lane| product(&a[lane], &b), a.len());
        }
    }
}

fn add_at_the_bounds() {
    for a in samples((1 << 51) + (1 << 17)).chunks(8) {
        let packed = pack(a);
        assert_lanes(&field::neg(&packed), |lane| sum(&[0; 5], &a[lane], true), a.len());
        for b in samples(1 << 52) {
            let other = field::constant(&b);
            assert_lanes(&field::add(&packed, &other), |lane| sum(&a[lane], &b, false), a.len());
            assert_lanes(&field::sub(&packed, &other), |lane| sum(&a[lane], &b, true), a.len());
        }
    }
    // The widest values that a carry and a subtraction state to take.
    let widest = field::Wide([leaf::splat((1 << 63) - 1); 5]);
    assert_lanes(&field::carry(&widest), |_| reduce([(1 << 63) - 1; 5]), 8);
    let (a, b) = ((1 << 62) - 1, (P[0] << 11) - 1);
    let difference = field::sub_wide(&field::Wide([leaf::splat(a); 5]), &field::Wide([leaf::splat(b); 5]));
    let mut expected = [0; 5];
    for i in 0..5 {
        expected[i] = u128::from(a) + (u128::from(P[i]) << 20) - u128::from(b);
    }
    assert_lanes(&field::carry(&difference), |_| reduce(expected), 8);
}

fn invert_and_root() {
    let values = samples((1 << 51) + (1 << 17));
    for a in values.chunks(8) {
        let packed = pack(a);
        let [inverse, _] = field::invert(&[packed, packed]);
        let zero = |lane: usize| reduce(a[lane].map(u128::from)) == [0; 5];
        assert_lanes(
            &field::mul(&inverse, &packed),
            |lane| if zero(lane) { [0; 5] } else { [1, 0, 0, 0, 0] },
            a.len(),
        );
        // u / v with v = a and u = a b², a square: the root is ±b. i times that has none.
        let b = field::square(&field::add(&packed, &field::one()));
        let u = field::mul(&packed, &field::square(&b));
        let not = field::mul(&u, &field::constant(&SQRT_M1));
        let [(is, root), (is_not, _)] = field::sqrt_ratio(&[u, not], &[packed, packed]);
        for lane in 0..a.len() {
            assert_eq!(is >> lane & 1, 1, "lane {lane} is a square");
            let trivial = zero(lane) || leaf::to_array(field::canonical(&b).0[0])[lane] == 0;
            assert!(trivial || is_not >> lane & 1 == 0, "lane {lane} is not");
        }
        let squared = field::mul(&packed, &field::square(&root));
        assert_eq!(field::equal(&squared, &u), 0xff); // lanes past the end are zero on both sides
        assert_eq!(field::is_negative(&root), 0);
    }
}

/// P plus each of the four points that ristretto255 makes equal to the identity.
fn representatives(p: &Extended) -> [Extended; 4] {
    let (zero, one, i) = (field::zero(), field::one(), field::constant(&SQRT_M1));
    let torsion = |x: Fe, y: Fe| Extended { x, y, z: one, t: zero };
    let minus = |a: &Fe| field::sub(&zero, a);
    [
        *p,
        edwards::add_extended(p, &torsion(zero, minus(&one))),
        edwards::add_extended(p, &torsion(i, zero)),
        edwards::add_extended(p, &torsion(minus(&i), zero)),
    ]
}

fn uniform_blocks(bytes: &[[u8; 64]]) -> Vec<Extended> {
    let mut blocks = Vec::new();
    for eight in bytes.chunks(8) {
        let half =
            |at: usize| -> Vec<[u8; 32]> { eight.iter().map(|b| *b[at..].first_chunk().unwrap()).collect() };
        let (low, high) = (half(0), half(32));
        let t = [
            field::from_words(&digits::words(&low, &[0; 32])),
            field::from_words(&digits::words(&high, &[0; 32])),
        ];
        blocks.push(ristretto::from_uniform(&t));
    }
    blocks
}

}

#[test]
fn multiplication_is_right_with_limbs_at_their_maxima() {
    on_this_cpu!(multiply_at_the_bounds());
}

#[test]
fn sums_are_right_with_limbs_at_their_maxima() {
    on_this_cpu!(add_at_the_bounds());
}

#[test]
fn inverses_and_roots_agree_with_their_definitions() {
    on_this_cpu!(invert_and_root());
}

#[test]
fn every_representative_of_an_element_encodes_alike() {
    let Some(detected) = Detected::detect() else { return };
    let mut rng = StdRng::seed_from_u64(6);
    let points: Vec<RistrettoPoint> = (0..8).map(|_| RistrettoPoint::random(&mut rng)).collect();
    let encodings: Vec<_> = points.iter().map(|point| point.compress().to_bytes()).collect();
    let doubled: Vec<_> = points.iter().map(|point| (point + point).compress().to_bytes()).collect();
    let scalar = curve25519_dalek::Scalar::random(&mut rng);
    let multiplied: Vec<_> = points.iter().map(|point| (point * scalar).compress().to_bytes()).collect();
    let batch = Batch::decode(detected, &encodings).unwrap();
    for representative in enter!(detected, representatives(&batch.blocks[0])) {
        let batch = Batch { blocks: vec![representative], len: 8, detected };
        assert_eq!(batch.encode(), encodings);
        assert_eq!(batch.encode_double(), doubled);
        assert_eq!(batch.mul_shared(&scalar).encode(), multiplied);
    }
}
