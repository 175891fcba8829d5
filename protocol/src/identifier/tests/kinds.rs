//! What cells of real files become as telephone numbers, e-mail addresses, KK and NPWP.

use proptest::prelude::*;

use super::super::{ColumnSigns, ColumnWarning, Identifier, Kind, OprfInput, Rejection, SIGNS_ROWS_MIN};
use Rejection::*;

fn read(kind: Kind, cell: &str) -> Result<String, Rejection> {
    Identifier::parse(kind, cell).map(|found| String::from_utf8(found.normalised().to_vec()).unwrap())
}

/// Each cell in one of the two tables: what it is, or why it is nothing.
fn check(kind: Kind, kept: &[(&str, &str)], rejected: &[(&str, Rejection)]) {
    for (cell, normalised) in kept {
        assert_eq!(read(kind, cell).as_deref(), Ok(*normalised), "{} {cell:?}", kind.name());
        assert_eq!(read(kind, normalised).as_deref(), Ok(*normalised), "{} {normalised:?}", kind.name());
    }
    for (cell, reason) in rejected {
        assert_eq!(read(kind, cell), Err(*reason), "{} {cell:?}", kind.name());
    }
}

#[test]
fn telephone_numbers() {
    let long = "1".repeat(257);
    let kept = [
        ("081234567890", "+6281234567890"),
        ("6281234567890", "+6281234567890"),
        ("+6281234567890", "+6281234567890"),
        ("006281234567890", "+6281234567890"),
        ("81234567890", "+6281234567890"), // a spreadsheet dropped the 0
        ("+62 (0)812-3456-7890", "+6281234567890"),
        ("62081234567890", "+6281234567890"),
        ("(+62) 812 3456 7890", "+6281234567890"),
        ("0812.3456.7890", "+6281234567890"),
        ("0812\u{2011}3456\u{2013}7890", "+6281234567890"), // dashes of a word processor
        ("'081234567890", "+6281234567890"),
        ("\u{feff}0812\u{a0}3456\u{200b}7890 ", "+6281234567890"),
        ("０８１２３４５６７８９０", "+6281234567890"),
        ("＋６２８１２３４５６７８９０", "+6281234567890"),
        ("\u{202a}+62 812-3456-7890\u{202c}", "+6281234567890"), // as a telephone copies it
        ("0812345678", "+62812345678"),
        ("0812345678901", "+62812345678901"),
        ("0812.3456.000", "+628123456000"), // a group of zeros, not a fraction
        ("(021) 5551234", "+62215551234"),
        ("021-5551-2345", "+622155512345"),
        ("0967 12345", "+6296712345"),
        ("+1 (650) 253-0000", "+16502530000"),
        ("0044 20 7946 0000", "+442079460000"),
        ("+6591234567", "+6591234567"),
        ("+690 4000", "+6904000"), // Tokelau: the shortest there are
    ];
    let rejected = [
        ("", Empty),
        ("-", Empty),
        ("+", Empty),
        ("( )", Empty),
        (long.as_str(), TooLong),
        ("NULL", NotDigits),
        ("tidak ada", NotDigits),
        ("0812345678O", TrailingText), // the letter O
        ("08123xxxxxx", NotDigits),    // masked
        ("0812-34**-7890", NotDigits),
        ("0", WrongLength),
        ("112", WrongLength),
        ("08123456", WrongLength),
        ("08123456789012", WrongLength),
        ("3201010101900001", NoCountry), // a NIK
        ("+62 812", WrongLength),
        ("+1234567890123456", WrongLength),
        ("021 5551 2345 6789", WrongLength),
        ("5551234", NoCountry),
        ("16502530000", NoCountry),
        ("0800 123 4567", BadPrefix),
        ("0000000000", BadPrefix),
        ("+0812345678", BadPrefix),
        ("+62 1500 6789", BadPrefix),
        ("8.12346E+10", ExcelScientific),
        ("6,28123E+12", ExcelScientific),
        ("81234567890.0", DecimalFraction),
        ("6281234567890,00", DecimalFraction),
        ("081234567890/081298765432", TwoNumbers),
        ("081234567890, 081298765432", TwoNumbers),
        ("081234567890\n081298765432", TwoNumbers),
        ("081234567890 atau 081298765432", TwoNumbers),
        ("081234567890 081298765432", TwoNumbers),
        ("+6281234567890+6281298765432", TwoNumbers),
        ("081234567890 (istri)", TrailingText),
        ("021-5551234 ext 12", TrailingText),
        ("081234567890;", TrailingText),
        ("HP 081234567890", LeadingText),
        ("WA: +62 812-3456-7890", LeadingText),
        ("budi@example.com", NotDigits),
    ];
    check(Kind::Phone, &kept, &rejected);
}

#[test]
fn e_mail_addresses() {
    let (local, label) = ("a".repeat(64), "b".repeat(63));
    let longest = format!("{local}@{label}.{label}.{}.id", "c".repeat(58));
    assert_eq!(longest.len(), 254);
    let over = format!("{local}@{label}.{label}.{}.id", "c".repeat(59));
    let long_local = format!("a{local}@example.com");
    let long_label = format!("a@b{label}.id");
    let long = format!("{}@example.com", "a".repeat(250));
    let kept = [
        ("budi@example.com", "budi@example.com"),
        (" Budi.Santoso@Example.COM\r\n", "budi.santoso@example.com"),
        ("'budi@example.com", "budi@example.com"),
        ("''budi@example.com", "budi@example.com"),
        ("Budi <'budi@example.com>", "budi@example.com"),
        ("mailto:\u{ff07}budi@example.com", "budi@example.com"),
        ("\u{feff}budi@exam\u{200b}ple.com", "budi@example.com"),
        ("mailto:budi@example.com", "budi@example.com"),
        ("MAILTO: budi@example.com", "budi@example.com"),
        ("<budi@example.com>", "budi@example.com"),
        ("Budi Santoso <Budi@example.com>", "budi@example.com"),
        ("\"Santoso, Budi\" <mailto:budi@example.com> ", "budi@example.com"),
        ("ｂｕｄｉ＠ｅｘａｍｐｌｅ．ｃｏｍ", "budi@example.com"),
        ("b.u.d.i+toko@gmail.com", "b.u.d.i+toko@gmail.com"), // as it is: no provider's habit
        ("o'brien@example.co.id", "o'brien@example.co.id"),
        ("budi@xn--bcher-kva.example", "budi@xn--bcher-kva.example"),
        ("1@2.id", "1@2.id"),
        (longest.as_str(), longest.as_str()),
    ];
    let rejected = [
        ("", Empty),
        (" \u{200b}\t", Empty),
        ("-", Empty),
        ("<>", Empty),
        ("<'>", Empty),
        (long.as_str(), TooLong),
        ("NULL", NoAt),
        ("budi.example.com", NoAt),
        ("081234567890", NoAt),
        ("budi@@example.com", TwoAddresses),
        ("budi@example.com, ani@example.com", TwoAddresses),
        ("budi@example.com;ani@example.com", TwoAddresses),
        ("b\u{fc}di@example.com", NotAscii),
        ("budi@b\u{fc}cher.example", NotAscii),
        ("budi@ex\u{430}mple.com", NotAscii), // a Cyrillic a
        ("@example.com", BadLocal),
        (".budi@example.com", BadLocal),
        ("budi.@example.com", BadLocal),
        ("bu..di@example.com", BadLocal),
        ("budi santoso@example.com", BadLocal),
        ("\"budi santoso\"@example.com", BadLocal),
        ("e-mail: budi@example.com", BadLocal),
        ("budi@", BadDomain),
        ("budi@localhost", BadDomain),
        ("budi@example.com.", BadDomain),
        ("budi@.example.com", BadDomain),
        ("budi@example..com", BadDomain),
        ("budi@-example.com", BadDomain),
        ("budi@exam_ple.com", BadDomain),
        ("budi@192.168.1.1", BadDomain),
        ("budi@[192.168.1.1]", BadDomain),
        ("budi@example.com (kantor)", BadDomain),
        ("budi@exam ple.com", BadDomain),
        (long_label.as_str(), BadDomain),
        (long_local.as_str(), WrongLength),
        (over.as_str(), WrongLength),
    ];
    check(Kind::Email, &kept, &rejected);
}

#[test]
fn family_cards() {
    let kept = [
        ("3201012902000003", "3201012902000003"),
        (" 32.01.01.170317.0003", "3201011703170003"),
        ("'3201013112200001", "3201013112200001"),
    ];
    let rejected = [
        ("", Empty),
        ("3201014101900001", BadDay), // a woman's NIK
        ("3201010001900001", BadDay),
        ("3201013201900001", BadDay),
        ("3201010113900001", BadMonth),
        ("3201013104900001", BadDate),
        ("3201010101900000", ZeroSerial),
        ("320101010190001", WrongLength),
        ("3.20101E+15", ExcelScientific),
        ("3201010101900001.0", DecimalFraction),
        ("3201010101900001/3201010101900002", TwoNumbers),
        ("KK 3201010101900001", LeadingText),
        ("3201010101900001 (ayah)", TrailingText),
        ("KK", NotDigits),
    ];
    check(Kind::Kk, &kept, &rejected);
}

#[test]
fn taxpayers_have_one_form() {
    let kept = [
        ("09.254.294.3-407.000", "0092542943407000"),
        ("092542943407000", "0092542943407000"),
        ("0092542943407000", "0092542943407000"),
        ("09 254 294 3 407 000", "0092542943407000"),
        ("'09.254.294.3-407.001", "0092542943407001"), // a branch is another one
        ("９９.２５４.２９４.３-４０７.０００", "0992542943407000"),
        ("3201014101900001", "3201014101900001"), // a citizen's
        ("32.01.01.410190.0001", "3201014101900001"),
    ];
    let rejected = [
        ("", Empty),
        ("00.000.000.0-000.000", Placeholder),
        ("00.000.000.0-407.000", Placeholder), // with a tax office
        ("0000000000000000", Placeholder),
        ("9.254.294.3-407.000", WrongLength),    // its 0 was dropped
        ("0092542943407000000001", WrongLength), // a place of business has 22
        ("3201010001900001", BadDay),
        ("3201010113900001", BadMonth),
        ("9254294340700012", BadMonth),
        ("3201013002900001", BadDate),
        ("3201010101900000", ZeroSerial),
        ("9.25429E+14", ExcelScientific),
        ("925429434407000.0", DecimalFraction),
        ("3201014101900001,0", DecimalFraction),
        ("09.254.294.3-407.000 / 09.254.294.3-407.001", TwoNumbers),
        ("092542943407000092542943407001", TwoNumbers),
        ("NPWP 09.254.294.3-407.000", LeadingText),
        ("09.254.294.3-407.000 (PT)", TrailingText),
        ("belum ada", NotDigits),
    ];
    check(Kind::Npwp, &kept, &rejected);
}

#[test]
fn kinds_are_apart_though_their_digits_are_the_same() {
    let inputs = [Kind::Nik, Kind::Kk, Kind::Npwp]
        .map(|kind| Identifier::parse(kind, "3201010101900001").unwrap().into_input().as_ref().to_vec());
    for (input, byte) in inputs.iter().zip([1, 4, 5]) {
        assert_eq!(input, &[b"samar id v1".as_slice(), &[byte], b"3201010101900001"].concat());
    }
    for kind in Kind::ALL {
        assert_eq!((Kind::from_byte(kind.byte()), Kind::from_name(kind.name())), (Some(kind), Some(kind)));
    }
    assert_eq!((Kind::from_byte(0), Kind::from_byte(6), Kind::from_name("NIK")), (None, None, None));
}

#[test]
fn an_input_of_any_length_is_held_whole_and_prints_nothing() {
    for length in 1..=64 {
        let cell = format!("{}@example.com", "a".repeat(length));
        let address = Identifier::parse(Kind::Email, &cell).unwrap();
        assert_eq!(address.input().as_ref(), [b"samar id v1\x03", cell.as_bytes()].concat());
        assert_eq!(
            format!("{address:?} {:?}", address.input()),
            "Identifier(email, redacted) OprfInput(redacted)"
        );
    }
    let domain = ["c".repeat(60).as_str(); 3].join(".");
    let long = format!("a@{domain}.id");
    assert_eq!(Identifier::parse(Kind::Email, &long).unwrap().normalised(), long.as_bytes());
    assert_eq!(size_of::<OprfInput>(), 48, "a batch of numbers is kept small");
}

#[test]
fn a_column_of_another_kind_is_noticed() {
    let warnings = |kind, cells: &mut dyn Iterator<Item = String>| {
        let mut signs = ColumnSigns::new(kind);
        for cell in cells {
            match Identifier::parse(kind, &cell) {
                Ok(found) => signs.observe(found.normalised()),
                Err(reason) => signs.observe_rejected(&cell, reason.name()),
            }
        }
        signs.warnings()
    };
    let nik = |i: u64| format!("320101{:02}0190{:04}", i % 2 * 40 + 1, i + 1);
    let phone = |i: u64| format!("0812{i:08}");
    let other = |kind, other, count, rows| [ColumnWarning::OtherKind { kind, other, count, rows }];
    let rows = SIGNS_ROWS_MIN;
    assert_eq!(warnings(Kind::Phone, &mut (0..rows).map(nik)), other(Kind::Phone, Kind::Nik, rows, rows));
    assert_eq!(warnings(Kind::Nik, &mut (0..rows).map(phone)), other(Kind::Nik, Kind::Phone, rows, rows));
    assert_eq!(warnings(Kind::Email, &mut (0..rows).map(phone)), other(Kind::Email, Kind::Phone, rows, rows));
    // Every second NIK, a woman's, is no family card.
    assert_eq!(warnings(Kind::Kk, &mut (0..rows).map(nik)), other(Kind::Kk, Kind::Nik, rows / 2, rows));
    assert_eq!(warnings(Kind::Phone, &mut (1..rows).map(nik)), [], "too few to say");
    let mixed = |niks: u64| (0..1_000).map(move |i| if i < niks { nik(i) } else { phone(i) });
    assert_eq!(warnings(Kind::Phone, &mut mixed(200)), []);
    assert_eq!(warnings(Kind::Phone, &mut mixed(201)), other(Kind::Phone, Kind::Nik, 201, 1_000));
    assert_eq!(warnings(Kind::Phone, &mut (0..1_000).map(|i| phone(i * 10))), [], "numbers may end in 0");
}

#[test]
fn a_column_that_went_through_floats_or_holds_two_numbers_a_cell_is_noticed() {
    let warnings = |damaged: u64, cell: &str| {
        let mut signs = ColumnSigns::default();
        for i in 0..1_000u64 {
            let nik = format!("320101{:02}0190{:04}", i % 2 * 40 + 1, i % 9 + 1);
            let cell = if i < damaged { cell } else { &nik };
            match Identifier::parse(Kind::Nik, cell) {
                Ok(found) => signs.observe(found.normalised()),
                Err(reason) => signs.observe_rejected(cell, reason.name()),
            }
        }
        signs.warnings()
    };
    for cell in ["3.20101E+15", "3201010101900001.0"] {
        assert_eq!(warnings(10, cell), []);
        assert_eq!(warnings(11, cell), [ColumnWarning::Floats { count: 11, rows: 1_000 }]);
        // A column without one sound number is named too.
        assert_eq!(warnings(1_000, cell), [ColumnWarning::Floats { count: 1_000, rows: 1_000 }]);
    }
    let two = "3201010101900001; 3201010101900002";
    assert_eq!(warnings(11, two), [ColumnWarning::TwoNumbers { count: 11, rows: 1_000 }]);
}

proptest! {
    #[test]
    fn any_text_is_an_identifier_or_a_reason_and_an_identifier_stays_what_it_is(
        text in any::<String>(), near in "['\u{feff}\u{a0} .+()\\-0-9０-９@a-zA-Z<>:,;/\n]{0,40}",
    ) {
        for kind in Kind::ALL {
            for cell in [&text, &near] {
                if let Ok(normalised) = read(kind, cell) {
                    prop_assert_eq!(read(kind, &normalised), Ok(normalised.clone()), "{}", kind.name());
                }
            }
        }
    }

    #[test]
    fn a_number_is_the_same_under_every_prefix(mobile in "8[1-9][0-9]{7,10}", fixed in "[2-79][0-9]{6,10}") {
        for number in [mobile, fixed] {
            let normalised = format!("+62{number}");
            for prefix in ["0", "62", "+62", "0062", "+62 (0)", "620", "(+62) "] {
                prop_assert_eq!(read(Kind::Phone, &format!("{prefix}{number}")), Ok(normalised.clone()));
            }
            if number.starts_with('8') {
                prop_assert_eq!(read(Kind::Phone, &number), Ok(normalised));
            }
        }
    }

    #[test]
    fn a_taxpayer_is_the_same_in_every_dressing(digits in "[0-9]{2}[1-9][0-9]{12}") {
        let [a, b, c, d, e, f] = [&digits[..2], &digits[2..5], &digits[5..8], &digits[8..9], &digits[9..12], &digits[12..]];
        let normalised = format!("0{digits}");
        for cell in [digits.clone(), normalised.clone(), format!("{a}.{b}.{c}.{d}-{e}.{f}")] {
            prop_assert_eq!(read(Kind::Npwp, &cell), Ok(normalised.clone()));
        }
    }
}
