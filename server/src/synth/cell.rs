//! How a NIK stands in a cell: as it should, oddly, or broken beyond use.

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
