//! Signs that a whole column is not what its heading says.
//!
//! Some damage leaves every single number well formed: a spreadsheet keeps 15 digits and turns serial 0012 into 0010;
//! a column of family card numbers has the same 16 digits. Only the column shows it, so these counters watch it.

use super::Nik;

/// Numbers a column must have before a warning is given. With 5 % women among the customers a column of 200 without
/// a single one comes about once in 28,000; with a tenth of the serials ending in 0, a fifth among 200 once in 138,000.
pub const SIGNS_ROWS_MIN: u64 = 200;

/// Counters over the accepted numbers of one column. They hold no identifier.
#[derive(Clone, Debug, Default)]
pub struct ColumnSigns {
    rows: u64,
    ending_in_0: u64,
    above_40: u64,
}

/// What a column looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnWarning {
    /// More than a fifth of the numbers end in 0; serials end in 0 for a tenth at most.
    #[error(
        "{ending_in_0} of {rows} numbers end in 0: a spreadsheet that keeps 15 digits does this, and the numbers are \
         then wrong but well formed; export the column as text from its source"
    )]
    LastDigitLost {
        /// Numbers that end in 0.
        ending_in_0: u64,
        /// Numbers seen.
        rows: u64,
    },
    /// No number has a day above 40, so no holder is a woman.
    #[error("none of {rows} numbers has a day above 40: these look like family card (KK) numbers, not NIKs")]
    LooksLikeKk {
        /// Numbers seen.
        rows: u64,
    },
}

impl ColumnSigns {
    /// Counts one accepted number.
    pub fn observe(&mut self, nik: &Nik) {
        self.rows += 1;
        self.ending_in_0 += u64::from(nik.digits().last() == Some(&b'0'));
        self.above_40 += u64::from(nik.day_is_above_40());
    }

    /// The warnings that stand so far; none below [`SIGNS_ROWS_MIN`] numbers.
    #[must_use]
    pub fn warnings(&self) -> Vec<ColumnWarning> {
        let Self { rows, ending_in_0, above_40 } = *self;
        let mut warnings = Vec::new();
        if rows < SIGNS_ROWS_MIN {
            return warnings;
        }
        if ending_in_0 > rows / 5 {
            warnings.push(ColumnWarning::LastDigitLost { ending_in_0, rows });
        }
        if above_40 == 0 {
            warnings.push(ColumnWarning::LooksLikeKk { rows });
        }
        warnings
    }
}
