//! A synced set that was damaged on the bank's own disk: an error that names the file, and never "clear".

use samar_local::exit::Exit;
use samar_protocol::manifest::SegmentKind::Base;

use super::bank::{Bank, entries};
use super::operator::Operator;

#[test]
fn a_damaged_segment_is_never_taken_for_clear() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..5_000))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let segment = bank.files("segments").remove(0);
    let sound = std::fs::read(&segment).unwrap();
    let refused = |rule: &str, damaged: &[u8], says: &str| {
        std::fs::write(&segment, damaged).unwrap();
        let failure = bank.screen(0..5_000).unwrap_err();
        assert_eq!(failure.exit(), Exit::Local, "{rule}: {failure}");
        let said = failure.to_string();
        assert!(said.contains(says) && said.contains(".segment"), "{rule}: {said} does not say {says}");
        assert!(!bank.path("report.csv").exists(), "{rule}");
    };
    // Where, which bits are turned over, and what is said.
    let flips = [
        ("R-SEG-1: 6", 28, 1, "header and directory have root"),
        ("R-SEG-2: 6", 8, 3, "segment version 2 is not known"),
        ("R-SEG-3: 6", 14, 1, "reserved field is not 0"),
        ("R-SEG-4: 6", 48, 1, "4294972296 entries"),
        ("R-SEG-5: 6", 57, 0x20, "a breach id is"),
        ("R-SEG-8: 6", 12, 1, "its kind is not what the manifest says"),
        ("R-PAGE-1: 6", 2_048 + 700, 4, "does not match its hash"),
    ];
    for (rule, at, bits, says) in flips {
        let mut damaged = sound.clone();
        damaged[at] ^= bits;
        refused(rule, &damaged, says);
    }
    refused("R-SEG-6: 6", &sound[..sound.len() - 1], "bytes, not");
    std::fs::write(&segment, &sound).unwrap();
    assert_eq!(bank.screen(0..5_000).unwrap().exposed, 5_000);
}
