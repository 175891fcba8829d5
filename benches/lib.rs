//! What the benches and `ratios` share: inputs, opponents, the clock, and a line about the machine.
//!
//! `benches/README.md` says how to run them and what came out.

pub mod lookup;
pub mod machine;
pub mod opponents;
pub mod rounds;

use samar_protocol::identifier::{Nik, OprfInput};

/// Domain separation tag of hash-to-group (RFC 9497 section 4.1, mode VOPRF): ours, and each opponent's.
pub const HASH_TO_GROUP_DST: &[u8] = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512";

/// The OPRF inputs of `count` made-up persons, all different: some born on each day of a month, 9,999 in a district.
///
/// # Panics
/// If `count` is above 25 million.
#[must_use]
pub fn oprf_inputs(count: usize) -> Vec<OprfInput> {
    let input = |person: usize| {
        let (district, day, serial) = (person / 9_999 / 28, person / 9_999 % 28 + 1, person % 9_999 + 1);
        let text = format!("3201{:02}{day:02}0180{serial:04}", district + 10);
        Nik::parse(&text).expect("a well-formed NIK").oprf_input()
    };
    (0..count).map(input).collect()
}
