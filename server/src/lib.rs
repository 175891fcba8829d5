//! Under construction.

pub mod dump;
pub mod sort;
pub mod synth;
