//! The cells about a person other than the NIK.

use super::dice::{Dice, Purpose};
use super::population::{Birth, Population, write_digits};

#[rustfmt::skip]
const MEN: [&str; 24] = [
    "Budi", "Agus", "Slamet", "Joko", "Hendra", "Rizky", "Dedi", "Andi", "Wahyu", "Eko", "Bambang", "Fajar", "Yusuf",
    "Ahmad", "Muhammad", "Made", "Ketut", "Togar", "Asep", "Ujang", "Iwan", "Rudi", "Arif", "Taufik",
];
#[rustfmt::skip]
const WOMEN: [&str; 24] = [
    "Siti", "Ani", "Dewi", "Sri", "Rina", "Putri", "Nur", "Wati", "Yuni", "Fitri", "Ratna", "Indah", "Lestari", "Ayu",
    "Kadek", "Maria", "Tiur", "Euis", "Neneng", "Lina", "Mega", "Aisyah", "Rahma", "Intan",
];
#[rustfmt::skip]
const SURNAMES: [&str; 24] = [
    "Santoso", "Wijaya", "Saputra", "Hidayat", "Setiawan", "Kurniawan", "Susanto", "Nugroho", "Siregar", "Nasution",
    "Simanjuntak", "Sinaga", "Lubis", "Pratama", "Utami", "Rahayu", "Handayani", "Suryani", "Purnomo", "Gunawan",
    "Halim", "Maulana", "Ramadhan", "Tanjung",
];
const TITLES: [&str; 4] = [", S.Pd", ", S.E.", ", S.Kom", ", M.M."];
#[rustfmt::skip]
const STREETS: [&str; 12] = [
    "Melati", "Mawar", "Merdeka", "Sudirman", "Diponegoro", "Gajah Mada", "Kenanga", "Cempaka", "Veteran", "Pahlawan",
    "Anggrek", "Pemuda",
];
const PHONES: [&[u8; 4]; 10] =
    [b"0811", b"0812", b"0813", b"0821", b"0822", b"0852", b"0857", b"0878", b"0895", b"0899"];
/// Reserved by RFC 2606: nobody's.
const DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// One person, always the same for a seed.
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) birth: Birth,
    first: &'static str,
    last: &'static str,
    title: &'static str,
    seed: u64,
}

impl Person {
    pub(super) fn new(population: &Population, number: u64) -> Self {
        let birth = population.birth(number);
        let mut dice = Dice::new(population.seed, Purpose::Person, number);
        let first = *dice.pick(if birth.is_woman { &WOMEN } else { &MEN });
        let last = *dice.pick(&SURNAMES);
        let title = if dice.below(16) == 0 { *dice.pick(&TITLES) } else { "" };
        Self { number, birth, first, last, title, seed: dice.next() }
    }

    pub(super) fn write_card(&self, out: &mut Vec<u8>) {
        write_number::<13>(out, self.number);
    }

    /// L for a man and P for a woman, as forms have it.
    pub(super) fn write_sex(&self, out: &mut Vec<u8>) {
        out.push(if self.birth.is_woman { b'P' } else { b'L' });
    }

    pub(super) fn write_born(&self, out: &mut Vec<u8>) {
        let (year, month, day) = self.birth.date;
        write_number::<4>(out, year.into());
        out.push(b'-');
        write_number::<2>(out, month.into());
        out.push(b'-');
        write_number::<2>(out, day.into());
    }

    /// 64 hexadecimal digits that are the hash of nothing.
    pub(super) fn write_password(&self, out: &mut Vec<u8>) {
        let mut dice = Dice::new(self.seed, Purpose::Password, 0);
        for _ in 0..4 {
            out.extend_from_slice(format!("{:016x}", dice.next()).as_bytes());
        }
    }

    /// The telephone number that nobody else has.
    pub(super) fn write_own_phone(&self, out: &mut Vec<u8>, population: &Population) {
        let (prefix, line) = population.line(self.number);
        out.extend_from_slice(PHONES[prefix]);
        write_number::<9>(out, line);
    }

    /// The e-mail address that nobody else has.
    pub(super) fn write_own_email(&self, out: &mut Vec<u8>) {
        let domain = DOMAINS[usize::from(self.first.len() > 4) + usize::from(self.last.len() > 7)];
        let name = self.first.bytes().chain(*b".").chain(self.last.bytes());
        out.extend(name.map(|byte| byte.to_ascii_lowercase()));
        out.extend_from_slice(format!("{}@{domain}", self.number).as_bytes());
    }

    /// The 15 digits of a taxpayer's number.
    pub(super) fn write_npwp(&self, out: &mut Vec<u8>, population: &Population) {
        write_number::<12>(out, population.taxpayer(self.number));
        out.extend_from_slice(b"000");
    }

    /// A title stands after a comma.
    pub(super) fn write_name(&self, out: &mut Vec<u8>) {
        for part in [self.first.as_bytes(), b" ", self.last.as_bytes(), self.title.as_bytes()] {
            out.extend_from_slice(part);
        }
    }

    /// People have several phones: `which` tells one from another.
    pub(super) fn write_phone(&self, out: &mut Vec<u8>, which: u64) {
        let mut dice = Dice::new(self.seed, Purpose::Person, which);
        out.extend_from_slice(*dice.pick(&PHONES));
        write_number::<8>(out, dice.below(100_000_000));
    }

    pub(super) fn write_email(&self, out: &mut Vec<u8>) {
        let mut dice = Dice::new(self.seed, Purpose::Person, u64::MAX);
        out.extend(
            self.first.bytes().chain(*b".").chain(self.last.bytes()).map(|byte| byte.to_ascii_lowercase()),
        );
        write_number::<4>(out, dice.below(10_000));
        out.push(b'@');
        out.extend_from_slice(dice.pick(&DOMAINS).as_bytes());
    }

    pub(super) fn write_address(&self, out: &mut Vec<u8>) {
        let mut dice = Dice::new(self.seed, Purpose::Person, u64::MAX - 1);
        out.extend_from_slice(b"Jl. ");
        out.extend_from_slice(dice.pick(&STREETS).as_bytes());
        out.extend_from_slice(b" No. ");
        write_number::<3>(out, 1 + dice.below(200));
        out.extend_from_slice(b", RT ");
        write_number::<3>(out, 1 + dice.below(20));
        out.extend_from_slice(b"/RW ");
        write_number::<3>(out, 1 + dice.below(20));
    }
}

pub(super) fn write_number<const WIDTH: usize>(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; WIDTH];
    write_digits(&mut digits, number);
    out.extend_from_slice(&digits);
}
