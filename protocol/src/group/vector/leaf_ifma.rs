//! The leaf over AVX-512 IFMA: one 512-bit register, one limb of eight elements.
//!
//! Every function here is one or two instructions. They are safe to call from a function that has the features named
//! in `kernel!` (`ifma.rs`), and only such functions call them.
#![allow(unsafe_code, reason = "moving eight words between a register and an array is a transmute")]

use core::arch::x86_64 as arch;
use core::mem::transmute;

/// Eight 64-bit lanes.
pub(super) type V = arch::__m512i;

/// One bit a lane, lane 0 lowest.
pub(super) type Mask = u8;

kernel! {

/// The same word in every lane.
#[allow(clippy::cast_possible_wrap)]
pub(super) fn splat(word: u64) -> V {
    arch::_mm512_set1_epi64(word as i64)
}

pub(super) fn from_array(words: [u64; 8]) -> V {
    // SAFETY: both types are 64 bytes in which every bit pattern is valid.
    unsafe { transmute::<[u64; 8], V>(words) }
}

pub(super) fn to_array(v: V) -> [u64; 8] {
    // SAFETY: both types are 64 bytes in which every bit pattern is valid.
    unsafe { transmute::<V, [u64; 8]>(v) }
}

/// `acc + (a · b mod 2^52)`; only the low 52 bits of `a` and `b` count.
pub(super) fn madd_lo(acc: V, a: V, b: V) -> V {
    arch::_mm512_madd52lo_epu64(acc, a, b)
}

/// `acc + (a · b >> 52)`; only the low 52 bits of `a` and `b` count.
pub(super) fn madd_hi(acc: V, a: V, b: V) -> V {
    arch::_mm512_madd52hi_epu64(acc, a, b)
}

/// `19 · a`.
pub(super) fn times_19(a: V) -> V {
    arch::_mm512_mullo_epi64(a, arch::_mm512_set1_epi64(19))
}

pub(super) fn add(a: V, b: V) -> V {
    arch::_mm512_add_epi64(a, b)
}

pub(super) fn sub(a: V, b: V) -> V {
    arch::_mm512_sub_epi64(a, b)
}

pub(super) fn and(a: V, b: V) -> V {
    arch::_mm512_and_si512(a, b)
}

pub(super) fn or(a: V, b: V) -> V {
    arch::_mm512_or_si512(a, b)
}

/// `a >> bits`, the same public distance in every lane.
pub(super) fn shr(a: V, bits: u64) -> V {
    arch::_mm512_srlv_epi64(a, splat(bits))
}

/// `a << bits`, the same public distance in every lane.
pub(super) fn shl(a: V, bits: u64) -> V {
    arch::_mm512_sllv_epi64(a, splat(bits))
}

/// Rotation to the right.
pub(super) fn rotr<const BITS: i32>(a: V) -> V {
    arch::_mm512_ror_epi64::<BITS>(a)
}

pub(super) fn xor3(a: V, b: V, c: V) -> V {
    arch::_mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// Bit by bit, `b` where `a` is set and `c` elsewhere.
pub(super) fn choose(a: V, b: V, c: V) -> V {
    arch::_mm512_ternarylogic_epi64::<0xca>(a, b, c)
}

/// Bit by bit, the value that two of the three hold.
pub(super) fn majority(a: V, b: V, c: V) -> V {
    arch::_mm512_ternarylogic_epi64::<0xe8>(a, b, c)
}

/// Each lane with its bytes in the other order.
pub(super) fn swap_bytes(a: V) -> V {
    let order = arch::_mm512_set4_epi32(0x0809_0a0b, 0x0c0d_0e0f, 0x0001_0203, 0x0405_0607);
    arch::_mm512_shuffle_epi8(a, order)
}

/// The lanes in which `a == b`.
pub(super) fn equal(a: V, b: V) -> Mask {
    arch::_mm512_cmpeq_epu64_mask(a, b)
}

/// The lanes in which `a >= b`, unsigned.
pub(super) fn at_least(a: V, b: V) -> Mask {
    arch::_mm512_cmpge_epu64_mask(a, b)
}

/// `b` in the lanes of `mask` and `a` elsewhere, in constant time.
pub(super) fn select(mask: Mask, a: V, b: V) -> V {
    arch::_mm512_mask_mov_epi64(a, mask, b)
}

/// `low[index]`, or `high[index - 8]`: a look-up among sixteen words for each lane, in constant time. `index < 16`.
pub(super) fn look_up(low: V, high: V, index: V) -> V {
    arch::_mm512_permutex2var_epi64(low, index, high)
}

/// Rows to columns: lane j of row i becomes lane i of row j.
pub(super) fn transpose(rows: &[V; 8]) -> [V; 8] {
    let [a, b, c, d, e, f, g, h] = *rows;
    // Pairs of lanes first, then quarters of the register.
    let (ab0, ab1) = (arch::_mm512_unpacklo_epi64(a, b), arch::_mm512_unpackhi_epi64(a, b));
    let (cd0, cd1) = (arch::_mm512_unpacklo_epi64(c, d), arch::_mm512_unpackhi_epi64(c, d));
    let (ef0, ef1) = (arch::_mm512_unpacklo_epi64(e, f), arch::_mm512_unpackhi_epi64(e, f));
    let (gh0, gh1) = (arch::_mm512_unpacklo_epi64(g, h), arch::_mm512_unpackhi_epi64(g, h));
    let [c0, c2, c4, c6] = quarters(ab0, cd0, ef0, gh0);
    let [c1, c3, c5, c7] = quarters(ab1, cd1, ef1, gh1);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Quarter j of input i becomes quarter i of output j.
fn quarters(a: V, b: V, c: V, d: V) -> [V; 4] {
    let (ab02, ab13) = (arch::_mm512_shuffle_i64x2::<0x88>(a, b), arch::_mm512_shuffle_i64x2::<0xdd>(a, b));
    let (cd02, cd13) = (arch::_mm512_shuffle_i64x2::<0x88>(c, d), arch::_mm512_shuffle_i64x2::<0xdd>(c, d));
    [
        arch::_mm512_shuffle_i64x2::<0x88>(ab02, cd02),
        arch::_mm512_shuffle_i64x2::<0x88>(ab13, cd13),
        arch::_mm512_shuffle_i64x2::<0xdd>(ab02, cd02),
        arch::_mm512_shuffle_i64x2::<0xdd>(ab13, cd13),
    ]
}

/// Keeps the compiler from reasoning about what the mask can be.
pub(super) fn opaque(mask: Mask) -> Mask {
    mask
}

}
