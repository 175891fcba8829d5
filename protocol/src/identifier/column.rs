//! Signs that a whole column is not what its heading says.
//!
//! Some damage leaves every single number well formed: a spreadsheet keeps 15 digits and turns serial 0012 into 0010;
//! a column of family card numbers has the same 16 digits. Only the column shows it, so these counters watch it. They also
//! look at what is rejected: a column of telephone numbers under the heading of NIKs is named as what it is.

use super::{Identifier, Kind, Rejection};

/// Numbers a column must have before a warning is given. With 5 % women among the customers a column of 200 without
/// a single one comes about once in 28,000; with a tenth of the serials ending in 0, a fifth among 200 once in 138,000.
pub const SIGNS_ROWS_MIN: u64 = 200;

/// Counters over one column. They hold no identifier.
#[derive(Clone, Debug)]
pub struct ColumnSigns {
    kind: Kind,
    accepted: u64,
    ending_in_0: u64,
    above_40: u64,
    rejected: u64,
    /// Of these, numbers that went through a spreadsheet's or a database's floats.
    floats: u64,
    /// Of these, cells with more than one number.
    two_numbers: u64,
    /// Of the rejected ones, what is an identifier of another kind, in the order of [`Kind::ALL`].
    of_other_kind: [u64; Kind::ALL.len()],
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
    /// Not one number in 200 has a day above 40, so hardly a holder is a woman.
    #[error(
        "{above_40} of {rows} numbers have a day above 40: these look like family card (KK) numbers, not NIKs"
    )]
    LooksLikeKk {
        /// Numbers with a day above 40.
        above_40: u64,
        /// Numbers seen.
        rows: u64,
    },
    /// More than one cell in 100 is a number as floats are written.
    #[error(
        "{count} of {rows} cells are numbers in scientific notation or with a decimal fraction: a spreadsheet did this, \
         and their last digits are gone; export the column as text from its source"
    )]
    Floats {
        /// Cells that are such numbers.
        count: u64,
        /// Cells seen that are not empty.
        rows: u64,
    },
    /// More than one cell in 100 holds several numbers.
    #[error(
        "{count} of {rows} cells hold more than one number, and are not read: give each a row of its own"
    )]
    TwoNumbers {
        /// Cells with several numbers.
        count: u64,
        /// Cells seen that are not empty.
        rows: u64,
    },
    /// More than a fifth of the cells are of another kind.
    #[error(
        "{count} of {rows} cells are no {} but a {}: see that --column names the right column",
        kind.noun(), other.noun()
    )]
    OtherKind {
        /// What the column is said to hold.
        kind: Kind,
        /// What those cells hold.
        other: Kind,
        /// How many do.
        count: u64,
        /// Cells seen that are not empty.
        rows: u64,
    },
}

impl ColumnSigns {
    /// Nothing seen yet of a column of this kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let of_other_kind = [0; Kind::ALL.len()];
        Self {
            kind,
            accepted: 0,
            ending_in_0: 0,
            above_40: 0,
            rejected: 0,
            floats: 0,
            two_numbers: 0,
            of_other_kind,
        }
    }

    /// Counts one accepted identifier, in its normalised form.
    pub fn observe(&mut self, normalised: &[u8]) {
        self.accepted += 1;
        self.ending_in_0 += u64::from(normalised.last() == Some(&b'0'));
        // The tens of the day, of which a woman's NIK has 4 more.
        self.above_40 += u64::from(normalised.get(6).is_some_and(|tens| *tens >= b'4'));
    }

    /// Counts one cell that was rejected, and not for being empty, by the [`Rejection::name`] of its reason.
    pub fn observe_rejected(&mut self, cell: &str, reason: &str) {
        self.rejected += 1;
        let is_of = |reasons: &[Rejection]| u64::from(reasons.iter().any(|of| of.name() == reason));
        self.floats += is_of(&[Rejection::ExcelScientific, Rejection::DecimalFraction]);
        self.two_numbers += is_of(&[Rejection::TwoNumbers]);
        for (kind, count) in Kind::ALL.into_iter().zip(&mut self.of_other_kind) {
            if kind != self.kind && Identifier::parse(kind, cell).is_ok() {
                *count += 1;
                break;
            }
        }
    }

    /// The warnings that stand so far; none below [`SIGNS_ROWS_MIN`] cells.
    #[must_use]
    pub fn warnings(&self) -> Vec<ColumnWarning> {
        let Self { kind, accepted: rows, ending_in_0, above_40, .. } = *self;
        let mut warnings = Vec::new();
        if rows >= SIGNS_ROWS_MIN {
            if matches!(kind, Kind::Nik | Kind::Kk) && ending_in_0 > rows / 5 {
                warnings.push(ColumnWarning::LastDigitLost { ending_in_0, rows });
            }
            if kind == Kind::Nik && above_40 < rows / 200 {
                warnings.push(ColumnWarning::LooksLikeKk { above_40, rows });
            }
        }
        let rows = self.accepted + self.rejected;
        if rows >= SIGNS_ROWS_MIN {
            if self.floats > rows / 100 {
                warnings.push(ColumnWarning::Floats { count: self.floats, rows });
            }
            if self.two_numbers > rows / 100 {
                warnings.push(ColumnWarning::TwoNumbers { count: self.two_numbers, rows });
            }
        }
        for (other, count) in Kind::ALL.into_iter().zip(self.of_other_kind) {
            if rows >= SIGNS_ROWS_MIN && count > rows / 5 {
                warnings.push(ColumnWarning::OtherKind { kind, other, count, rows });
            }
        }
        warnings
    }
}

impl Default for ColumnSigns {
    /// Of a column of NIKs.
    fn default() -> Self {
        Self::new(Kind::Nik)
    }
}
