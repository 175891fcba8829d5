//! ristretto255 (RFC 9496) on vectors of points: decoding, encoding, and the map from uniform bytes.
//!
//! Whatever needs an inverse square root works on two vectors at once, so that the two chains hide each other's latency.

use super::edwards::{self, Extended};
use super::field::{self, Fe, Limbs, SQRT_M1};
use super::leaf::{Mask, V};

/// Vectors of points that share one inversion: 512 points, 120 KB of intermediate values.
const SHARED: usize = 64;

// RFC 9496 section 4.1.
const D: Limbs = [0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff];
const ONE_MINUS_D_SQ: Limbs =
    [0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x06bccca55eedf, 0x029072a8b2b3e];
const D_MINUS_ONE_SQ: Limbs =
    [0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9, 0x5968b37af66c2];
const SQRT_AD_MINUS_ONE: Limbs =
    [0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498, 0x376931bf2b834];
const INVSQRT_A_MINUS_D: Limbs =
    [0x0fdaa805d40ea, 0x2eb482e57d339, 0x007610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff];

/// Eight decoded points and what was wrong with them.
#[derive(Clone, Copy)]
pub(super) struct Decoded {
    pub(super) point: Extended,
    pub(super) canonical: Mask,
    pub(super) identity: Mask,
}

/// What doubling and encoding keeps of a vector until the shared inversion is there.
struct Halfway {
    e: Fe,
    f: Fe,
    g: Fe,
    h: Fe,
    eg: Fe,
    fh: Fe,
    /// EFGH, with 1 for 0.
    efgh: Fe,
    zero: Mask,
    /// The product of the `efgh` before this one on the same chain.
    before: Fe,
}

kernel! {

/// Section 4.3.1 for 16 encodings. The points of lanes that are not canonical are meaningless.
pub(super) fn decode(words: &[[V; 4]; 2]) -> [Decoded; 2] {
    let one = field::one();
    let mut s = [one; 2];
    let (mut u1, mut u2, mut v, mut vu2u2) = ([one; 2], [one; 2], [one; 2], [one; 2]);
    for i in 0..2 {
        s[i] = field::from_words(&words[i]);
        let ss = field::square(&s[i]);
        u1[i] = field::sub(&one, &ss);
        u2[i] = field::add(&one, &ss);
        let u2u2 = field::square(&u2[i]);
        let du1u1 = field::mul(&field::constant(&D), &field::square(&u1[i]));
        v[i] = field::sub(&field::neg(&du1u1), &u2u2);
        vu2u2[i] = field::mul(&v[i], &u2u2);
    }
    let roots = field::sqrt_ratio(&[one; 2], &vu2u2);
    let mut out = [Decoded { point: edwards::identity(), canonical: 0, identity: 0 }; 2];
    for i in 0..2 {
        let (was_square, root) = roots[i];
        let den_x = field::mul(&root, &u2[i]);
        let den_y = field::mul(&root, &field::mul(&den_x, &v[i]));
        let sx = field::mul(&s[i], &den_x);
        let x = field::carried_absolute(&field::add(&sx, &sx));
        let y = field::mul(&u1[i], &den_y);
        let t = field::mul(&x, &y);
        out[i] = Decoded {
            point: Extended { x, y, z: one, t },
            canonical: was_square
                & !field::is_negative(&t)
                & !field::is_zero(&y)
                & !field::out_of_range(&words[i])
                & !field::is_negative(&s[i]),
            identity: field::is_zero(&s[i]),
        };
    }
    out
}

/// Section 4.3.2 for 16 points.
pub(super) fn encode(points: [&Extended; 2]) -> [[V; 4]; 2] {
    let one = field::one();
    let (mut u1, mut u2, mut u1u2u2) = ([one; 2], [one; 2], [one; 2]);
    for i in 0..2 {
        let p = points[i];
        u1[i] = field::mul(&field::add(&p.z, &p.y), &field::sub(&p.z, &p.y));
        u2[i] = field::mul(&p.x, &p.y);
        u1u2u2[i] = field::mul(&u1[i], &field::square(&u2[i]));
    }
    let roots = field::sqrt_ratio(&[one; 2], &u1u2u2);
    let mut out = [field::to_words(&one); 2];
    for i in 0..2 {
        let (p, root) = (points[i], roots[i].1);
        let den1 = field::mul(&root, &u1[i]);
        let den2 = field::mul(&root, &u2[i]);
        let z_inv = field::mul(&field::mul(&den1, &den2), &p.t);
        let rotate = field::is_negative(&field::mul(&p.t, &z_inv));
        let turned_x = field::mul(&p.x, &field::constant(&SQRT_M1));
        let turned_y = field::mul(&p.y, &field::constant(&SQRT_M1));
        let enchanted = field::mul(&den1, &field::constant(&INVSQRT_A_MINUS_D));
        let x = field::select(rotate, &p.x, &turned_y);
        let y = field::select(rotate, &p.y, &turned_x);
        let den_inv = field::select(rotate, &den2, &enchanted);
        let y = field::negate_where(field::is_negative(&field::mul(&x, &z_inv)), &y);
        let s = field::mul(&den_inv, &field::sub(&p.z, &y));
        out[i] = field::to_words(&field::absolute(&s));
    }
    out
}

/// The sum of the images of two uniform field elements (section 4.3.4): eight points.
pub(super) fn from_uniform(t: &[Fe; 2]) -> Extended {
    let [p, q] = map(t);
    edwards::add_extended(&p, &q)
}

/// MAP of section 4.3.4 for 16 field elements.
fn map(t: &[Fe; 2]) -> [Extended; 2] {
    let one = field::one();
    let (mut r, mut u, mut v) = ([one; 2], [one; 2], [one; 2]);
    for i in 0..2 {
        r[i] = field::mul(&field::constant(&SQRT_M1), &field::square(&t[i]));
        u[i] = field::mul(&field::add(&r[i], &one), &field::constant(&ONE_MINUS_D_SQ));
        let rd = field::mul(&r[i], &field::constant(&D));
        let minus_one_minus_rd = field::neg(&field::add(&one, &rd));
        v[i] = field::mul(&minus_one_minus_rd, &field::add(&r[i], &field::constant(&D)));
    }
    let roots = field::sqrt_ratio(&u, &v);
    let mut out = [edwards::identity(); 2];
    for i in 0..2 {
        let (was_square, root) = roots[i];
        let minus_one = field::neg(&one);
        let st = field::canonical(&field::absolute(&field::mul(&root, &t[i])));
        let s = field::select(was_square, &field::neg(&st), &root);
        let c = field::select(was_square, &r[i], &minus_one);
        let r_minus_one = field::sub(&r[i], &one);
        let n = field::mul(&c, &field::mul(&r_minus_one, &field::constant(&D_MINUS_ONE_SQ)));
        let n = field::sub(&n, &v[i]);
        let sv = field::mul(&s, &v[i]);
        let w0 = field::add(&sv, &sv);
        let w1 = field::mul(&n, &field::constant(&SQRT_AD_MINUS_ONE));
        let ss = field::square(&s);
        out[i] = edwards::from_parts(&w0, &field::add(&one, &ss), &w1, &field::sub(&one, &ss));
    }
    out
}

fn halfway(p: &Extended) -> Halfway {
    let xy = field::mul(&p.x, &p.y);
    let xx = field::square_wide(&p.x);
    let yy = field::square_wide(&p.y);
    let zz = field::square_wide(&p.z);
    let dtt = field::mul_wide(&field::square(&p.t), &field::constant(&D));
    let e = field::add(&xy, &xy);
    let f = field::carry(&field::add_wide(&zz, &dtt));
    let g = field::carry(&field::add_wide(&yy, &xx));
    let h = field::carry(&field::sub_wide(&zz, &dtt));
    let (eg, fh) = (field::mul(&e, &g), field::mul(&f, &h));
    let efgh = field::mul(&eg, &fh);
    let zero = field::is_zero(&efgh);
    let efgh = field::select(zero, &efgh, &field::one());
    Halfway { e, f, g, h, eg, fh, efgh, zero, before: field::one() }
}

/// The encoding of 2P out of the values of P and 1 / EFGH (Hamburg; as curve25519-dalek's `double_and_compress_batch`).
fn finish(w: &Halfway, inverse: &Fe) -> [V; 4] {
    let inverse = field::select(w.zero, inverse, &field::zero()); // 2P is the identity there, and so s is 0
    let z_inv = field::mul(&w.eg, &inverse);
    let t_inv = field::mul(&w.fh, &inverse);
    let turn = field::is_negative(&field::mul(&w.eg, &z_inv));
    let e = field::select(turn, &w.e, &w.g);
    let g = field::select(turn, &w.g, &field::carry(&field::widen(&field::neg(&w.e))));
    let h = field::select(turn, &w.h, &field::mul(&w.f, &field::constant(&SQRT_M1)));
    let magic = field::select(turn, &field::constant(&INVSQRT_A_MINUS_D), &field::constant(&SQRT_M1));
    let flip = field::is_negative(&field::mul(&field::mul(&h, &e), &z_inv));
    let g = field::negate_where(flip, &g);
    let s = field::mul(&field::sub(&h, &g), &field::mul(&magic, &field::mul(&g, &t_inv)));
    field::to_words(&field::absolute(&s))
}

/// The encodings of the doubles, one inversion for every [`SHARED`] vectors.
pub(super) fn encode_double(points: &[Extended], out: &mut Vec<[V; 4]>) {
    let mut work = Vec::with_capacity(SHARED.min(points.len()));
    for chunk in points.chunks(SHARED) {
        work.clear();
        let mut product = [field::one(); 2]; // even and odd vectors are two chains, inverted together
        for (index, point) in chunk.iter().enumerate() {
            let mut state = halfway(point);
            state.before = product[index % 2];
            product[index % 2] = field::mul(&state.before, &state.efgh);
            work.push(state);
        }
        let mut inverse = field::invert(&product);
        let start = out.len();
        out.resize(start + chunk.len(), field::to_words(&field::zero()));
        for (index, state) in work.iter().enumerate().rev() {
            let chain = &mut inverse[index % 2];
            out[start + index] = finish(state, &field::mul(chain, &state.before));
            *chain = field::mul(chain, &state.efgh);
        }
    }
}

}
