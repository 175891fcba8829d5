//! The leaf in plain Rust: eight words in an array. It runs everywhere, under valgrind too, and is the oracle for the
//! lane arithmetic; nobody should choose it for speed.

/// Eight 64-bit lanes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct V([u64; 8]);

impl zeroize::DefaultIsZeroes for V {}

/// One bit a lane, lane 0 lowest.
pub(super) type Mask = u8;

const LOW_52: u64 = (1 << 52) - 1;

fn each(a: V, b: V, f: impl Fn(u64, u64) -> u64) -> V {
    V(core::array::from_fn(|lane| f(a.0[lane], b.0[lane])))
}

fn product(a: u64, b: u64) -> u128 {
    u128::from(a & LOW_52) * u128::from(b & LOW_52)
}

kernel! {

/// The same word in every lane.
pub(super) fn splat(word: u64) -> V {
    V([word; 8])
}

pub(super) fn from_array(words: [u64; 8]) -> V {
    V(words)
}

pub(super) fn to_array(v: V) -> [u64; 8] {
    v.0
}

/// `acc + (a · b mod 2^52)`; only the low 52 bits of `a` and `b` count.
#[allow(clippy::cast_possible_truncation)] // the low half is what is asked for
pub(super) fn madd_lo(acc: V, a: V, b: V) -> V {
    add(acc, each(a, b, |a, b| product(a, b) as u64 & LOW_52))
}

/// `acc + (a · b >> 52)`; only the low 52 bits of `a` and `b` count.
#[allow(clippy::cast_possible_truncation)] // 104 bits less 52
pub(super) fn madd_hi(acc: V, a: V, b: V) -> V {
    add(acc, each(a, b, |a, b| (product(a, b) >> 52) as u64))
}

/// `19 · a`.
pub(super) fn times_19(a: V) -> V {
    each(a, a, |a, _| a.wrapping_mul(19))
}

pub(super) fn add(a: V, b: V) -> V {
    each(a, b, u64::wrapping_add)
}

pub(super) fn sub(a: V, b: V) -> V {
    each(a, b, u64::wrapping_sub)
}

pub(super) fn and(a: V, b: V) -> V {
    each(a, b, |a, b| a & b)
}

pub(super) fn or(a: V, b: V) -> V {
    each(a, b, |a, b| a | b)
}

/// `a >> bits`, the same public distance in every lane; 0 from 64 on.
pub(super) fn shr(a: V, bits: u64) -> V {
    each(a, a, |a, _| if bits < 64 { a >> bits } else { 0 })
}

/// `a << bits`, the same public distance in every lane; 0 from 64 on.
pub(super) fn shl(a: V, bits: u64) -> V {
    each(a, a, |a, _| if bits < 64 { a << bits } else { 0 })
}

/// Rotation to the right.
pub(super) fn rotr<const BITS: i32>(a: V) -> V {
    each(a, a, |a, _| a.rotate_right(BITS.unsigned_abs()))
}

pub(super) fn xor3(a: V, b: V, c: V) -> V {
    each(each(a, b, |a, b| a ^ b), c, |ab, c| ab ^ c)
}

/// Bit by bit, `b` where `a` is set and `c` elsewhere.
pub(super) fn choose(a: V, b: V, c: V) -> V {
    or(and(a, b), each(a, c, |a, c| !a & c))
}

/// Bit by bit, the value that two of the three hold.
pub(super) fn majority(a: V, b: V, c: V) -> V {
    or(or(and(a, b), and(a, c)), and(b, c))
}

/// Each lane with its bytes in the other order.
pub(super) fn swap_bytes(a: V) -> V {
    each(a, a, |a, _| a.swap_bytes())
}

/// The lanes in which `a == b`, in constant time.
pub(super) fn equal(a: V, b: V) -> Mask {
    let mut mask = 0;
    for lane in 0..8 {
        let difference = a.0[lane] ^ b.0[lane];
        let differs = (difference | difference.wrapping_neg()) >> 63;
        mask |= Mask::from(differs == 0) << lane;
    }
    mask
}

/// The lanes in which `a >= b`, unsigned, in constant time.
pub(super) fn at_least(a: V, b: V) -> Mask {
    let mut mask = 0;
    for lane in 0..8 {
        let (a, b) = (a.0[lane], b.0[lane]);
        let borrow = ((!a & b) | ((!a | b) & a.wrapping_sub(b))) >> 63;
        mask |= Mask::from(borrow == 0) << lane;
    }
    mask
}

/// `b` in the lanes of `mask` and `a` elsewhere, in constant time.
pub(super) fn select(mask: Mask, a: V, b: V) -> V {
    let mut chosen = a;
    for lane in 0..8 {
        let all = u64::from((mask >> lane) & 1).wrapping_neg();
        chosen.0[lane] ^= all & (a.0[lane] ^ b.0[lane]);
    }
    chosen
}

/// `low[index]`, or `high[index - 8]`: a look-up among sixteen words for each lane, in constant time. `index < 16`.
pub(super) fn look_up(low: V, high: V, index: V) -> V {
    let mut found = splat(0);
    for entry in 0..16 {
        let word = if entry < 8 { low.0[entry] } else { high.0[entry - 8] };
        found = select(opaque(equal(index, splat(entry as u64))), found, splat(word));
    }
    found
}

/// Rows to columns: lane j of row i becomes lane i of row j.
pub(super) fn transpose(rows: &[V; 8]) -> [V; 8] {
    core::array::from_fn(|j| V(core::array::from_fn(|i| rows[i].0[j])))
}

/// Keeps the compiler from reasoning about what the mask can be, and so from branching on it.
pub(super) fn opaque(mask: Mask) -> Mask {
    core::hint::black_box(mask)
}

}
