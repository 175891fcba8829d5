//! The formulas over plain arrays.

use crate::group::DecodeError;

/// The counterpart of `ifma::Detected`: there is nothing to detect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected(());

impl Detected {
    /// Always there.
    #[must_use]
    pub fn detect() -> Option<Self> {
        Some(Self(()))
    }
}

macro_rules! kernel {
    ($($item:item)*) => { $(#[inline] $item)* };
}

macro_rules! outlined {
    ($($item:item)*) => { $(#[inline(never)] $item)* };
}

macro_rules! enter {
    ($detected:expr, $call:expr) => {{
        let _: super::Detected = $detected;
        $call
    }};
}

#[path = "leaf_emulated.rs"]
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
