//! The last reading: every row with its verdict.

use std::io::Write;

use samar_local::exit::Failure;
use samar_local::progress::{Progress, Unit};
use samar_protocol::identifier::Kind;
use samar_protocol::manifest::Breach;

use super::survey::Survey;
use super::verdicts::Verdicts;
use crate::customers::Customers;
use crate::people::thousands;
use crate::report::{Asked, Rows, Shape, Summary, Verdict};

/// Writes the report and counts it. What is written before an error is not to be used.
pub(super) fn write(
    out: impl Write,
    (shape, in_part): (Shape, bool),
    customers: &Customers,
    survey: &Survey,
    mut verdicts: Verdicts,
    breaches: &[Breach],
    summary: &mut Summary,
) -> Result<(), Failure> {
    let progress = Progress::new("report", Unit::Count, Some(survey.met.rows));
    let mut reading = customers.read()?;
    let mut report = Rows::new(out, shape, reading.columns(), reading.delimiter())?;
    let kinds: Vec<Kind> = customers.columns().iter().map(|column| column.kind).collect();
    let asked = Asked { kinds: &kinds, niks_alone: shape.niks_alone, in_part };
    let mut row = 0;
    while reading.advance()? {
        let matches = verdicts.of(row)?;
        summary.count_columns(matches.iter().map(|(column, _)| *column));
        let of_kinds = matches.iter().filter_map(|(column, found)| Some((*kinds.get(*column)?, *found)));
        let verdict = Verdict::on(reading.cells(), asked, of_kinds, breaches);
        summary.count(&verdict);
        report.write(reading.row(), &verdict, asked.not_looked_up(reading.cells()))?;
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
