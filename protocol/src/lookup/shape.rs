//! What a lookup carries: how many pages of which size, so that noise spoils a page once in 2^40 at most.

use super::{ANSWER_BITS, HINT_BITS, LookupError, QUERY_BITS, SECRET_WORDS, SIGMA};
use crate::limits::PAGE_BYTES_ALLOWED;

/// A page comes out wrong with a probability of at most 2^-this, as [`columns_max`] derives it: with noise taken for normal.
pub const FAILURE_BITS: u32 = 40;

/// The matrix of a segment with pages. Invariant: [`columns_max`] allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a page.
    rows: u32,
    /// Pages.
    columns: u32,
}

impl Shape {
    /// Takes a segment of so many pages of so many bytes.
    ///
    /// # Errors
    /// [`LookupError::TooManyPages`], also for none and for a page size that does not exist.
    pub fn new(page_bytes: u32, pages: u32) -> Result<Self, LookupError> {
        let pages_max = columns_max(page_bytes);
        if pages == 0 || pages > pages_max {
            return Err(LookupError::TooManyPages { pages, page_bytes, pages_max });
        }
        Ok(Self { rows: page_bytes, columns: pages })
    }

    /// Bytes of a page.
    #[must_use]
    pub fn rows(self) -> usize {
        self.rows as usize
    }

    /// Pages.
    #[must_use]
    pub fn columns(self) -> usize {
        self.columns as usize
    }

    /// Pages, as the wire counts them.
    #[must_use]
    pub fn pages(self) -> u32 {
        self.columns
    }

    /// Bytes of a query.
    #[must_use]
    pub fn query_bytes(self) -> usize {
        query_bytes(self.columns)
    }

    /// Bytes of an answer.
    #[must_use]
    pub fn answer_bytes(self) -> usize {
        answer_bytes(self.rows)
    }
}

/// Bytes of a query over so many pages.
#[must_use]
pub(crate) const fn query_bytes(columns: u32) -> usize {
    (columns as usize * QUERY_BITS as usize).div_ceil(8)
}

/// Bytes of an answer for pages of so many bytes.
#[must_use]
pub(crate) const fn answer_bytes(rows: u32) -> usize {
    (rows as usize * ANSWER_BITS as usize).div_ceil(8)
}

/// Pages of this size that a private lookup carries; 0 for a size that does not exist.
///
/// A byte comes out right if what is added to 2^24 times it stays below 2^23. Added are, in a row of digits d (at worst
/// all −128) over m pages:
///
/// | What | Size |
/// | --- | --- |
/// | rounding of the answer to 13 bits | at most 2^18, taken off the 2^23 as it is |
/// | Σ d·e, e of the noise | variance 128²·m·σ² |
/// | Σ d·ρ, ρ the rounding of the query to 28 bits | variance 128²·m·(16² + 2)/12: symmetric, a tie goes either way |
/// | Σ η·s, η the rounding of the hint to 21 bits | variance n·σ²·2^22/12, and a sixth of it more, because the squares of 1,024 η come to more than their mean in one row or other |
///
/// The sum of so many independent terms is taken for normal. Those of the noise are nearly that themselves, and those of the
/// roundings have lighter tails. All of a page's bytes must be right, so each may fail with 2^-40 over the bytes of a page.
/// This is the worst case over the content: a byte that is 0 in every page. With random bytes it is below 2^-110.
#[must_use]
pub fn columns_max(page_bytes: u32) -> u32 {
    if !PAGE_BYTES_ALLOWED.contains(&page_bytes) {
        return 0;
    }
    let (sigma_2, words) = (f64::from(SIGMA).powi(2), SECRET_WORDS as f64);
    let room = f64::from(1u32 << 23) - f64::from(1u32 << (31 - ANSWER_BITS));
    let deviation = room / quantile(f64::from(FAILURE_BITS) + f64::from(page_bytes).log2());
    let of_hint = words * sigma_2 * f64::from(1u32 << (32 - HINT_BITS)).powi(2) / 12.0 * 7.0 / 6.0;
    let step_2 = f64::from(1u32 << (32 - QUERY_BITS)).powi(2);
    let of_column = 128.0 * 128.0 * (sigma_2 + (step_2 + 2.0) / 12.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // some 190,000
    let columns = ((deviation * deviation - of_hint) / of_column) as u32;
    columns
}

/// The z beyond which, on either side, a normal variable lies with probability 2^-bits; for 40 to 60 bits.
fn quantile(bits: f64) -> f64 {
    let (mut low, mut high) = (1.0, 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if tail_bits(middle) < bits { low = middle } else { high = middle }
    }
    high
}

/// −log2 of the probability that a normal variable lies beyond z on either side, rather too small: from
/// P < 2·φ(z)/z · (1 − 1/z² + 3/z⁴).
fn tail_bits(z: f64) -> f64 {
    let z_2 = z * z;
    let series = 1.0 - 1.0 / z_2 + 3.0 / (z_2 * z_2);
    let ln = (2.0 * series / z).ln() - z_2 / 2.0 - 0.5 * (2.0 * core::f64::consts::PI).ln();
    -ln / core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of SPEC.md, and by another road: Mill's ratio as a continued fraction in place of the series.
    #[test]
    fn the_table_of_the_specification_is_what_the_derivation_comes_to() {
        let spec = include_str!("../../../SPEC.md");
        for page_bytes in PAGE_BYTES_ALLOWED {
            let pages = columns_max(page_bytes);
            let grouped = |number: u32| match number {
                0..1_000 => number.to_string(),
                _ => format!("{},{:03}", number / 1_000, number % 1_000),
            };
            let row = format!("| {} | {} |", grouped(page_bytes), grouped(pages));
            assert!(spec.contains(&row), "{row}");

            let variance = |pages: u32| {
                let of_hint = 1_024.0 * 256.0 * 4_194_304.0 / 12.0 * 7.0 / 6.0;
                f64::from(pages) * 16_384.0 * (256.0 + 21.5) + of_hint
            };
            let failure = |pages: u32| {
                let z = (8_388_608.0 - 262_144.0) / variance(pages).sqrt();
                let fraction = (1..200).rev().fold(z, |tail, k| z + f64::from(k) / tail);
                let one = 2.0 * (-z * z / 2.0).exp() / (2.0 * core::f64::consts::PI).sqrt() / fraction;
                (one * f64::from(page_bytes)).log2()
            };
            assert!(failure(pages) <= -40.0, "{page_bytes}: 2^{}", failure(pages));
            assert!(failure(pages + 200) > -40.0, "{page_bytes}: more would fit");
        }
    }

    #[test]
    fn the_largest_set_fits_pages_of_8_kib_and_what_passes_the_limit_is_refused() {
        assert!(Shape::new(8_192, 179_078).is_ok());
        let pages_max = columns_max(8_192);
        assert!(Shape::new(8_192, pages_max).is_ok());
        assert_eq!(
            Shape::new(8_192, pages_max + 1),
            Err(LookupError::TooManyPages { pages: pages_max + 1, page_bytes: 8_192, pages_max })
        );
        assert!(Shape::new(8_192, 0).is_err() && Shape::new(1_024, 1).is_err());
    }

    #[test]
    fn a_lookup_in_279_million_keeps_to_its_bytes() {
        let shape = Shape::new(8_192, 179_078).unwrap();
        assert!(shape.query_bytes() <= 670_000 && shape.answer_bytes() <= 14_000);
        assert!(super::super::hint_bytes(8_192) <= 23_000_000);
    }
}
