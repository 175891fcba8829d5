//! Where data leaves: a verdict for each customer, as rows of a file and as a summary.

mod bars;
mod page;
mod read;
mod rows;
mod summary;
mod verdict;

pub(crate) use page::{escaped, page};
pub(crate) use read::ReportRows;
pub use rows::Format;
pub(crate) use rows::{Rows, Shape};
pub use summary::{BreachSummary, ColumnSummary, Summary};
pub(crate) use summary::{false_match_probability, uncounted};
pub(crate) use verdict::Asked;
pub use verdict::{Exposure, Kinds, NotLookedUp, Verdict};
