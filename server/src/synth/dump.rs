//! A dump as a breach leaves it.

use std::io::Write;

use super::dice::{Dice, Purpose};
use super::person::Person;
use super::{Dirt, Population, SynthError, WRITE_BYTES, cell, check_share, pass_on};

/// The first line of a dump.
const HEADER: &[u8] = b"NOKA,NIK,NAMA,NO_HP,EMAIL,ALAMAT,FOTO\n";

/// Which people are in a dump and how clean it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpSpec {
    /// Chooses the [`Population`] and all else.
    pub seed: u64,
    /// The first person.
    pub first: u64,
    /// How many persons; each has at least one row.
    pub count: u64,
    /// How many persons have a photo (a value in column FOTO), in per mille.
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
    /// Rows whose NIK is written oddly, repeated ones included.
    pub odd: u64,
    /// Rows with no usable NIK.
    pub broken: u64,
    /// Rows that repeat a person.
    pub repeated: u64,
}

impl DumpSpec {
    /// Whether this dump has a photo of the person, on each of the person's rows.
    pub fn has_photo(&self, person: u64) -> bool {
        Dice::new(self.seed, Purpose::Photo, person).per_mille(self.photo_per_mille)
    }

    fn check(&self, population: &Population) -> Result<(), SynthError> {
        self.dirt.check()?;
        check_share("photo", self.photo_per_mille)?;
        population.check(self.first.saturating_add(self.count))
    }
}

/// Writes CSV with the columns NOKA (card number), NIK, NAMA, NO_HP, EMAIL, ALAMAT and FOTO.
pub fn write_dump(out: &mut impl Write, spec: &DumpSpec) -> Result<DumpSummary, SynthError> {
    let population = Population::new(spec.seed);
    spec.check(&population)?;
    let mut rows =
        Rows { spec, population: &population, text: HEADER.to_vec(), summary: DumpSummary::default() };
    for index in 0..spec.count {
        let mut dice = Dice::new(spec.seed, Purpose::DumpRow, spec.first + index);
        rows.write_person(index, 0, &mut dice);
        rows.summary.persons += 1;
        rows.summary.photos += u64::from(spec.has_photo(spec.first + index));
        if dice.per_mille(spec.dirt.repeated_per_mille) {
            let which = 1 + dice.below(1_000_000);
            rows.write_person(dice.below(index + 1), which, &mut dice);
            rows.summary.repeated += 1;
        }
        if dice.per_mille(spec.dirt.broken_per_mille) {
            rows.write_broken(index, &mut dice);
            rows.summary.broken += 1;
        }
        pass_on(&mut rows.text, out, WRITE_BYTES)?;
    }
    pass_on(&mut rows.text, out, 0)?;
    out.flush()?;
    let summary = rows.summary;
    Ok(DumpSummary { rows: summary.persons + summary.repeated + summary.broken, ..summary })
}

struct Rows<'a> {
    spec: &'a DumpSpec,
    population: &'a Population,
    text: Vec<u8>,
    summary: DumpSummary,
}

impl Rows<'_> {
    fn write_person(&mut self, index: u64, phone: u64, dice: &mut Dice) {
        let person = Person::new(self.population, self.spec.first + index);
        let odd = dice.per_mille(self.spec.dirt.odd_per_mille);
        self.summary.odd += u64::from(odd);
        self.write_row(&person, phone, |out, nik| match odd {
            true => cell::write_odd(out, nik, dice),
            false => out.extend_from_slice(nik),
        });
    }

    fn write_broken(&mut self, index: u64, dice: &mut Dice) {
        let person = Person::new(self.population, self.spec.first + index);
        self.write_row(&person, 0, |out, nik| cell::write_broken(out, nik, dice));
    }

    fn write_row(&mut self, person: &Person, phone: u64, nik: impl FnOnce(&mut Vec<u8>, &[u8; 16])) {
        let out = &mut self.text;
        person.write_card(out);
        out.push(b',');
        nik(out, &person.birth.nik);
        out.push(b',');
        person.write_name(out);
        out.push(b',');
        person.write_phone(out, phone);
        out.push(b',');
        person.write_email(out);
        out.push(b',');
        person.write_address(out);
        out.push(b',');
        if self.spec.has_photo(person.number) {
            out.extend_from_slice(b"foto/");
            person.write_card(out);
            out.extend_from_slice(b".jpg");
        }
        out.push(b'\n');
    }
}
