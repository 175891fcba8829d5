//! Points on the twisted Edwards curve -x² + y² = 1 + d x² y², eight at a time.
//!
//! The formulas are complete (Hisil, Wong, Carter, Dawson 2008: dbl and add for a = -1), so no input needs a case of its
//! own. Each ends in four values E, F, G, H with X = EF, Y = GH, Z = FG, T = EH, and the next step says which it needs.

use super::digits::Digit;
use super::field::{self, Fe, Limbs, Wide};
use super::leaf::{self, Mask, V};

/// 2d.
pub(super) const D2: Limbs =
    [0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff];

/// X/Z, Y/Z and T = XY/Z. All carried.
#[derive(Clone, Copy)]
pub(super) struct Extended {
    pub(super) x: Fe,
    pub(super) y: Fe,
    pub(super) z: Fe,
    pub(super) t: Fe,
}

/// What a doubling takes. All carried.
#[derive(Clone, Copy)]
pub(super) struct Doublable {
    x: Fe,
    y: Fe,
    z: Fe,
    x_plus_y: Fe,
}

/// What an addition takes on its left. All carried.
#[derive(Clone, Copy)]
pub(super) struct Addable {
    y_plus_x: Fe,
    y_minus_x: Fe,
    z: Fe,
    t: Fe,
}

/// What an addition takes on its right; carried, but for a negated `t2d` which is < 2^52.
#[derive(Clone, Copy)]
pub(super) struct Cached {
    y_plus_x: Fe,
    y_minus_x: Fe,
    z2: Fe,
    t2d: Fe,
}

/// A right-hand side with Z = 1: y + x, y - x, 2dxy.
#[derive(Clone, Copy)]
pub(super) struct Affine {
    pub(super) y_plus_x: Fe,
    pub(super) y_minus_x: Fe,
    pub(super) t2d: Fe,
}

/// The multiples 1 to 8 of eight points: 10,240 bytes, which stay in the first-level cache.
pub(super) struct Multiples([Cached; 8]);

struct Completed {
    e: Fe,
    f: Fe,
    g: Fe,
    h: Fe,
}

impl zeroize::Zeroize for Extended {
    fn zeroize(&mut self) {
        for fe in [&mut self.x, &mut self.y, &mut self.z, &mut self.t] {
            fe.zeroize();
        }
    }
}

impl zeroize::Zeroize for Multiples {
    fn zeroize(&mut self) {
        for entry in &mut self.0 {
            for fe in [&mut entry.y_plus_x, &mut entry.y_minus_x, &mut entry.z2, &mut entry.t2d] {
                fe.zeroize();
            }
        }
    }
}

impl zeroize::Zeroize for Addable {
    fn zeroize(&mut self) {
        for fe in [&mut self.y_plus_x, &mut self.y_minus_x, &mut self.z, &mut self.t] {
            fe.zeroize();
        }
    }
}

kernel! {

pub(super) fn identity() -> Extended {
    Extended { x: field::zero(), y: field::one(), z: field::one(), t: field::zero() }
}

pub(super) fn addable_identity() -> Addable {
    to_addable(&identity())
}

pub(super) fn affine_identity() -> Affine {
    Affine { y_plus_x: field::one(), y_minus_x: field::one(), t2d: field::zero() }
}

pub(super) fn cached_identity() -> Cached {
    let one = field::one();
    Cached { y_plus_x: one, y_minus_x: one, z2: field::add(&one, &one), t2d: field::zero() }
}

pub(super) fn negate(p: &Extended) -> Extended {
    let zero = field::zero();
    Extended { x: field::sub(&zero, &p.x), y: p.y, z: p.z, t: field::sub(&zero, &p.t) }
}

pub(super) fn to_doublable(p: &Extended) -> Doublable {
    Doublable { x: p.x, y: p.y, z: p.z, x_plus_y: field::add(&p.x, &p.y) }
}

pub(super) fn to_addable(p: &Extended) -> Addable {
    Addable { y_plus_x: field::add(&p.y, &p.x), y_minus_x: field::sub(&p.y, &p.x), z: p.z, t: p.t }
}

fn to_cached(p: &Extended) -> Cached {
    Cached {
        y_plus_x: field::add(&p.y, &p.x),
        y_minus_x: field::sub(&p.y, &p.x),
        z2: field::add(&p.z, &p.z),
        t2d: field::mul(&p.t, &field::constant(&D2)),
    }
}

/// Lane i takes lane i + distance.
pub(super) fn rotate_lanes(p: &Extended, distance: usize) -> Extended {
    let mut rotated = *p;
    for fe in [&mut rotated.x, &mut rotated.y, &mut rotated.z, &mut rotated.t] {
        for limb in &mut fe.0 {
            let mut lanes = leaf::to_array(*limb);
            lanes.rotate_left(distance);
            *limb = leaf::from_array(lanes);
        }
    }
    rotated
}

pub(super) fn cached_limbs(p: &Cached) -> [V; 20] {
    let mut limbs = [leaf::splat(0); 20];
    limbs[..5].copy_from_slice(&p.y_plus_x.0);
    limbs[5..10].copy_from_slice(&p.y_minus_x.0);
    limbs[10..15].copy_from_slice(&p.z2.0);
    limbs[15..].copy_from_slice(&p.t2d.0);
    limbs
}

pub(super) fn cached_from_limbs(limbs: &[V; 20]) -> Cached {
    let mut p = cached_identity();
    p.y_plus_x.0.copy_from_slice(&limbs[..5]);
    p.y_minus_x.0.copy_from_slice(&limbs[5..10]);
    p.z2.0.copy_from_slice(&limbs[10..15]);
    p.t2d.0.copy_from_slice(&limbs[15..]);
    p
}

fn write_cached(p: &Extended, entry: &mut Cached) {
    entry.y_plus_x = field::add(&p.y, &p.x);
    entry.y_minus_x = field::sub(&p.y, &p.x);
    entry.z2 = field::add(&p.z, &p.z);
    entry.t2d = field::mul(&p.t, &field::constant(&D2));
}

/// 4 S. With S_i < 2^59: E, F, G, H before their carry are below 2^62 + 2^61.
fn double(p: &Doublable) -> Completed {
    let xx = field::square_wide(&p.x);
    let yy = field::square_wide(&p.y);
    let zz = field::square_wide(&p.z);
    let sum = field::square_wide(&p.x_plus_y);
    let h = field::add_wide(&xx, &yy);
    let e = field::sub_wide(&sum, &h);
    let g = field::sub_wide(&yy, &xx);
    let zz_xx = field::add_wide(&zz, &xx);
    let f = field::sub_wide(&field::add_wide(&zz, &zz_xx), &yy); // 2 Z² - G
    Completed { e: field::carry(&e), f: field::carry(&f), g: field::carry(&g), h: field::carry(&h) }
}

/// 4 M.
fn add(p: &Addable, q: &Cached) -> Completed {
    let zz = field::mul_wide(&p.z, &q.z2);
    completed(p, &q.y_plus_x, &q.y_minus_x, &q.t2d, &zz)
}

/// 3 M.
fn add_affine_completed(p: &Addable, q: &Affine) -> Completed {
    let zz = field::widen(&p.z);
    completed(p, &q.y_plus_x, &q.y_minus_x, &q.t2d, &field::add_wide(&zz, &zz))
}

fn completed(p: &Addable, y_plus_x: &Fe, y_minus_x: &Fe, t2d: &Fe, zz: &Wide) -> Completed {
    let a = field::mul_wide(&p.y_minus_x, y_minus_x);
    let b = field::mul_wide(&p.y_plus_x, y_plus_x);
    let c = field::mul_wide(&p.t, t2d);
    Completed {
        e: field::carry(&field::sub_wide(&b, &a)),
        f: field::carry(&field::sub_wide(zz, &c)),
        g: field::carry(&field::add_wide(zz, &c)),
        h: field::carry(&field::add_wide(&b, &a)),
    }
}

/// 3 M. Written in place: a returned value of 1,280 bytes would be copied once more.
fn write_doublable(c: &Completed, p: &mut Doublable) {
    let x = field::mul_wide(&c.e, &c.f);
    let y = field::mul_wide(&c.g, &c.h);
    p.x = field::carry(&x);
    p.y = field::carry(&y);
    p.x_plus_y = field::carry(&field::add_wide(&x, &y));
    p.z = field::mul(&c.f, &c.g);
}

/// 4 M.
fn write_addable(c: &Completed, p: &mut Addable) {
    let x = field::mul_wide(&c.e, &c.f);
    let y = field::mul_wide(&c.g, &c.h);
    p.y_plus_x = field::carry(&field::add_wide(&y, &x));
    p.y_minus_x = field::carry(&field::sub_wide(&y, &x));
    p.z = field::mul(&c.f, &c.g);
    p.t = field::mul(&c.e, &c.h);
}

/// 4 M.
fn completed_to_extended(c: &Completed) -> Extended {
    Extended {
        x: field::mul(&c.e, &c.f),
        y: field::mul(&c.g, &c.h),
        z: field::mul(&c.f, &c.g),
        t: field::mul(&c.e, &c.h),
    }
}

/// The point X = w0 w3, Y = w2 w1, Z = w1 w3, T = w0 w2 that Elligator ends in. 4 M.
pub(super) fn from_parts(w0: &Fe, w3: &Fe, w1: &Fe, w2: &Fe) -> Extended {
    completed_to_extended(&Completed { e: *w0, f: *w3, g: *w1, h: *w2 })
}

/// The same point, scaled by two to spare a halving.
pub(super) fn addable_to_extended(p: &Addable) -> Extended {
    Extended {
        x: field::sub(&p.y_plus_x, &p.y_minus_x),
        y: field::add(&p.y_plus_x, &p.y_minus_x),
        z: field::add(&p.z, &p.z),
        t: field::add(&p.t, &p.t),
    }
}

pub(super) fn addable_to_cached(p: &Addable) -> Cached {
    Cached {
        y_plus_x: p.y_plus_x,
        y_minus_x: p.y_minus_x,
        z2: field::add(&p.z, &p.z),
        t2d: field::mul(&p.t, &field::constant(&D2)),
    }
}

/// -p in the lanes of `mask`.
pub(super) fn negate_affine_where(mask: Mask, p: &Affine) -> Affine {
    Affine {
        y_plus_x: field::select(mask, &p.y_plus_x, &p.y_minus_x),
        y_minus_x: field::select(mask, &p.y_minus_x, &p.y_plus_x),
        t2d: field::negate_where(mask, &p.t2d),
    }
}

/// `q` in the lanes of `mask` and `p` elsewhere.
pub(super) fn select_extended(mask: Mask, p: &Extended, q: &Extended) -> Extended {
    Extended {
        x: field::select(mask, &p.x, &q.x),
        y: field::select(mask, &p.y, &q.y),
        z: field::select(mask, &p.z, &q.z),
        t: field::select(mask, &p.t, &q.t),
    }
}

/// p + q. 8 M.
pub(super) fn add_cached(p: &Extended, q: &Cached) -> Extended {
    completed_to_extended(&add(&to_addable(p), q))
}

/// p + q. 9 M.
pub(super) fn add_extended(p: &Extended, q: &Extended) -> Extended {
    completed_to_extended(&add(&to_addable(p), &to_cached(q)))
}

/// 2 p. 4 S + 4 M.
pub(super) fn double_extended(p: &Extended) -> Extended {
    completed_to_extended(&double(&to_doublable(p)))
}

}

outlined! {

/// 8 p, to be doubled once more.
fn double_three_times(p: &mut Doublable) {
    for _ in 0..3 {
        write_doublable(&double(p), p);
    }
}

/// 2 p, to be added to.
fn double_to_addable(p: &Doublable, sum: &mut Addable) {
    write_addable(&double(p), sum);
}

/// p + q, to be doubled.
fn add_to_doublable(p: &Addable, q: &Cached, sum: &mut Doublable) {
    write_doublable(&add(p, q), sum);
}

/// p + q, to be added to.
pub(super) fn add_affine(p: &mut Addable, q: &Affine) {
    write_addable(&add_affine_completed(p, q), p);
}

fn add_to_extended(p: &Addable, q: &Cached) -> Extended {
    completed_to_extended(&add(p, q))
}

/// digit · P for a digit from -8 to 8 in each lane. Every entry is read whatever the digits are.
fn select_multiple(table: &Multiples, digit: &Digit) -> Cached {
    let mut chosen = cached_identity();
    let mut number = leaf::splat(1);
    for entry in &table.0 {
        let here = leaf::opaque(leaf::equal(digit.magnitude, number));
        number = leaf::add(number, leaf::splat(1));
        chosen.y_plus_x = field::select(here, &chosen.y_plus_x, &entry.y_plus_x);
        chosen.y_minus_x = field::select(here, &chosen.y_minus_x, &entry.y_minus_x);
        chosen.z2 = field::select(here, &chosen.z2, &entry.z2);
        chosen.t2d = field::select(here, &chosen.t2d, &entry.t2d);
    }
    let negative = leaf::opaque(digit.negative);
    Cached {
        y_plus_x: field::select(negative, &chosen.y_plus_x, &chosen.y_minus_x),
        y_minus_x: field::select(negative, &chosen.y_minus_x, &chosen.y_plus_x),
        z2: chosen.z2,
        t2d: field::negate_where(negative, &chosen.t2d),
    }
}

fn fill_multiples(table: &mut Multiples, p: &Extended) {
    let [first, rest @ ..] = &mut table.0;
    write_cached(p, first);
    let two = double_extended(p);
    let three = add_to_extended(&to_addable(&two), first);
    let four = double_extended(&two);
    let five = add_to_extended(&to_addable(&four), first);
    let six = double_extended(&three);
    let seven = add_to_extended(&to_addable(&six), first);
    let eight = double_extended(&four);
    for (entry, multiple) in rest.iter_mut().zip([&two, &three, &four, &five, &six, &seven, &eight]) {
        write_cached(multiple, entry);
    }
}

/// digits · P: signed radix 16, an addition a digit and four doublings between two, in constant time. `table` is scratch.
pub(super) fn multiply<const DIGITS: usize>(
    p: &Extended,
    digits: &[Digit; DIGITS],
    table: &mut Multiples,
) -> Extended {
    fill_multiples(table, p);
    let mut addable = to_addable(&identity());
    let mut doublable = to_doublable(&identity());
    for digit in digits[1..].iter().rev() {
        add_to_doublable(&addable, &select_multiple(table, digit), &mut doublable);
        double_three_times(&mut doublable);
        double_to_addable(&doublable, &mut addable);
    }
    add_to_extended(&addable, &select_multiple(table, &digits[0]))
}

/// A table to be filled.
pub(super) fn empty_multiples() -> Multiples {
    Multiples([cached_identity(); 8])
}

}
