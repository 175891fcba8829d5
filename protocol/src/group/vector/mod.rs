//! Eight points in eight lanes.
//!
//! One 512-bit vector holds one limb of eight different points, so that the eight are computed with as one and no
//! instruction moves anything between lanes. A batch is a list of blocks of eight points; the last is padded and the
//! padding dropped on the way out. Everything from the message to the encoding stays in this form.
//!
//! # One text, two leaves
//!
//! `field`, `edwards`, `ristretto`, `digits`, `sha512`, `affine`, `fixed_base`, `pippenger` and `batch` are written once over a
//! leaf of some twenty small functions (add, multiply-add, shift, select, ...), and mounted twice: by [`ifma`] over
//! `leaf_ifma` (AVX-512 registers) and by [`emulated`] over `leaf_emulated` (arrays of eight words, which run
//! everywhere, valgrind included). Every kernel stands in a `kernel!` or `outlined!` block, through which the mount gives it its target
//! features; `enter!` is the only way in, and takes proof that the CPU has them. `unsafe` is in that macro and in two
//! register moves of `leaf_ifma`, nowhere else.
//!
//! # Bounds
//!
//! Field elements have five limbs in radix 2^51 (`field`). The multiplier takes 52 bits of each operand and ignores the rest,
//! so that an operand limb at 2^52 would be a silent error. Three bounds rule that out:
//!
//! | value | limbs below | because |
//! | --- | --- | --- |
//! | carried | 2^51 + 2^17 | one parallel carry of anything below 2^63: each carry < 2^12, limb 0 takes 19 of one |
//! | operand (`Fe`) | 2^52 | carried, or 2p - carried |
//! | product | 2^60.1 | at most 5 low and 5 doubled high halves of 52 bits, 19 times as many folded back; 2^59 of carried operands |
//! | difference | 2^63 | the subtrahend is below 2^61.9 (two products), and p · 2^11 is added first |
//!
//! So sums and differences are taken between products, *before* the one carry, and never between operands. Each
//! function states what it takes and gives; debug builds assert it on every limb of every lane, and tests run at the maxima.
//!
//! # Multiplication, and what it reveals
//!
//! A scalar becomes 64 signed digits of four bits, in eight lanes at once, whether the lanes share the scalar or each
//! has its own. Each point gets a table of its multiples 1 to 8 (10 KB, in the first-level cache); of it every look-up
//! reads all 160 vectors and keeps what a mask selects. Then 63 times: an addition (7 multiplications) and four
//! doublings (4 squarings and 3 multiplications each, the last one 4). A fixed base has radix 32 and its sixteen
//! multiples in registers, where a look-up is a permutation: 51 additions of 7 multiplications.
//!
//! Nothing that a key, a blind or a point determines reaches a branch or an address: `tests/constant_time.rs` reads
//! that off the machine code of both multiplications. Digits, tables and batches are zeroized; what the compiler
//! spills to the stack is not. `pippenger` alone is in variable time, and its inputs are public.
//!
//! # Inversions
//!
//! Doubling and encoding needs one inversion of EFGH, and 64 vectors share it; where 2P is the identity EFGH is 0, and a 1 stands in so that
//! the neighbours in its lane are not lost. Decoding, the map from uniform bytes and plain encoding need an inverse
//! square root a point, which cannot be shared: two vectors go through it together, as two chains that hide
//! each other's latency.
#![allow(clippy::duplicate_mod, reason = "one text over two leaves is the design")]
#![allow(
    clippy::indexing_slicing,
    reason = "limbs and lanes: every index is a loop bound of a fixed-size array"
)]
#![allow(clippy::needless_range_loop, reason = "the formulas are in terms of limb numbers, and read so")]

pub(super) mod emulated;
#[cfg(target_arch = "x86_64")]
pub(super) mod ifma;
