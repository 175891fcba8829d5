//! Vectors and hints of private lookups.

use samar_protocol::lookup::{
    Answerer, HINT_MAGIC, Hint, HintNote, Kernel, LookupError, QueryVector, Shape, hint_bytes,
};

use crate::script::Script;

const PAGE_BYTES: u32 = 2_048;

/// A query is taken exactly if it has its length and no bit behind its last number, and then answered as a plain reading of
/// SPEC.md does; a hint exactly if it opens as one, is of that page size, has its length, and is the one that was named.
pub fn lookup(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, pages) = (script.byte(), 1 + u32::from(script.byte() % 12));
    match mode % 4 {
        0 => query(script.rest(), pages),
        1 => {
            // As long as it should be.
            let mut bytes = script.rest().to_vec();
            bytes.resize(hint_bytes(PAGE_BYTES), mode);
            hint(&bytes);
        }
        2 => hint(script.rest()),
        _ => {
            let shape = Shape::new(PAGE_BYTES, pages).unwrap();
            let mut bytes = script.rest().to_vec();
            bytes.resize(shape.query_bytes(), 0);
            query(&bytes, pages);
        }
    }
}

fn query(bytes: &[u8], pages: u32) {
    let shape = Shape::new(PAGE_BYTES, pages).unwrap();
    let bits = pages as usize * 28;
    let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
    let expected = if bytes.len() != bits.div_ceil(8) {
        Err(LookupError::Length { expected: bits.div_ceil(8), found: bytes.len() })
    } else if (bits..bytes.len() * 8).any(|at| bit(at) == 1) {
        Err(LookupError::Padding)
    } else {
        Ok(())
    };
    let read = QueryVector::parse(bytes, shape);
    assert_eq!(read.as_ref().map(|_| ()).map_err(|error| *error), expected);
    let Ok(query) = read else { return };
    let database: Vec<u8> =
        (0..PAGE_BYTES * pages).map(|at| (at * 37 + at / PAGE_BYTES).to_le_bytes()[0]).collect();
    let mut answerer = Answerer::new(Kernel::best(), shape, vec![query]);
    answerer.push(&database);
    let answer = answerer.finish().pop().unwrap();
    let number = |page: usize| (0..28).fold(0, |number, i| number | bit(28 * page + i) << (4 + i));
    for row in 0..PAGE_BYTES as usize {
        let digit = |page: usize| u32::from(database[page * PAGE_BYTES as usize + row]).wrapping_sub(128);
        let sum = (0..pages as usize)
            .fold(0u32, |sum, page| sum.wrapping_add(digit(page).wrapping_mul(number(page))));
        let got = (0..13)
            .fold(0, |got, i| got | u32::from(answer[(13 * row + i) / 8] >> ((13 * row + i) % 8) & 1) << i);
        assert_eq!(got, sum.wrapping_add(1 << 18) >> 19, "row {row}");
    }
}

fn hint(bytes: &[u8]) {
    let head = [HINT_MAGIC.as_slice(), &PAGE_BYTES.to_le_bytes()].concat();
    let is_hint = bytes.starts_with(&head) && bytes.len() == hint_bytes(PAGE_BYTES);
    let note = HintNote::of(bytes);
    assert_eq!(Hint::parse(bytes, &note, PAGE_BYTES).is_ok(), is_hint);
    assert!(Hint::parse(bytes, &note, 4_096).is_err());
    let other = HintNote { hash: note.hash.map(|byte| byte ^ 1) };
    assert_eq!(Hint::parse(bytes, &other, PAGE_BYTES).unwrap_err(), LookupError::HintHash);
}
