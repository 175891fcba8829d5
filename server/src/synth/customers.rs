//! A bank's customers, drawn so that the right answer is known.

use std::io::Write;
use std::ops::Range;

use super::columns::{CUSTOMERS, CUSTOMERS_OF_ALL_KINDS, Subject, Writing};
use super::dice::{Dice, Permutation, Purpose};
use super::form::{Cells, DumpForm, Shape, Writer};
use super::person::Person;
use super::{Dirt, Population, SynthError, WRITE_BYTES, pass_on};

/// The first line of the truth about a customer file.
const TRUTH_HEADER: &[u8] = b"row,status,breaches,person\n";

/// Customers who stand in the same dumps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Who may be drawn.
    pub persons: Range<u64>,
    /// How many are drawn, each once.
    pub take: u64,
    /// The breaches they are in, in the order in which a report names them; none if they are clear.
    pub breaches: Vec<String>,
}

/// The customers of a bank. Groups must not share persons, or some customers are drawn twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerSpec {
    /// Chooses the [`Population`] (the same as that of the dumps, or nobody matches) and all else.
    pub seed: u64,
    /// Who they are; the file mixes the groups.
    pub groups: Vec<Group>,
    /// Whether each has a telephone number, an e-mail address, a KK and an NPWP too, of which nobody else has the same: the columns
    /// NO_HP, EMAIL, NO_KK and NPWP.
    pub all_kinds: bool,
    /// Damaged and repeated rows.
    pub dirt: Dirt,
}

/// A dump that customers may stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The breach's name in the truth.
    pub id: String,
    /// Who is in it.
    pub persons: Range<u64>,
}

/// How many customers stand in which of two dumps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overlap {
    /// In the first only.
    pub only_a: u64,
    /// In the second only.
    pub only_b: u64,
    /// In both.
    pub both: u64,
    /// In neither: the last persons of the population.
    pub neither: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CustomerSummary {
    /// Rows, the header not counted: customers, repeated and broken.
    pub rows: u64,
    /// Distinct customers.
    pub customers: u64,
    /// Distinct customers in a breach.
    pub exposed: u64,
    /// Rows whose identifiers are written oddly, repeated ones included.
    pub odd: u64,
    /// Rows with no usable identifier.
    pub broken: u64,
    /// Rows that repeat a customer.
    pub repeated: u64,
}

impl CustomerSpec {
    /// Customers for two dumps.
    pub fn between(
        seed: u64,
        a: &Breach,
        b: &Breach,
        overlap: Overlap,
        dirt: Dirt,
    ) -> Result<Self, SynthError> {
        let population = Population::new(seed);
        let both = a.persons.start.max(b.persons.start)..a.persons.end.min(b.persons.end);
        let end = population.capacity();
        let far = a.persons.end.max(b.persons.end).max(end.saturating_sub(overlap.neither));
        let parts = [
            (outside(&a.persons, &b.persons), overlap.only_a, vec![&a.id]),
            (outside(&b.persons, &a.persons), overlap.only_b, vec![&b.id]),
            (both, overlap.both, vec![&a.id, &b.id]),
            (far..end, overlap.neither, vec![]),
        ];
        let group = |(persons, take, breaches): (Range<u64>, u64, Vec<&String>)| Group {
            persons,
            take,
            breaches: breaches.into_iter().cloned().collect(),
        };
        let groups = parts.into_iter().map(group).collect();
        let spec = Self { seed, groups, all_kinds: false, dirt };
        spec.check(&population)?;
        Ok(spec)
    }

    /// Everybody in these ranges, for any number of dumps.
    pub fn among(
        seed: u64,
        persons: &[Range<u64>],
        breaches: &[Breach],
        dirt: Dirt,
    ) -> Result<Self, SynthError> {
        let mut ranges: Vec<Range<u64>> = persons.iter().filter(|range| !range.is_empty()).cloned().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        if let Some([first, second]) = ranges.array_windows().find(|[a, b]| b.start < a.end) {
            return Err(SynthError::Twice { first: first.clone(), second: second.clone() });
        }
        let mut known: Vec<&Breach> = breaches.iter().collect();
        known.sort_unstable_by_key(|breach| &breach.id);
        let mut groups = Vec::new();
        for Range { start, end } in ranges {
            // Between two cuts everybody stands in the same dumps.
            let edges = known.iter().flat_map(|breach| [breach.persons.start, breach.persons.end]);
            let mut cuts: Vec<u64> = edges.filter(|edge| (start..end).contains(edge)).collect();
            cuts.extend([start, end]);
            cuts.sort_unstable();
            cuts.dedup();
            groups.extend(cuts.array_windows().map(|[first, end]| {
                Group {
                    persons: *first..*end,
                    take: end - first,
                    breaches: known
                        .iter()
                        .filter(|breach| breach.persons.contains(first))
                        .map(|breach| breach.id.clone())
                        .collect(),
                }
            }));
        }
        let spec = Self { seed, groups, all_kinds: false, dirt };
        spec.check(&Population::new(seed))?;
        Ok(spec)
    }

    fn shape(&self) -> Shape {
        if self.all_kinds { CUSTOMERS_OF_ALL_KINDS } else { CUSTOMERS }
    }

    fn check(&self, population: &Population) -> Result<(), SynthError> {
        self.dirt.check()?;
        for Group { persons, take, breaches } in &self.groups {
            let available = persons.end.saturating_sub(persons.start);
            if *take > available {
                let group = match breaches.as_slice() {
                    [] => "in no breach".to_owned(),
                    some => format!("in exactly {}", some.join(" and ")),
                };
                return Err(SynthError::Group { group, take: *take, available });
            }
            population.check(persons.end)?;
        }
        Ok(())
    }
}

/// Writes CSV with the columns CIF (customer number), NIK, NAMA and NO_HP, or of all kinds. `truth`, if wanted, gets a CSV line for each
/// row: its number from 1 (header not counted), `clear`, `exposed` or `invalid`, the breaches with `;` between them, and
/// the person (empty for `invalid`).
pub fn write_customers(
    out: &mut (impl Write + Send),
    truth: Option<&mut dyn Write>,
    spec: &CustomerSpec,
) -> Result<CustomerSummary, SynthError> {
    write_customers_as(out, truth, spec, DumpForm::Csv)
}

/// Writes the same rows in any form.
pub fn write_customers_as(
    out: &mut (impl Write + Send),
    mut truth: Option<&mut dyn Write>,
    spec: &CustomerSpec,
    form: DumpForm,
) -> Result<CustomerSummary, SynthError> {
    let population = Population::new(spec.seed);
    spec.check(&population)?;
    let draw = Draw::new(spec);
    let mut rows = Rows {
        spec,
        population: &population,
        draw: &draw,
        cells: Cells::default(),
        writer: Writer::begin(out, form, spec.shape())?,
        truth: TRUTH_HEADER.to_vec(),
        summary: CustomerSummary::default(),
    };
    for customer in 0..draw.order.size() {
        let mut dice = Dice::new(spec.seed, Purpose::CustomerRow, customer);
        rows.summary.exposed += u64::from(!draw.at(customer).1.breaches.is_empty());
        rows.summary.customers += 1;
        rows.write_customer(customer, &mut dice)?;
        if dice.per_mille(spec.dirt.repeated_per_mille) {
            rows.write_customer(dice.below(customer + 1), &mut dice)?;
            rows.summary.repeated += 1;
        }
        if dice.per_mille(spec.dirt.broken_per_mille) {
            rows.write_broken(customer, &mut dice)?;
            rows.summary.broken += 1;
        }
        if let Some(truth) = &mut truth {
            pass_on(&mut rows.truth, truth, WRITE_BYTES)?;
        } else {
            rows.truth.clear();
        }
    }
    rows.writer.finish()?;
    if let Some(truth) = truth {
        pass_on(&mut rows.truth, truth, 0)?;
        truth.flush()?;
    }
    Ok(rows.summary)
}

/// Customer numbers, mixed over the groups, to persons.
struct Draw<'a> {
    order: Permutation,
    groups: Vec<(&'a Group, Permutation)>,
}

impl<'a> Draw<'a> {
    fn new(spec: &'a CustomerSpec) -> Self {
        let taken = spec.groups.iter().filter(|group| group.take > 0);
        let groups = taken.zip(1..).map(|(group, number)| {
            (
                group,
                Permutation::new(spec.seed, Purpose::Draw, number, group.persons.end - group.persons.start),
            )
        });
        let size = spec.groups.iter().map(|group| group.take).sum();
        Self { order: Permutation::new(spec.seed, Purpose::Order, 0, size), groups: groups.collect() }
    }

    fn at(&self, customer: u64) -> (u64, &'a Group) {
        let mut place = self.order.at(customer);
        for (group, persons) in &self.groups {
            if place < group.take {
                return (group.persons.start + persons.at(place), group);
            }
            place -= group.take;
        }
        unreachable!("the order is as large as all groups together");
    }
}

struct Rows<'a, W: Write + Send> {
    spec: &'a CustomerSpec,
    population: &'a Population,
    draw: &'a Draw<'a>,
    cells: Cells,
    writer: Writer<'a, W>,
    truth: Vec<u8>,
    summary: CustomerSummary,
}

impl<W: Write + Send> Rows<'_, W> {
    fn write_customer(&mut self, customer: u64, dice: &mut Dice) -> Result<(), SynthError> {
        let (number, group) = self.draw.at(customer);
        let odd = dice.per_mille(self.spec.dirt.odd_per_mille);
        self.summary.odd += u64::from(odd);
        let writing = if odd { Writing::Oddly } else { Writing::Plain };
        self.write_row(customer, number, writing, dice)?;
        let status = if group.breaches.is_empty() { "clear" } else { "exposed" };
        self.write_truth(status, &group.breaches.join(";"), &number.to_string());
        Ok(())
    }

    fn write_broken(&mut self, customer: u64, dice: &mut Dice) -> Result<(), SynthError> {
        let number = self.draw.at(customer).0;
        self.write_row(customer, number, Writing::Broken, dice)?;
        self.write_truth("invalid", "", "");
        Ok(())
    }

    fn write_row(
        &mut self,
        customer: u64,
        number: u64,
        writing: Writing,
        dice: &mut Dice,
    ) -> Result<(), SynthError> {
        self.summary.rows += 1;
        let person = Person::new(self.population, number);
        let (population, photos) = (self.population, [false; 2]);
        let subject = Subject { population, person, customer, phone: 0, photos };
        subject.write(&mut self.cells, self.spec.shape(), writing, dice);
        self.writer.write(&self.cells)
    }

    fn write_truth(&mut self, status: &str, breaches: &str, person: &str) {
        let row = self.summary.rows.to_string();
        for part in [&row, ",", status, ",", breaches, ",", person, "\n"] {
            self.truth.extend_from_slice(part.as_bytes());
        }
    }
}

/// The larger part of `range` that lies before or after `other`.
fn outside(range: &Range<u64>, other: &Range<u64>) -> Range<u64> {
    if other.is_empty() {
        return range.clone();
    }
    let before = range.start..range.end.min(other.start);
    let after = range.start.max(other.end)..range.end;
    let length = |range: &Range<u64>| range.end.saturating_sub(range.start);
    if length(&after) > length(&before) { after } else { before }
}
