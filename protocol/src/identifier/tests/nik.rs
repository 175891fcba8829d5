//! What cells of real files become as NIKs.

use proptest::prelude::*;

use super::super::{ColumnSigns, ColumnWarning, Kind, Nik, Rejection, SIGNS_ROWS_MIN};
use Rejection::*;

const GOOD: &str = "3201010101900001";

#[test]
fn cells_that_hold_a_nik() {
    let cells = [
        "3201010101900001",
        " 3201010101900001 ",
        "\t3201010101900001\r\n",
        "'3201010101900001",
        " '3201010101900001",
        "' 3201010101900001",
        "\u{feff}3201010101900001",
        "\u{feff}'3201010101900001",
        "3201010101900001\u{feff}",
        "\u{a0}3201010101900001\u{a0}",
        "3201\u{a0}0101\u{a0}0190\u{a0}0001",
        "320101 010190 0001",
        "3201 0101 0190 0001",
        "32.01.01.010190.0001",
        "3.201.010.101.900.001",
        "32-01-01-010190-0001",
        "320101-010190-0001",
        "32.01.01 - 010190 - 0001",
        "3201010101900001.",
        "-3201010101900001",
        "3201010\u{200b}101900001",
        "3201010\u{200c}1019\u{200d}00001",
        "\u{2060}3201010101900001",
        "\u{200e}3201010101900001\u{200f}",
        "\u{202a}3201010101900001\u{202c}",
        "\u{2066}3201010101900001\u{2069}",
        "320101\u{ad}0101900001",
        "3201\u{2009}0101\u{202f}0190\u{3000}0001",
        "３２０１０１０１０１９００００１",
        "３２０１ ０１０１ ０１９０.０００１",
        "\u{0}3201010101900001\u{0}",
        "\u{b}3201010101900001\u{85}",
    ];
    for cell in cells {
        let nik = Nik::parse(cell).unwrap_or_else(|reason| panic!("{cell:?}: {reason}"));
        assert_eq!(nik.digits(), GOOD.as_bytes(), "{cell:?}");
    }
}

#[test]
fn numbers_at_the_edges_of_the_rules_are_kept() {
    let numbers = [
        "3201010101900001", // man, first day
        "3201013101900001", // last day
        "3201014101900001", // woman, first day
        "3201017101900001", // last day
        "3201012902000001", // 1900 was no leap year, 2000 was
        "3201012902960001", // leap in 1996 and 2096
        "3201016902960001", // the same for a woman
        "3201012802970001",
        "3201013004900001",
        "3201017004900001",
        "3201013012990001",
        "3201010101900010", // wrong perhaps, but well formed: only the column shows it
        "3201010101909999",
        "9999990101900001", // unknown region: kept
        "0000000101900001",
        "9401010101900001", // above 2^53
    ];
    for number in numbers {
        assert!(Nik::parse(number).is_ok(), "{number}");
    }
}

#[test]
fn every_damage_has_its_name() {
    let long = "3".repeat(257);
    let longest = "3".repeat(255);
    let cells = [
        ("", Empty),
        ("   ", Empty),
        ("-", Empty),
        ("'", Empty),
        ("...", Empty),
        ("\u{feff}", Empty),
        ("\u{a0}\u{200b}", Empty),
        ("\r\n", Empty),
        (long.as_str(), TooLong),
        (longest.as_str(), WrongLength),
        ("NULL", NotDigits),
        ("\\N", NotDigits),
        ("#N/A", NotDigits),
        ("nik", NotDigits),
        ("320101010190000O", NotDigits), // the letter O
        ("32010101\t01900001", NotDigits),
        ("32010101\n01900001", NotDigits),
        ("3,201,010,101,900,001", NotDigits),
        ("320101\u{2013}010190\u{2013}0001", NotDigits),
        ("3201010101900001'2", TrailingText),
        ("٣٢٠١٠١٠١٠١٩٠٠٠٠١", NotDigits),         // Arabic-Indic digits
        ("\"3201", NotDigits),                   // a truncated last row
        ("3\u{0}2\u{0}0\u{0}1\u{0}", NotDigits), // UTF-16 read as bytes
        ("62812345678901", WrongLength),
        ("320101010190001", WrongLength),
        ("32010101019000012", WrongLength),
        ("3201010101900001 2", WrongLength),
        ("1", WrongLength),
        ("3201010101900001320101010190000", WrongLength),
        ("3.20101E+15", ExcelScientific),
        ("3,20101E+15", ExcelScientific),
        ("3.20101e15", ExcelScientific),
        (" 3.2010101019E+15 ", ExcelScientific),
        ("3E15", ExcelScientific),
        ("'3.20101E+15", ExcelScientific),
        ("3201010101900001.0", DecimalFraction),
        ("3201010101900001.00", DecimalFraction),
        ("3201010101900001,0", DecimalFraction),
        ("3201010101900001 3201010101900002", TwoNumbers),
        ("32010101019000013201010101900002", TwoNumbers),
        ("3201010101900001/3201010101900002", TwoNumbers),
        ("3201010101900001;3201010101900002", TwoNumbers),
        ("3201010101900001,3201010101900002", TwoNumbers),
        ("3201010101900001\n3201010101900002", TwoNumbers),
        ("3201010101900001 dan 3201010101900002", TwoNumbers),
        ("3201010101900001 (KK 3201010101900002)", TwoNumbers),
        ("3201010101900001-3201010101900002-3201010101900003", TwoNumbers),
        ("3201010101900001 (alm)", TrailingText),
        ("3201010101900001 BUDI", TrailingText),
        ("3201010101900001\"", TrailingText),
        ("3201010101900001,", TrailingText),
        ("3201010101900001 / 2", TrailingText),
        ("NIK 3201010101900001", LeadingText),
        ("NIK: 3201010101900001", LeadingText),
        ("\"3201010101900001", LeadingText),
        ("''3201010101900001", LeadingText),
        ("NIK 3201010101900001 (istri)", LeadingText),
        ("0000000000000000", BadDay),
        ("3201010001900001", BadDay),
        ("3201013201900001", BadDay),
        ("3201014001900001", BadDay),
        ("3201017201900001", BadDay),
        ("9999999999999999", BadDay),
        ("3201010100900001", BadMonth),
        ("3201010113900001", BadMonth),
        ("3201014199900001", BadMonth),
        ("3201012902970001", BadDate),
        ("3201012902010001", BadDate),
        ("3201016902970001", BadDate),
        ("3201013002960001", BadDate),
        ("3201013104900001", BadDate),
        ("3201017106900001", BadDate),
        ("3201013109900001", BadDate),
        ("3201013111900001", BadDate),
        ("3201010101900000", ZeroSerial),
        ("32.01.01.010190.0000", ZeroSerial),
        ("3201010013900000", BadDay), // the first fault from the left
    ];
    for (cell, reason) in cells {
        assert_eq!(Nik::parse(cell).err(), Some(reason), "{cell:?}");
    }
    for reason in &Rejection::ALL[..13] {
        assert!(cells.iter().any(|cell| cell.1 == *reason), "{reason:?} has no cell");
    }
}

#[test]
fn reasons_have_distinct_stable_names() {
    let names = Rejection::ALL.map(Rejection::name);
    assert_eq!(
        names.join(" "),
        "empty too-long not-digits wrong-length excel-scientific decimal-fraction two-numbers trailing-text \
         leading-text bad-day bad-month bad-date zero-serial placeholder no-country bad-prefix no-at two-addresses \
         not-ascii bad-local bad-domain"
    );
}

#[test]
fn provinces_flag_but_never_reject() {
    let known =
        |province: u8| Nik::parse(&format!("{province:02}01010101900001")).unwrap().province_is_known();
    assert_eq!((0..100).filter(|&province| known(province)).count(), 38);
    for (province, expected) in
        [(11, true), (31, true), (96, true), (0, false), (20, false), (54, false), (97, false)]
    {
        assert_eq!(known(province), expected, "{province}");
    }
}

#[test]
fn the_oprf_input_is_label_kind_and_digits() {
    let input = Nik::parse(" 3201-0101-0190-0001").unwrap().oprf_input();
    assert_eq!(input.as_ref(), b"samar id v1\x013201010101900001");
    let kinds = [Kind::Nik, Kind::Phone, Kind::Email, Kind::Kk, Kind::Npwp];
    assert_eq!(kinds.map(Kind::byte), [1, 2, 3, 4, 5]);
}

#[test]
fn nothing_printed_shows_a_digit() {
    let nik = Nik::parse(GOOD).unwrap();
    assert_eq!(format!("{nik:?}"), "Nik(redacted)");
    assert_eq!(format!("{:?}", nik.oprf_input()), "OprfInput(redacted)");
    let reason = Nik::parse("3201010101900001 3201010101900002").unwrap_err();
    assert!(!format!("{reason} {reason:?}").contains("3201"));
}

#[test]
fn identifiers_are_zeroized_on_drop() {
    fn is_zeroized<T: zeroize::ZeroizeOnDrop>() {}
    is_zeroized::<Nik>();
    is_zeroized::<super::super::OprfInput>();
}

fn signs(rows: impl IntoIterator<Item = (u32, u32)>) -> ColumnSigns {
    let mut signs = ColumnSigns::default();
    for (day, serial) in rows {
        signs.observe(Nik::parse(&format!("320101{day:02}0190{serial:04}")).unwrap().digits());
    }
    signs
}

#[test]
fn a_column_that_lost_its_last_digit_is_noticed() {
    let healthy = signs((0..1000).map(|i| (i % 2 * 40 + 1, i % 10 + 1)));
    assert_eq!(healthy.warnings(), []);
    // What a spreadsheet does to serials 0010 to 0059.
    let damaged = signs((0..1000).map(|i| (i % 2 * 40 + 1, (i % 50 + 10) / 10 * 10)));
    assert_eq!(damaged.warnings(), [ColumnWarning::LastDigitLost { ending_in_0: 1000, rows: 1000 }]);
    // One part of the file in five is the limit.
    let mixed = |lost| signs((0..1000).map(|i| (i % 2 * 40 + 1, if i < lost { 10 } else { 1 })));
    assert_eq!(mixed(200).warnings(), []);
    assert_eq!(mixed(201).warnings(), [ColumnWarning::LastDigitLost { ending_in_0: 201, rows: 1000 }]);
}

#[test]
fn a_column_of_family_cards_is_noticed() {
    let rows = SIGNS_ROWS_MIN;
    let cards = |count| signs((0..count).map(|_| (17, 3)));
    assert_eq!(cards(rows).warnings(), [ColumnWarning::LooksLikeKk { above_40: 0, rows }]);
    assert_eq!(cards(rows - 1).warnings(), [], "too few to say");
    let with_women = |women, rows| signs((0..rows).map(|i| (if i < women { 57 } else { 17 }, 3))).warnings();
    assert_eq!(with_women(1, rows), [], "one woman in 200");
    // One true NIK in a column of cards hides nothing.
    assert_eq!(with_women(49, 10_000), [ColumnWarning::LooksLikeKk { above_40: 49, rows: 10_000 }]);
    assert_eq!(with_women(50, 10_000), []);
}

proptest! {
    #[test]
    fn any_text_is_a_nik_or_a_reason(text in any::<String>()) {
        let _ = Nik::parse(&text);
    }

    #[test]
    fn texts_near_a_nik_are_read_the_same_twice(text in "['\u{feff}\u{a0} .\\-0-9０-９eE+,;/\n]{0,40}") {
        if let Ok(nik) = Nik::parse(&text) {
            let normalised = core::str::from_utf8(nik.digits()).unwrap();
            let again = Nik::parse(normalised).unwrap();
            prop_assert_eq!(again.digits(), nik.digits());
        }
    }

    #[test]
    fn a_nik_survives_every_dressing(
        day in 1..=28u32, woman in any::<bool>(), month in 1..=12u32, year in 0..=99u32, region in 0..=999_999u32,
        serial in 1..=9_999u32, gaps in prop::collection::vec(0..9usize, 17),
    ) {
        let day = day + if woman { 40 } else { 0 };
        let bare = format!("{region:06}{day:02}{month:02}{year:02}{serial:04}");
        let dressing = ["", "", "", " ", ".", "-", "\u{a0}", "\u{200b}", "\u{feff}"];
        let mut dressed = String::new();
        for (digit, gap) in bare.chars().zip(&gaps) {
            dressed.push_str(dressing[*gap]);
            dressed.push(if gap % 2 == 0 { digit } else { char::from_u32(digit as u32 - 0x30 + 0xff10).unwrap() });
        }
        let nik = Nik::parse(&dressed).unwrap();
        prop_assert_eq!(nik.digits(), bare.as_bytes());
    }
}
