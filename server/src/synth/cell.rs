//! How an identifier stands in a cell: as it should, oddly, or broken beyond use.

use super::dice::Dice;

const TEXTS: [&str; 5] = ["TIDAK ADA", "NULL", "-", "belum ada", "#N/A"];

/// The same NIK, written in one of the ways that normalising undoes.
pub(super) fn write_odd(out: &mut Vec<u8>, nik: &[u8; 16], dice: &mut Dice) {
    match dice.below(7) {
        0 => write_parts(out, nik, " "),
        1 => write_parts(out, nik, "."),
        2 => write_parts(out, nik, "-"),
        3 => write_parts(out, nik, "\u{a0}"),
        4 => {
            out.push(b'\'');
            out.extend_from_slice(nik);
        }
        5 => {
            // U+FF10 is the full-width zero: three bytes in UTF-8, and the ten digits differ in the last.
            for digit in nik {
                out.extend_from_slice(&[0xef, 0xbc, 0x90 + (digit - b'0')]);
            }
        }
        _ => {
            out.extend_from_slice("\u{feff} ".as_bytes());
            out.extend_from_slice(nik);
            out.extend_from_slice("\u{200b} ".as_bytes());
        }
    }
}

/// The same telephone number, which begins with 0 and has 13 digits.
pub(super) fn write_odd_phone(out: &mut Vec<u8>, phone: &[u8], dice: &mut Dice) {
    let mut write = |parts: [&[u8]; 5]| parts.into_iter().for_each(|part| out.extend_from_slice(part));
    match dice.below(4) {
        0 => write([b"+62 ", &phone[1..4], b"-", &phone[4..8], &[b"-", &phone[8..]].concat()]),
        1 => write([b"62", &phone[1..], b"", b"", b""]),
        2 => write([b"(", &phone[..4], b") ", &phone[4..8], &[b" ", &phone[8..]].concat()]),
        _ => write([&phone[1..], b"", b"", b"", b""]), // a spreadsheet drops the 0
    }
}

/// The same e-mail address.
pub(super) fn write_odd_email(out: &mut Vec<u8>, email: &[u8], dice: &mut Dice) {
    let mut write = |parts: [&[u8]; 3]| parts.into_iter().for_each(|part| out.extend_from_slice(part));
    match dice.below(4) {
        0 => write([b"", &email.to_ascii_uppercase(), b""]),
        1 => write([b"mailto:", email, b""]),
        2 => write([b"<", email, b">"]),
        _ => write([b"  ", email, b" "]),
    }
}

/// The same taxpayer's number of 15 digits.
pub(super) fn write_odd_npwp(out: &mut Vec<u8>, npwp: &[u8], dice: &mut Dice) {
    if dice.below(2) == 0 {
        out.push(b'0'); // as it is written since 2024
        return out.extend_from_slice(npwp);
    }
    let parts = [
        &npwp[..2],
        b".",
        &npwp[2..5],
        b".",
        &npwp[5..8],
        b".",
        &npwp[8..9],
        b"-",
        &npwp[9..12],
        b".",
        &npwp[12..],
    ];
    parts.into_iter().for_each(|part| out.extend_from_slice(part));
}

/// Something that is no e-mail address, of anybody.
pub(super) fn write_broken_email(out: &mut Vec<u8>, email: &[u8], dice: &mut Dice) {
    match dice.below(4) {
        0 => out.extend(email.iter().take_while(|byte| **byte != b'@')),
        1 => out.extend(email.iter().chain(b"@").chain(email)),
        2 => out.extend_from_slice(dice.pick(&TEXTS).as_bytes()),
        _ => {}
    }
}

/// Something that is no NIK, of anybody: damage to a real one, or text, or nothing.
pub(super) fn write_broken(out: &mut Vec<u8>, nik: &[u8; 16], dice: &mut Dice) {
    let mut nik = *nik;
    match dice.below(9) {
        0 => out.extend_from_slice(&nik[..15]),
        1 => {
            out.extend_from_slice(&nik);
            out.push(b'7');
        }
        2 => {
            // What Excel shows of a long number.
            out.extend_from_slice(&[nik[0], b'.']);
            out.extend_from_slice(&nik[1..6]);
            out.extend_from_slice(b"E+15");
        }
        3 => {
            nik[8..10].copy_from_slice(b"13");
            out.extend_from_slice(&nik);
        }
        4 => {
            nik[6..8].copy_from_slice(b"32");
            out.extend_from_slice(&nik);
        }
        5 => {
            nik[6..10].copy_from_slice(b"3104");
            out.extend_from_slice(&nik);
        }
        6 => {
            nik[12..].copy_from_slice(b"0000");
            out.extend_from_slice(&nik);
        }
        7 => out.extend_from_slice(dice.pick(&TEXTS).as_bytes()),
        _ => {}
    }
}

fn write_parts(out: &mut Vec<u8>, nik: &[u8; 16], between: &str) {
    out.extend_from_slice(&nik[..6]);
    out.extend_from_slice(between.as_bytes());
    out.extend_from_slice(&nik[6..12]);
    out.extend_from_slice(between.as_bytes());
    out.extend_from_slice(&nik[12..]);
}
