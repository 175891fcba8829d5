//! Which columns a dump and a file of customers have, and what stands in them.

use super::cell;
use super::dice::Dice;
use super::form::{Cells, Shape};
use super::person::{Person, write_number};
use super::population::Population;

/// A breach after whose dump one is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Like {
    /// bpjs-2021: NOKA, NIK, NAMA, NO_HP, EMAIL, ALAMAT, FOTO
    #[default]
    Bpjs,
    /// dukcapil-2021: NIK, NO_KK, NAMA, JENIS_KELAMIN, TGL_LAHIR, ALAMAT
    Dukcapil,
    /// tokopedia-2020, which has no NIK: USER_ID, NAMA, EMAIL, NO_HP, JENIS_KELAMIN, TGL_LAHIR, PASSWORD
    Tokopedia,
    /// ektp-selfie-2021: NIK, NO_KK, NPWP, NAMA, FOTO_SELFIE, FOTO_KK, FOTO_NPWP
    EktpSelfie,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Nik,
    Kk,
    Npwp,
    /// The person's own, as is the e-mail address: nobody else has it.
    Phone,
    Email,
    /// One of several that a person has, and that another may have too; likewise the e-mail address.
    SomePhone,
    SomeEmail,
    /// The number of a card or an account, which is the person's.
    Card,
    /// The number of a customer.
    Customer,
    Name,
    Address,
    Sex,
    Born,
    Password,
    Photo,
    Selfie,
    KkPhoto,
    NpwpPhoto,
}

impl Like {
    /// The table's columns, in order.
    pub(super) fn shape(self) -> Shape {
        use Column::*;
        let (table, columns): (_, &[_]) = match self {
            Self::Bpjs => (
                "peserta",
                &[
                    ("NOKA", Card),
                    ("NIK", Nik),
                    ("NAMA", Name),
                    ("NO_HP", SomePhone),
                    ("EMAIL", SomeEmail),
                    ("ALAMAT", Address),
                    ("FOTO", Photo),
                ],
            ),
            Self::Dukcapil => (
                "penduduk",
                &[
                    ("NIK", Nik),
                    ("NO_KK", Kk),
                    ("NAMA", Name),
                    ("JENIS_KELAMIN", Sex),
                    ("TGL_LAHIR", Born),
                    ("ALAMAT", Address),
                ],
            ),
            Self::Tokopedia => (
                "users",
                &[
                    ("USER_ID", Card),
                    ("NAMA", Name),
                    ("EMAIL", Email),
                    ("NO_HP", Phone),
                    ("JENIS_KELAMIN", Sex),
                    ("TGL_LAHIR", Born),
                    ("PASSWORD", Password),
                ],
            ),
            Self::EktpSelfie => (
                "verifikasi",
                &[
                    ("NIK", Nik),
                    ("NO_KK", Kk),
                    ("NPWP", Npwp),
                    ("NAMA", Name),
                    ("FOTO_SELFIE", Selfie),
                    ("FOTO_KK", KkPhoto),
                    ("FOTO_NPWP", NpwpPhoto),
                ],
            ),
        };
        Shape { table, columns }
    }
}

/// Customers by NIK, and by everything.
pub(super) const CUSTOMERS: Shape = Shape {
    table: "nasabah",
    columns: &[
        ("CIF", Column::Customer),
        ("NIK", Column::Nik),
        ("NAMA", Column::Name),
        ("NO_HP", Column::SomePhone),
    ],
};
pub(super) const CUSTOMERS_OF_ALL_KINDS: Shape = Shape {
    table: "nasabah",
    columns: &[
        ("CIF", Column::Customer),
        ("NIK", Column::Nik),
        ("NAMA", Column::Name),
        ("NO_HP", Column::Phone),
        ("EMAIL", Column::Email),
        ("NO_KK", Column::Kk),
        ("NPWP", Column::Npwp),
    ],
};

/// How the identifiers of a row are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    Plain,
    /// In another way that means the same.
    Oddly,
    /// The first is nobody's, and the others are not there.
    Broken,
}

/// Who a row is of.
pub(super) struct Subject<'a> {
    pub(super) population: &'a Population,
    pub(super) person: Person,
    /// Number of the customer.
    pub(super) customer: u64,
    /// Which of the person's telephones.
    pub(super) phone: u64,
    /// Whether there is a photo, and another.
    pub(super) photos: [bool; 2],
}

impl Subject<'_> {
    /// Writes the cells of a row.
    pub(super) fn write(&self, cells: &mut Cells, shape: Shape, writing: Writing, dice: &mut Dice) {
        cells.clear();
        let mut is_first = true;
        for (_, column) in shape.columns {
            let out = &mut cells.bytes;
            match (column.is_identifier(), writing) {
                (false, _) | (_, Writing::Plain) => self.write_plain(out, *column),
                (true, Writing::Oddly) => self.write_oddly(out, *column, dice),
                (true, Writing::Broken) if is_first => self.write_broken(out, *column, dice),
                (true, Writing::Broken) => {}
            }
            is_first &= !column.is_identifier();
            cells.end();
        }
    }

    fn write_plain(&self, out: &mut Vec<u8>, column: Column) {
        let person = &self.person;
        let photo = |out: &mut Vec<u8>, folder: &[u8]| {
            out.extend_from_slice(folder);
            person.write_card(out);
            out.extend_from_slice(b".jpg");
        };
        match column {
            Column::Nik => out.extend_from_slice(&person.birth.nik),
            Column::Kk => out.extend_from_slice(&self.population.family_card(person.number)),
            Column::Npwp => person.write_npwp(out, self.population),
            Column::Phone => person.write_own_phone(out, self.population),
            Column::Email => person.write_own_email(out),
            Column::SomePhone => person.write_phone(out, self.phone),
            Column::SomeEmail => person.write_email(out),
            Column::Card => person.write_card(out),
            Column::Customer => write_number::<10>(out, self.customer + 1),
            Column::Name => person.write_name(out),
            Column::Address => person.write_address(out),
            Column::Sex => person.write_sex(out),
            Column::Born => person.write_born(out),
            Column::Password => person.write_password(out),
            Column::Selfie => photo(out, b"selfie/"),
            Column::Photo if self.photos[0] => photo(out, b"foto/"),
            Column::KkPhoto if self.photos[0] => photo(out, b"kk/"),
            Column::NpwpPhoto if self.photos[1] => photo(out, b"npwp/"),
            Column::Photo | Column::KkPhoto | Column::NpwpPhoto => {}
        }
    }

    fn plain(&self, column: Column) -> Vec<u8> {
        let mut plain = Vec::with_capacity(64);
        self.write_plain(&mut plain, column);
        plain
    }

    fn write_oddly(&self, out: &mut Vec<u8>, column: Column, dice: &mut Dice) {
        let plain = self.plain(column);
        match column {
            Column::Phone => cell::write_odd_phone(out, &plain, dice),
            Column::Email => cell::write_odd_email(out, &plain, dice),
            Column::Npwp => cell::write_odd_npwp(out, &plain, dice),
            Column::Kk => cell::write_odd(out, &self.population.family_card(self.person.number), dice),
            _ => cell::write_odd(out, &self.person.birth.nik, dice),
        }
    }

    fn write_broken(&self, out: &mut Vec<u8>, column: Column, dice: &mut Dice) {
        match column {
            Column::Email => cell::write_broken_email(out, &self.plain(column), dice),
            _ => cell::write_broken(out, &self.person.birth.nik, dice),
        }
    }
}

impl Column {
    /// Whether it is an identifier that is the person's alone.
    fn is_identifier(self) -> bool {
        matches!(self, Self::Nik | Self::Kk | Self::Npwp | Self::Phone | Self::Email)
    }
}
