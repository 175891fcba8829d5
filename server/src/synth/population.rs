//! Everyone there is: a person's number to a NIK.

use super::SynthError;
use super::dice::{Permutation, Purpose};
use super::district;

/// Birth years: fewer than 100, or two people could share a NIK.
pub(super) const FIRST_YEAR: u32 = 1936;
pub(super) const LAST_YEAR: u32 = 2024;
const _: () = assert!(LAST_YEAR - FIRST_YEAR < 100, "two digits must tell the year");

/// People born per district, day and sex up to a year: fewer of the old, like the real pyramid. Serials are small, as
/// real ones are.
const SERIALS: [(u32, u32); 6] = [(1945, 1), (1955, 2), (1965, 4), (1975, 6), (1985, 8), (LAST_YEAR, 9)];

/// People with distinct, valid NIKs. Which person has which follows from the seed alone and looks random; a person's
/// number says nothing about the NIK.
pub struct Population {
    pub(super) seed: u64,
    districts: Vec<u32>,
    /// For each year, how many people (of one district and sex) are born before it; and all at the end.
    born_before: Vec<u32>,
    cells: Permutation,
    /// Whose telephone line and taxpayer's number is whose: as many of each as a person can have.
    lines: Permutation,
    taxpayers: Permutation,
}

/// Telephone numbers of nine digits behind each of ten prefixes.
const LINES: u64 = 10 * 1_000_000_000;
/// Taxpayers' numbers: twelve digits, the first of which is not 0.
const TAXPAYERS: u64 = 900_000_000_000;
const FIRST_TAXPAYER: u64 = 100_000_000_000;

/// What a NIK says.
pub(super) struct Birth {
    pub(super) nik: [u8; 16],
    pub(super) is_woman: bool,
    /// Year, month and day.
    pub(super) date: (u32, u32, u32),
}

impl Population {
    /// The people of this seed.
    pub fn new(seed: u64) -> Self {
        let districts = district::codes();
        let mut born_before = vec![0];
        let mut total = 0;
        for year in FIRST_YEAR..=LAST_YEAR {
            total += days_of(year) * serials_of(year);
            born_before.push(total);
        }
        let capacity = districts.len() as u64 * 2 * u64::from(total);
        let shuffled = |purpose, size| Permutation::new(seed, purpose, 0, size);
        Self {
            seed,
            districts,
            born_before,
            cells: shuffled(Purpose::Cells, capacity),
            lines: shuffled(Purpose::Lines, LINES),
            taxpayers: shuffled(Purpose::Taxpayers, TAXPAYERS),
        }
    }

    /// How many people there are: 2.9 thousand million. Persons are numbered from 0.
    pub fn capacity(&self) -> u64 {
        self.cells.size()
    }

    /// The NIK of a person, 16 ASCII digits; nothing for a number from [`capacity`](Self::capacity) on.
    pub fn nik(&self, person: u64) -> Option<[u8; 16]> {
        (person < self.capacity()).then(|| self.birth(person).nik)
    }

    /// `person` is below the capacity.
    pub(super) fn birth(&self, person: u64) -> Birth {
        let cell = self.cells.at(person);
        let districts = self.districts.len() as u64;
        // Unwrap safety, here and below: a cell is below districts x 2 x the last of `born_before`, a u32.
        let district = self.districts[usize::try_from(cell % districts).unwrap()];
        let is_woman = cell / districts % 2 == 1;
        let born = u32::try_from(cell / districts / 2).unwrap();

        let years = self.born_before.partition_point(|before| *before <= born) - 1;
        let year = FIRST_YEAR + u32::try_from(years).unwrap();
        let in_year = born - self.born_before[years];
        let (day_of_year, serial) = (in_year % days_of(year), 1 + in_year / days_of(year));
        let (month, day) = month_and_day(year, day_of_year);

        let mut nik = [0; 16];
        write_digits(&mut nik[..6], district.into());
        write_digits(&mut nik[6..8], u64::from(day + if is_woman { 40 } else { 0 }));
        write_digits(&mut nik[8..10], month.into());
        write_digits(&mut nik[10..12], u64::from(year % 100));
        write_digits(&mut nik[12..], serial.into());
        Birth { nik, is_woman, date: (year, month, day) }
    }

    /// A telephone line that no other person has: which of ten prefixes, and nine digits.
    pub(super) fn line(&self, person: u64) -> (usize, u64) {
        let line = self.lines.at(person);
        // Below ten.
        (usize::try_from(line / (LINES / 10)).unwrap_or(0), line % (LINES / 10))
    }

    /// A taxpayer's number that no other person has: its first twelve digits of fifteen.
    pub(super) fn taxpayer(&self, person: u64) -> u64 {
        FIRST_TAXPAYER + self.taxpayers.at(person)
    }

    /// A family card that no other person has: everybody is a family of one. It looks like the NIK of a man, and does not follow
    /// from the person's.
    pub(super) fn family_card(&self, person: u64) -> [u8; 16] {
        let Birth { nik: mut card, is_woman, .. } = self.birth(self.capacity() - 1 - person);
        if is_woman {
            card[6] -= 4;
        }
        // Serials are small: twice one has four digits too.
        let serial = card[12..].iter().fold(0, |serial, digit| serial * 10 + u64::from(digit - b'0'));
        write_digits(&mut card[12..], 2 * serial + u64::from(is_woman));
        card
    }

    pub(super) fn check(&self, end: u64) -> Result<(), SynthError> {
        let capacity = self.capacity();
        if end <= capacity { Ok(()) } else { Err(SynthError::Population { last: end, capacity }) }
    }
}

/// Writes the low decimal digits of a number, as many as there is room for.
pub(super) fn write_digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn serials_of(year: u32) -> u32 {
    SERIALS.iter().find(|(until, _)| year <= *until).expect("the table goes to the last year").1
}

/// In these years every fourth is a leap year: 2000 is one and neither 1900 nor 2100 is among them.
fn days_of(year: u32) -> u32 {
    if year.is_multiple_of(4) { 366 } else { 365 }
}

/// Month and day, both from 1, of a day of the year from 0.
fn month_and_day(year: u32, mut day: u32) -> (u32, u32) {
    let february = days_of(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    (month, day + 1)
}
