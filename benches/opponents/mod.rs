//! The opponents, each used as well as its interface allows, on one thread, from bytes to bytes.

pub mod chalamet;
pub mod dalek;
pub mod voprf;
