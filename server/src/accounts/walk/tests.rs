//! Logs made byte by byte: where a walk stands, and what of a broken end is torn and what is damage.

use std::io::Write as _;

use super::*;

/// A log, and where its records begin.
#[derive(Clone, Default)]
struct Made {
    bytes: Vec<u8>,
    begins: Vec<usize>,
    chain: [u8; 32],
}

impl Made {
    fn new() -> Self {
        Self { bytes: LOG_MAGIC.to_vec(), ..Self::default() }
    }

    /// Appends bodies that are written and synced together.
    fn group(mut self, bodies: &[Vec<u8>]) -> Self {
        for (number, body) in bodies.iter().enumerate() {
            self.begins.push(self.bytes.len());
            self.chain = next_chain(&self.chain, body);
            self.bytes.extend(head(u16::try_from(body.len()).unwrap(), number == 0));
            self.bytes.extend(body);
            self.bytes.extend(self.chain);
        }
        self
    }
}

/// A record without zeros at its end, which could not be told from a hole.
fn body(number: u8) -> Vec<u8> {
    let count = u32::from_le_bytes([number, 1, 1, 1]);
    let debit = Record::Debit { time_s: 7, bank: "bank-a".to_owned(), batch: [number; 32], count };
    codec::encode(&debit).unwrap()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Numbers and places of the records.
type Places = Vec<(u64, u64)>;

/// Where the records stand, where the walk ended, and what stands behind.
fn walk(bytes: &[u8]) -> Result<(Places, Mark, Tail), LogError> {
    let file = file_of(bytes);
    let mut walk = Walk::new(&file, bytes.len() as u64);
    let mut placed = Vec::new();
    while let Some(Placed { number, at, .. }) = walk.step()? {
        assert_eq!(walk.at().records, number, "it stands after the record that it gave");
        placed.push((number, at));
    }
    Ok((placed, walk.at(), walk.tail()))
}

/// Shows that the walk is torn after so many records.
#[track_caller]
fn torn(bytes: &[u8], records: u64) {
    let (placed, at, tail) = walk(bytes).unwrap();
    assert_eq!((placed.len() as u64, at.records, tail), (records, records, Tail::Torn));
}

/// Shows that this record is damaged, and how it is said.
#[track_caller]
fn damaged(bytes: &[u8], number: u64, begins: usize, says: &str) {
    let error = walk(bytes).unwrap_err();
    let LogError::Damaged { number: found, at, .. } = &error else { panic!("{error}") };
    assert_eq!((*found, *at), (number, begins as u64), "{error}");
    let place = format!("at byte {begins}, record {number}: ");
    assert!(error.to_string().starts_with(&place) && error.to_string().contains(says), "{error}");
}

#[test]
fn a_whole_log_is_walked_to_its_end_and_from_any_mark_of_it() {
    let made = Made::new().group(&[body(1), body(2)]).group(&[body(3)]);
    let (placed, end, tail) = walk(&made.bytes).unwrap();
    let expected: Vec<_> = (1..).zip(made.begins.iter().map(|begin| *begin as u64)).collect();
    assert_eq!(placed, expected);
    let whole = Mark { bytes: made.bytes.len() as u64, records: 3, chain: made.chain };
    assert_eq!((end, tail), (whole, Tail::None));

    let file = file_of(&made.bytes);
    let mut first = Walk::new(&file, made.bytes.len() as u64);
    assert_eq!(first.at(), Mark::default());
    first.step().unwrap();
    let mark = first.at();
    assert_eq!((mark.bytes, mark.records), (made.begins[1] as u64, 1));
    let mut second = Walk::resume(&file, made.bytes.len() as u64, mark).unwrap();
    let placed = second.step().unwrap().unwrap();
    assert_eq!((placed.number, placed.at), (2, made.begins[1] as u64));
    assert!(matches!(placed.record, Record::Debit { batch, .. } if batch == [2; 32]));
    // What is appended behind the length that was asked for is not looked at.
    let mut short = Walk::resume(&file, made.begins[2] as u64, Mark::default()).unwrap();
    assert!(short.step().unwrap().is_some() && short.step().unwrap().is_some());
    assert!(short.step().unwrap().is_none());
    assert_eq!(short.tail(), Tail::None);
}

#[test]
fn an_end_that_is_not_all_there_is_torn_and_nothing_else_is() {
    let made = Made::new().group(&[body(1)]).group(&[body(2)]);
    for length in made.begins[1] + 1..made.bytes.len() {
        torn(&made.bytes[..length], 1);
    }
    assert_eq!(walk(&made.bytes[..made.begins[1]]).unwrap().2, Tail::None);
    // Too few bytes for a length may be the beginning of one; a length that is whole, and wrong, was changed.
    torn(&[made.bytes.as_slice(), &[9; 3]].concat(), 2);
    damaged(&[made.bytes.as_slice(), &[9; 4]].concat(), 3, made.bytes.len(), "its length was changed");
    // Its beginning: no record at all.
    for length in 0..LOG_MAGIC.len() {
        torn(&made.bytes[..length], 0);
    }
    let empty = walk(&LOG_MAGIC).unwrap();
    assert_eq!((empty.0.len(), empty.1.bytes, empty.2), (0, 10, Tail::None));
}

#[test]
fn what_does_not_open_as_a_log_is_damaged_and_is_no_record() {
    let mut other = Made::new().group(&[body(1)]).bytes;
    other[8] = 2;
    let error = walk(&other).unwrap_err();
    assert_eq!(error.to_string(), "at byte 0: it does not open as an account log of version 1");
    // Begun and cut off: the magic up to some byte, and zeros. Only of just that length.
    for written in 0..LOG_MAGIC.len() {
        let mut begun = LOG_MAGIC.to_vec();
        begun[written..].fill(0);
        // Its last byte is a zero anyway.
        let records = walk(&begun).unwrap();
        assert_eq!(records.0.len(), 0, "{written}");
        if begun != LOG_MAGIC {
            assert_eq!((records.1.bytes, records.2), (0, Tail::Torn), "{written}");
            begun.push(0);
            assert!(walk(&begun).is_err(), "{written}: longer than what was being written");
        }
    }
    let mut torn_and_written = LOG_MAGIC;
    torn_and_written[3] = 0;
    assert!(walk(&torn_and_written).is_err(), "something stands behind the zeros");
}

#[test]
fn a_head_says_its_length_twice_and_whether_a_group_begins() {
    assert_eq!(head(5, true), [5, 0x80, 0xfa, 0x7f]);
    assert_eq!(head(0x0102, false), [2, 1, 0xfd, 0xfe]);
    for begins in [false, true] {
        for bytes in [1, 511, BODY_BYTES_MAX] {
            assert_eq!(read_head(head(u16::try_from(bytes).unwrap(), begins)), Some((bytes, begins)));
        }
        assert_eq!(read_head(head(0, begins)), None);
        assert_eq!(read_head(head(u16::try_from(BODY_BYTES_MAX + 1).unwrap(), begins)), None);
    }
    for byte in 0..4 {
        let mut changed = head(77, true);
        changed[byte] ^= 4;
        assert_eq!(read_head(changed), None, "{byte}");
    }
}

#[test]
fn a_chain_is_over_its_label_the_chain_before_and_the_body() {
    let input = [b"samar account log v1".as_slice(), &[3; 32], b"body"].concat();
    assert_eq!(next_chain(&[3; 32], b"body"), *blake3::hash(&input).as_bytes());
}

#[test]
fn a_hole_is_zeros_up_to_the_end_of_a_sector() {
    // Two sectors of what was written, the second of which ends early.
    let mut sectors = vec![1; 2 * SECTOR_BYTES];
    assert!(!has_hole(&sectors, 0..1_024));
    sectors[500] = 0;
    assert!(!has_hole(&sectors, 400..600), "zeros within what was written");
    sectors[500..512].fill(0);
    assert!(has_hole(&sectors, 400..600) && has_hole(&sectors, 511..600) && has_hole(&sectors, 400..501));
    assert!(!has_hole(&sectors, 512..600), "it ends before the record");
    assert!(!has_hole(&sectors, 400..500), "it begins behind the record");
    sectors[511] = 1;
    assert!(!has_hole(&sectors, 400..600), "it does not reach the end of its sector");
    // The last sector ends where the bytes do.
    let end = [vec![1; 600], vec![0; 10]].concat();
    assert!(has_hole(&end, 590..610) && !has_hole(&end, 520..600));
    assert!(has_hole(&[0; 512], 0..4), "a sector of which nothing was written");
}

#[test]
fn a_hole_in_the_last_group_is_torn_and_before_another_group_is_damage() {
    let zeroed = |made: &Made, from: usize, to: usize| {
        let mut bytes = made.bytes.clone();
        bytes[from..to].fill(0);
        bytes
    };
    // Five records of one group, which end with the first sector, so that the next group begins with the second.
    let bodies: Vec<_> = (1..=4).map(body).chain([vec![9; 74]]).collect();
    let one = Made::new().group(&bodies);
    let length = one.bytes.len();
    assert_eq!(length, SECTOR_BYTES);
    for from in one.begins[3] + 1..one.begins[4] {
        torn(&zeroed(&one, from, length), 3);
    }
    // A hole where a group follows in the next sector, which goes on from the chain that should stand there: it was synced, so
    // this is damage.
    let two = one.clone().group(&[vec![9; 20]]);
    let chain_lost = zeroed(&two, length - 32, length);
    damaged(&chain_lost, 5, one.begins[4], "it was changed");
    // So it is where the body is lost too, as long as anything that was synced before a later group tells.
    let three = two.clone().group(&[vec![9; 20]]);
    damaged(&zeroed(&three, one.begins[4] + 10, length), 5, one.begins[4], "it was changed");
    // A changed byte is no hole.
    let mut changed = one.bytes.clone();
    changed[one.begins[4] + 10] ^= 1;
    damaged(&changed, 5, one.begins[4], "does not match the chain");
    let mut changed = one.bytes;
    changed[two.begins[2]] ^= 1;
    damaged(&changed, 3, two.begins[2], "its length was changed");
}

#[test]
fn a_hole_is_told_from_a_change_in_whichever_sector_it_stands() {
    let mut crossed = 0;
    for records in 2..=20 {
        let made = (1..=records).fold(Made::new(), |made, number| made.group(&[body(number)]));
        let (begin, end) = (made.begins[usize::from(records) - 1], made.bytes.len());
        let whole_before = u64::from(records) - 1;
        let sector_ends = || (begin + 1..end).filter(|end| end.is_multiple_of(SECTOR_BYTES));
        // Zeros of its own at the end of a sector cannot be told from a hole.
        let is_told = sector_ends().all(|end| made.bytes[end - 1] != 0);
        for hole_end in sector_ends().chain([end]) {
            crossed += usize::from(hole_end != end);
            let sector = (hole_end - 1) / SECTOR_BYTES * SECTOR_BYTES;
            for hole in sector.max(begin + 1)..hole_end {
                let mut bytes = made.bytes.clone();
                bytes[hole..hole_end].fill(0);
                if bytes == made.bytes {
                    continue; // zeros stood there
                }
                torn(&bytes, whole_before);
                // Up to the byte before the end of its sector it is none.
                bytes[hole_end - 1] = 1;
                if is_told {
                    let says = if hole < begin + 4 { "length" } else { "" };
                    damaged(&bytes, u64::from(records), begin, says);
                }
            }
        }
    }
    assert!(crossed > 2, "of these logs the last record begins in one sector and ends in the next");
}

#[test]
fn what_stands_behind_the_length_that_was_asked_for_fills_no_hole() {
    let made = Made::new().group(&[body(1)]).group(&[body(2)]);
    let length = made.bytes.len();
    let mut bytes = made.bytes;
    bytes[length - 10..].fill(0);
    bytes.extend([7; 20]);
    let file = file_of(&bytes);
    let mut walk = Walk::new(&file, length as u64);
    assert!(walk.step().unwrap().is_some());
    assert!(walk.step().unwrap().is_none());
    assert_eq!(walk.tail(), Tail::Torn);
}

#[test]
fn no_more_can_be_torn_than_a_group_has() {
    let made = Made::new().group(&[body(1)]);
    let begin = made.bytes.len();
    for (zeros, is_torn) in [(TAIL_BYTES_MAX, true), (TAIL_BYTES_MAX + 1, false)] {
        let bytes = [made.bytes.clone(), vec![0; usize::try_from(zeros).unwrap()]].concat();
        if is_torn { torn(&bytes, 1) } else { damaged(&bytes, 2, begin, "its length was changed") }
    }
    assert_eq!(TAIL_BYTES_MAX, 1 << 20);
}

#[test]
fn a_group_follows_where_its_first_record_goes_on_from_the_one_before() {
    let made = Made::new().group(&[body(1)]).group(&[body(2), body(3)]);
    let (first, second, third) = (made.begins[0], made.begins[1], made.begins[2]);
    let (bytes, record_bytes) = (&made.bytes[first..], second - first);
    assert!(group_follows(bytes, record_bytes, None), "by the chain that stands there");
    // The first record's chain was changed: what follows goes on from what it should be.
    let mut changed = bytes.to_vec();
    changed[record_bytes - 1] ^= 1;
    assert!(!group_follows(&changed, record_bytes, None));
    let expected = next_chain(&[0; 32], &body(1));
    assert!(group_follows(&changed, record_bytes, Some(expected)));
    assert!(!group_follows(&changed, record_bytes - 1, Some(expected)), "only right behind the record");
    // A record within a group is no beginning of one.
    assert!(!group_follows(&made.bytes[second..], third - second, None));
    assert!(!group_follows(&bytes[..record_bytes + 20], record_bytes, Some(expected)), "cut short");
    assert!(!group_follows(&[], record_bytes, None));
}

#[test]
fn a_record_that_breaks_a_rule_of_its_fields_is_damaged_though_its_chain_holds() {
    let made = Made::new().group(&[body(1)]).group(&[vec![0xff; 40]]);
    damaged(&made.bytes, 2, made.begins[1], "account record");
}

#[test]
fn what_cannot_be_read_is_no_damage() {
    let made = Made::new().group(&[body(1)]);
    let file = file_of(&made.bytes[..30]);
    // Shorter than it is said to be, as where somebody cuts it meanwhile.
    let error = Walk::new(&file, made.bytes.len() as u64).step().unwrap_err();
    assert!(matches!(error, LogError::Read(_)), "{error}");
}
