//! The Samar protocol, as SPEC.md defines it.
//!
//! This crate is pure: it opens no socket or file, reads no clock and holds no generator. Callers pass bytes, the
//! time and a source of randomness in, so that every state can be tested, fuzzed and simulated without a network.
//!
//! Data flows one way through the modules: [`identifier`] → [`oprf`] (over [`group`]) → [`segment`] →
//! [`manifest`]; [`wire`] carries all of it between the two sides, and every bound stands in [`limits`].
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

pub mod account;
pub mod codec;
pub mod group;
pub mod identifier;
pub mod invitation;
pub mod limits;
pub mod lookup;
pub mod manifest;
pub mod oprf;
pub mod segment;
pub mod vault;
pub mod wire;
