//! A dump as a breach leaves it.

use std::io::Write;

use super::columns::{Like, Subject, Writing};
use super::dice::{Dice, Purpose};
use super::form::{Cells, DumpForm, Shape, Writer};
use super::person::Person;
use super::{Dirt, Population, SynthError, check_share};

/// Which people are in a dump and how clean it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpSpec {
    /// Chooses the [`Population`] and all else.
    pub seed: u64,
    /// The first person.
    pub first: u64,
    /// How many persons; each has at least one row.
    pub count: u64,
    /// After which breach: its columns.
    pub like: Like,
    /// How many persons have a photo (a value in column FOTO; of a family card and a taxpayer's card each), in per mille.
    pub photo_per_mille: u32,
    /// Damaged and repeated rows.
    pub dirt: Dirt,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DumpSummary {
    /// Rows, the header not counted: persons, repeated and broken.
    pub rows: u64,
    /// Distinct persons.
    pub persons: u64,
    /// Persons with a photo.
    pub photos: u64,
    /// Rows whose identifiers are written oddly, repeated ones included.
    pub odd: u64,
    /// Rows with no usable identifier.
    pub broken: u64,
    /// Rows that repeat a person.
    pub repeated: u64,
}

impl DumpSpec {
    /// Whether this dump has a photo of the person, on each of the person's rows.
    pub fn has_photo(&self, person: u64) -> bool {
        Dice::new(self.seed, Purpose::Photo, person).per_mille(self.photo_per_mille)
    }

    fn photos(&self, person: u64) -> [bool; 2] {
        let second = Dice::new(self.seed, Purpose::SecondPhoto, person).per_mille(self.photo_per_mille);
        [self.has_photo(person), second]
    }

    fn check(&self, population: &Population) -> Result<(), SynthError> {
        self.dirt.check()?;
        check_share("photo", self.photo_per_mille)?;
        population.check(self.first.saturating_add(self.count))
    }
}

/// Writes CSV with a header.
pub fn write_dump(out: &mut (impl Write + Send), spec: &DumpSpec) -> Result<DumpSummary, SynthError> {
    write_dump_as(out, spec, DumpForm::Csv)
}

/// Writes the same rows in any form.
pub fn write_dump_as(
    out: &mut (impl Write + Send),
    spec: &DumpSpec,
    form: DumpForm,
) -> Result<DumpSummary, SynthError> {
    let population = Population::new(spec.seed);
    spec.check(&population)?;
    let mut rows = Rows {
        spec,
        population: &population,
        cells: Cells::default(),
        shape: spec.like.shape(),
        writer: Writer::begin(out, form, spec.like.shape())?,
        summary: DumpSummary::default(),
    };
    for index in 0..spec.count {
        let mut dice = Dice::new(spec.seed, Purpose::DumpRow, spec.first + index);
        rows.write_person(index, 0, &mut dice)?;
        rows.summary.persons += 1;
        rows.summary.photos += u64::from(spec.has_photo(spec.first + index));
        if dice.per_mille(spec.dirt.repeated_per_mille) {
            let which = 1 + dice.below(1_000_000);
            rows.write_person(dice.below(index + 1), which, &mut dice)?;
            rows.summary.repeated += 1;
        }
        if dice.per_mille(spec.dirt.broken_per_mille) {
            rows.write_broken(index, &mut dice)?;
            rows.summary.broken += 1;
        }
    }
    rows.writer.finish()?;
    let summary = rows.summary;
    Ok(DumpSummary { rows: summary.persons + summary.repeated + summary.broken, ..summary })
}

struct Rows<'a, W: Write + Send> {
    spec: &'a DumpSpec,
    population: &'a Population,
    cells: Cells,
    shape: Shape,
    writer: Writer<'a, W>,
    summary: DumpSummary,
}

impl<W: Write + Send> Rows<'_, W> {
    fn write_person(&mut self, index: u64, phone: u64, dice: &mut Dice) -> Result<(), SynthError> {
        let odd = dice.per_mille(self.spec.dirt.odd_per_mille);
        self.summary.odd += u64::from(odd);
        self.write_row(index, phone, if odd { Writing::Oddly } else { Writing::Plain }, dice)
    }

    fn write_broken(&mut self, index: u64, dice: &mut Dice) -> Result<(), SynthError> {
        self.write_row(index, 0, Writing::Broken, dice)
    }

    fn write_row(
        &mut self,
        index: u64,
        phone: u64,
        writing: Writing,
        dice: &mut Dice,
    ) -> Result<(), SynthError> {
        let number = self.spec.first + index;
        let person = Person::new(self.population, number);
        let photos = self.spec.photos(number);
        let subject = Subject { population: self.population, person, customer: index, phone, photos };
        subject.write(&mut self.cells, self.shape, writing, dice);
        self.writer.write(&self.cells)
    }
}
