//! Eight elements of GF(2^255 - 19) at a time: five limbs in radix 2^51, limb i of all eight in one vector.
//!
//! | form | every limb | may be |
//! | --- | --- | --- |
//! | [`Fe`] | < 2^52 | multiplied, negated, compared |
//! | [`Wide`] | < 2^63 | added, subtracted, carried |
//!
//! A product of two `Fe` is a `Wide` below 2^60.1, one of two carried `Fe` below 2^59. Sums and differences are taken
//! on `Wide` values only, before the one carry: the sum of two `Fe` could pass 2^52, where a multiplication would
//! silently drop the bit. A carry takes anything below 2^63 to limbs below 2^51 + 2^17, *carried*.

use super::leaf::{self, Mask, V};

/// A multiplication operand: limbs below 2^52.
#[derive(Clone, Copy)]
pub(super) struct Fe(pub(super) [V; 5]);

/// A sum of products or of operands: limbs below 2^63.
#[derive(Clone, Copy)]
pub(super) struct Wide(pub(super) [V; 5]);

impl zeroize::Zeroize for Fe {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// A constant as five 51-bit limbs.
pub(super) type Limbs = [u64; 5];

const LOW_51: u64 = (1 << 51) - 1;
const ZERO: Limbs = [0; 5];
const ONE: Limbs = [1, 0, 0, 0, 0];
/// p · 2^11, what a subtraction adds: each limb is above 2^61.9, more than any two products.
const BIAS: Limbs = [((1 << 51) - 19) << 11, LOW_51 << 11, LOW_51 << 11, LOW_51 << 11, LOW_51 << 11];
/// 2p, from which a carried element can be taken limb by limb.
const TWO_P: Limbs = [(1 << 52) - 38, (1 << 52) - 2, (1 << 52) - 2, (1 << 52) - 2, (1 << 52) - 2];
/// The square root of -1 that is not negative (RFC 9496 section 4.1).
pub(super) const SQRT_M1: Limbs =
    [0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d];

kernel! {

/// Debug builds only: every limb is below `bound`.
fn check(limbs: &[V; 5], bound: u64) {
    if cfg!(debug_assertions) {
        for limb in limbs {
            for lane in leaf::to_array(*limb) {
                assert!(lane < bound, "limb {lane:#x} is not below {bound:#x}");
            }
        }
    }
}

/// The same constant in every lane.
pub(super) fn constant(limbs: &Limbs) -> Fe {
    let mut v = [leaf::splat(0); 5];
    for i in 0..5 {
        v[i] = leaf::splat(limbs[i]);
    }
    Fe(v)
}

pub(super) fn zero() -> Fe {
    constant(&ZERO)
}

pub(super) fn one() -> Fe {
    constant(&ONE)
}

/// In: both < 2^52. Out: < 2^60.1 (z_k sums at most 5 low and 5 doubled high halves, so r_k < 2^52 · (1 + 19 · 14)).
pub(super) fn mul_wide(a: &Fe, b: &Fe) -> Wide {
    check(&a.0, 1 << 52);
    check(&b.0, 1 << 52);
    let mut z = [leaf::splat(0); 10];
    for i in 0..5 {
        for j in 0..5 {
            z[i + j + 1] = leaf::madd_hi(z[i + j + 1], a.0[i], b.0[j]);
        }
    }
    for k in 1..10 {
        z[k] = leaf::add(z[k], z[k]); // 2^52 is two units of the next limb
    }
    for i in 0..5 {
        for j in 0..5 {
            z[i + j] = leaf::madd_lo(z[i + j], a.0[i], b.0[j]);
        }
    }
    fold(&z)
}

/// In: < 2^52. Out: as `mul_wide`.
pub(super) fn square_wide(a: &Fe) -> Wide {
    check(&a.0, 1 << 52);
    let mut z = [leaf::splat(0); 10];
    for i in 0..5 {
        for j in i + 1..5 {
            z[i + j + 1] = leaf::madd_hi(z[i + j + 1], a.0[i], a.0[j]);
        }
    }
    for k in 2..9 {
        z[k] = leaf::add(z[k], z[k]); // each cross product counts twice
    }
    for i in 0..5 {
        z[2 * i + 1] = leaf::madd_hi(z[2 * i + 1], a.0[i], a.0[i]);
        for j in i + 1..5 {
            z[i + j] = leaf::madd_lo(z[i + j], a.0[i], a.0[j]);
        }
    }
    for k in 1..10 {
        z[k] = leaf::add(z[k], z[k]);
    }
    for i in 0..5 {
        z[2 * i] = leaf::madd_lo(z[2 * i], a.0[i], a.0[i]);
    }
    fold(&z)
}

/// 2^255 = 19: r_k = z_k + 19 · z_{k+5}.
fn fold(z: &[V; 10]) -> Wide {
    let mut r = [leaf::splat(0); 5];
    for k in 0..5 {
        r[k] = leaf::add(z[k], leaf::times_19(z[k + 5]));
    }
    check(&r, (1 << 60) + (1 << 57));
    Wide(r)
}

/// In: < 2^63. Out: carried (< 2^51 + 2^17). One parallel pass: a carry is below 2^12, 19 of it below 2^17.
pub(super) fn carry(a: &Wide) -> Fe {
    check(&a.0, 1 << 63);
    let mask = leaf::splat(LOW_51);
    let mut out = [leaf::splat(0); 5];
    for i in 0..5 {
        out[i] = leaf::and(a.0[i], mask);
    }
    out[0] = leaf::madd_lo(out[0], leaf::shr(a.0[4], 51), leaf::splat(19));
    for i in 1..5 {
        out[i] = leaf::add(out[i], leaf::shr(a.0[i - 1], 51));
    }
    check(&out, (1 << 51) + (1 << 17));
    Fe(out)
}

/// In: < 2^52 each. Out: carried.
pub(super) fn mul(a: &Fe, b: &Fe) -> Fe {
    carry(&mul_wide(a, b))
}

/// In: < 2^52. Out: carried.
pub(super) fn square(a: &Fe) -> Fe {
    carry(&square_wide(a))
}

/// The same value, to be added or subtracted.
pub(super) fn widen(a: &Fe) -> Wide {
    Wide(a.0)
}

/// In: sums below 2^63. Out: the sum.
pub(super) fn add_wide(a: &Wide, b: &Wide) -> Wide {
    let mut out = [leaf::splat(0); 5];
    for i in 0..5 {
        out[i] = leaf::add(a.0[i], b.0[i]);
    }
    check(&out, 1 << 63);
    Wide(out)
}

/// In: b < 2^61.9; a < 2^62. Out: < 2^63, congruent to a - b.
pub(super) fn sub_wide(a: &Wide, b: &Wide) -> Wide {
    check(&b.0, ((1 << 51) - 19) << 11);
    let mut out = [leaf::splat(0); 5];
    for i in 0..5 {
        out[i] = leaf::sub(leaf::add(a.0[i], leaf::splat(BIAS[i])), b.0[i]);
    }
    check(&out, 1 << 63);
    Wide(out)
}

/// a + b, carried.
pub(super) fn add(a: &Fe, b: &Fe) -> Fe {
    carry(&add_wide(&widen(a), &widen(b)))
}

/// a - b, carried.
pub(super) fn sub(a: &Fe, b: &Fe) -> Fe {
    carry(&sub_wide(&widen(a), &widen(b)))
}

/// In: carried. Out: -a with limbs < 2^52, to be multiplied but not negated again.
pub(super) fn neg(a: &Fe) -> Fe {
    check(&a.0, (1 << 51) + (1 << 17));
    let mut out = [leaf::splat(0); 5];
    for i in 0..5 {
        out[i] = leaf::sub(leaf::splat(TWO_P[i]), a.0[i]);
    }
    check(&out, 1 << 52);
    Fe(out)
}

/// `b` in the lanes of `mask` and `a` elsewhere.
pub(super) fn select(mask: Mask, a: &Fe, b: &Fe) -> Fe {
    let mut out = [leaf::splat(0); 5];
    for i in 0..5 {
        out[i] = leaf::select(mask, a.0[i], b.0[i]);
    }
    Fe(out)
}

/// The lanes of `mask` negated. In: carried. Out: < 2^52.
pub(super) fn negate_where(mask: Mask, a: &Fe) -> Fe {
    select(mask, a, &neg(a))
}

/// The one representative below p, in 51-bit limbs. In: < 2^52.
pub(super) fn canonical(a: &Fe) -> Fe {
    let mask = leaf::splat(LOW_51);
    let mut r = carry(&widen(a)).0; // below 2^255 + 2^223, so below 2p
    // The quotient by p is the carry out of r + 19.
    let mut quotient = leaf::shr(leaf::add(r[0], leaf::splat(19)), 51);
    for limb in &r[1..] {
        quotient = leaf::shr(leaf::add(*limb, quotient), 51);
    }
    r[0] = leaf::madd_lo(r[0], quotient, leaf::splat(19));
    for i in 0..4 {
        r[i + 1] = leaf::add(r[i + 1], leaf::shr(r[i], 51));
        r[i] = leaf::and(r[i], mask);
    }
    r[4] = leaf::and(r[4], mask);
    Fe(r)
}

/// The lanes whose canonical value is odd (RFC 9496 section 3.1).
pub(super) fn is_negative(a: &Fe) -> Mask {
    let low = leaf::and(canonical(a).0[0], leaf::splat(1));
    leaf::equal(low, leaf::splat(1))
}

/// The lanes whose value is zero.
pub(super) fn is_zero(a: &Fe) -> Mask {
    let r = canonical(a).0;
    let any = leaf::or(leaf::or(leaf::or(r[0], r[1]), leaf::or(r[2], r[3])), r[4]);
    leaf::equal(any, leaf::splat(0))
}

/// The lanes in which a = b. In: < 2^52 each.
pub(super) fn equal(a: &Fe, b: &Fe) -> Mask {
    is_zero(&sub(a, b))
}

/// The one of a and -a that is not negative. In: < 2^52. Out: < 2^52, not to be negated again.
pub(super) fn absolute(a: &Fe) -> Fe {
    let r = canonical(a);
    let low = leaf::and(r.0[0], leaf::splat(1));
    negate_where(leaf::equal(low, leaf::splat(1)), &r)
}

/// The same, carried.
pub(super) fn carried_absolute(a: &Fe) -> Fe {
    carry(&widen(&absolute(a)))
}

/// Eight encodings of 32 bytes as four little-endian words each, taken modulo 2^255 (the top bit is dropped).
pub(super) fn from_words(w: &[V; 4]) -> Fe {
    let mask = leaf::splat(LOW_51);
    Fe([
        leaf::and(w[0], mask),
        leaf::and(leaf::or(leaf::shr(w[0], 51), leaf::shl(w[1], 13)), mask),
        leaf::and(leaf::or(leaf::shr(w[1], 38), leaf::shl(w[2], 26)), mask),
        leaf::and(leaf::or(leaf::shr(w[2], 25), leaf::shl(w[3], 39)), mask),
        leaf::and(leaf::shr(w[3], 12), mask),
    ])
}

/// The canonical value as four little-endian words.
pub(super) fn to_words(a: &Fe) -> [V; 4] {
    let r = canonical(a).0;
    [
        leaf::or(r[0], leaf::shl(r[1], 51)),
        leaf::or(leaf::shr(r[1], 13), leaf::shl(r[2], 38)),
        leaf::or(leaf::shr(r[2], 26), leaf::shl(r[3], 25)),
        leaf::or(leaf::shr(r[3], 39), leaf::shl(r[4], 12)),
    ]
}

/// The lanes whose words are not below p or have the top bit set: no canonical field element.
pub(super) fn out_of_range(w: &[V; 4]) -> Mask {
    let ones = leaf::splat(u64::MAX);
    let upper = leaf::equal(w[1], ones) & leaf::equal(w[2], ones);
    let above = upper
        & leaf::at_least(w[0], leaf::splat(u64::MAX - 18))
        & leaf::equal(w[3], leaf::splat(u64::MAX >> 1));
    above | leaf::at_least(w[3], leaf::splat(1 << 63))
}

}

outlined! {

/// Two independent chains of `count` squarings: one chain alone waits for its own latency.
fn square_pair(pair: &mut [Fe; 2], count: u32) {
    let [mut a, mut b] = *pair;
    for _ in 0..count {
        (a, b) = (square(&a), square(&b));
    }
    *pair = [a, b];
}

fn mul_pair(a: &[Fe; 2], b: &[Fe; 2]) -> [Fe; 2] {
    [mul(&a[0], &b[0]), mul(&a[1], &b[1])]
}

/// a^((p - 5) / 8) = a^(2^252 - 3), for two vectors.
fn power_p58(a: &[Fe; 2]) -> [Fe; 2] {
    let squared = |mut x: [Fe; 2], count| {
        square_pair(&mut x, count);
        x
    };
    let a2 = squared(*a, 1);
    let a9 = mul_pair(&squared(a2, 2), a);
    let a11 = mul_pair(&a9, &a2);
    let e5 = mul_pair(&squared(a11, 1), &a9); // 2^5 - 1
    let e10 = mul_pair(&squared(e5, 5), &e5);
    let e20 = mul_pair(&squared(e10, 10), &e10);
    let e40 = mul_pair(&squared(e20, 20), &e20);
    let e50 = mul_pair(&squared(e40, 10), &e10);
    let e100 = mul_pair(&squared(e50, 50), &e50);
    let e200 = mul_pair(&squared(e100, 100), &e100);
    let e250 = mul_pair(&squared(e200, 50), &e50);
    mul_pair(&squared(e250, 2), a)
}

/// 1 / a, and 0 for 0, for two vectors: a^(p - 2) with p - 2 = 8 (p - 5) / 8 + 3.
pub(super) fn invert(a: &[Fe; 2]) -> [Fe; 2] {
    let mut power = power_p58(a);
    square_pair(&mut power, 3);
    mul_pair(&power, &[mul(&square(&a[0]), &a[0]), mul(&square(&a[1]), &a[1])])
}

/// SQRT_RATIO_M1 of RFC 9496 section 4.2 for two vectors: (the lanes where u/v is a square, the root). In: carried.
pub(super) fn sqrt_ratio(u: &[Fe; 2], v: &[Fe; 2]) -> [(Mask, Fe); 2] {
    let mut uv3 = [zero(); 2];
    let mut uv7 = [zero(); 2];
    for i in 0..2 {
        let v3 = mul(&square(&v[i]), &v[i]);
        uv3[i] = mul(&u[i], &v3);
        uv7[i] = mul(&uv3[i], &square(&square(&v[i])));
    }
    let power = power_p58(&uv7);
    let mut out = [(0, zero()); 2];
    for i in 0..2 {
        let root = mul(&uv3[i], &power[i]);
        let check = mul(&v[i], &square(&root));
        let minus_u = neg(&u[i]);
        let correct = equal(&check, &u[i]);
        let flipped = equal(&check, &minus_u);
        let flipped_i = equal(&check, &mul(&minus_u, &constant(&SQRT_M1)));
        let turned = mul(&root, &constant(&SQRT_M1));
        out[i] = (correct | flipped, absolute(&select(flipped | flipped_i, &root, &turned)));
    }
    out
}

}
