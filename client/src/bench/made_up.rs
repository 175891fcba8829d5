//! Identifiers for a measurement: well formed, of nobody in particular.

use rand::{Rng, RngExt as _};
use samar_protocol::identifier::{Nik, OprfInput};

/// So many OPRF inputs of random NIKs. One may be somebody's by chance; it is never looked up and never shown.
pub(super) fn inputs(count: u32, rng: &mut impl Rng) -> Vec<OprfInput> {
    (0..count).map(|_| nik(rng).oprf_input()).collect()
}

fn nik(rng: &mut impl Rng) -> Nik {
    let region = rng.random_range(0..1_000_000);
    let day = rng.random_range(1..=28) + if rng.random() { 40 } else { 0 };
    let (month, year) = (rng.random_range(1..=12), rng.random_range(0..100));
    let serial = rng.random_range(1..=9_999);
    let digits = format!("{region:06}{day:02}{month:02}{year:02}{serial:04}");
    // Unwrap safety: 16 digits, a day that every month has, a serial above 0.
    Nik::parse(&digits).expect("made-up NIKs are well formed")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn made_up_identifiers_are_well_formed_and_different() {
        let mut rng = StdRng::seed_from_u64(3);
        let inputs = inputs(20_000, &mut rng);
        let different: HashSet<&[u8]> = inputs.iter().map(AsRef::as_ref).collect();
        assert_eq!(different.len(), 20_000);
    }
}
