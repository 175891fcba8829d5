//! The last reading: every row with its verdict.

use std::io::Write;

use samar_local::exit::Failure;
use samar_local::progress::{Progress, Unit};
use samar_protocol::manifest::Breach;

use super::survey::Survey;
use super::verdicts::Verdicts;
use crate::customers::Customers;
use crate::people::thousands;
use crate::report::{Format, Rows, Summary, Verdict};

/// Writes the report and counts it. What is written before an error is not to be used.
pub(super) fn write(
    out: impl Write,
    format: Format,
    customers: &Customers,
    survey: &Survey,
    mut verdicts: Verdicts,
    breaches: &[Breach],
    summary: &mut Summary,
) -> Result<(), Failure> {
    let progress = Progress::new("report", Unit::Count, Some(survey.met.rows));
    let mut reading = customers.read()?;
    let mut report = Rows::new(out, format, reading.columns(), reading.delimiter())?;
    let mut row = 0;
    while let Some(cell) = reading.next()? {
        let verdict = match cell {
            Ok(_) => Verdict::of(verdicts.of(row)?.iter().copied(), breaches),
            Err(reason) => Verdict::Invalid(reason),
        };
        summary.count(&verdict);
        report.write(reading.row(), &verdict)?;
        progress.add(1);
        row += 1;
    }
    if reading.met() != survey.met {
        return Err(customers.changed());
    }
    if report.surplus > 0 {
        let warning = "rows have more cells than the header has columns; the surplus is not in the report";
        summary.warnings.push(format!("{} {warning}", thousands(report.surplus)));
    }
    report.finish()
}
