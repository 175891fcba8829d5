//! Where data leaves: a verdict for each customer, as rows of a file and as a summary.

mod rows;
mod summary;
mod verdict;

pub use rows::Format;
pub(crate) use rows::{Rows, added_bytes, check_columns};
pub use summary::{BreachSummary, Summary};
pub(crate) use summary::{false_match_probability, uncounted};
pub use verdict::{Exposure, Verdict};
