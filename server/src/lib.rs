//! Under construction.

pub mod sort;
