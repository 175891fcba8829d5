//! The formulas over AVX-512 IFMA registers.
//!
//! `kernel!` gives every function in it the same target features. That is the whole trick and the whole trap of this
//! backend: a function without them, or a closure handed to a generic function, is compiled for the baseline, and each
//! intrinsic in it becomes a call. So all arithmetic is plain functions inside `kernel!`, and the benches would show one that is not.

use crate::group::DecodeError;

/// Proof that this CPU has every feature the kernels use; only [`Detected::detect`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected(());

impl Detected {
    /// Asks the CPU.
    #[must_use]
    pub fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512ifma");
        all.then_some(Self(()))
    }
}

/// Functions with the backend's features, which the compiler may inline into one another.
macro_rules! kernel {
    ($($item:item)*) => {
        $(#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")] #[inline] $item)*
    };
}

/// The same for the large ones, which make better code apart than as one body. It is a request: rustc 1.95 drops
/// `inline(never)` where there are target features. What must be a function of its own is called from ordinary code.
macro_rules! outlined {
    ($($item:item)*) => {
        $(#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")] #[inline(never)] $item)*
    };
}

/// Calls a kernel from ordinary code, against proof that the CPU can run it.
macro_rules! enter {
    ($detected:expr, $call:expr) => {{
        let _: super::Detected = $detected;
        // SAFETY: a `Detected` exists only after every feature of `kernel!` was found on this CPU.
        #[allow(unsafe_code, reason = "entering code with target features, which the CPU was seen to have")]
        unsafe {
            $call
        }
    }};
}

#[path = "leaf_ifma.rs"]
mod leaf;

pub(in crate::group) use batch::Batch;
pub(in crate::group) use fixed_base::Table;

// The formulas, the same files for every leaf.
#[path = "affine.rs"]
mod affine;
#[path = "batch.rs"]
mod batch;
#[path = "digits.rs"]
mod digits;
#[path = "edwards.rs"]
mod edwards;
#[path = "field.rs"]
mod field;
#[path = "fixed_base.rs"]
mod fixed_base;
#[cfg(test)]
#[path = "lane_tests.rs"]
mod lane_tests;
#[path = "pippenger.rs"]
mod pippenger;
#[path = "ristretto.rs"]
mod ristretto;
#[path = "sha512.rs"]
mod sha512;
