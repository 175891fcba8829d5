//! Both sides together; kernels against one another; noise against what was derived.

use proptest::prelude::any;
use proptest::{prop_assert_eq, proptest};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use super::kernel::Kernel;
use super::*;
use crate::limits::PAGE_BYTES_ALLOWED;

const ROWS: usize = 2_048;

fn seed() -> MatrixSeed {
    MatrixSeed::from_bytes(*b"sixteen of seed!")
}

fn random(bytes: usize, from: u64) -> Vec<u8> {
    let mut random = vec![0; bytes];
    StdRng::seed_from_u64(from).fill_bytes(&mut random);
    random
}

fn client(kernel: Kernel, pages: &[u8]) -> Client {
    let shape = Shape::new(ROWS as u32, (pages.len() / ROWS) as u32).unwrap();
    let mut builder = HintBuilder::new(kernel, shape, seed());
    builder.push(pages);
    let bytes = builder.finish();
    let hint = Hint::parse(&bytes, &HintNote::of(&bytes), ROWS as u32).unwrap();
    Client::new(kernel, shape, seed(), hint).unwrap()
}

fn answers(kernel: Kernel, shape: Shape, pages: &[u8], queries: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let queries = queries.iter().map(|query| QueryVector::parse(query, shape).unwrap());
    let mut answerer = Answerer::new(kernel, shape, queries.collect());
    // In stretches that are no multiple of anything.
    pages.chunks(shape.rows() * 61).for_each(|stretch| answerer.push(stretch));
    answerer.finish()
}

#[test]
fn every_page_comes_out_whichever_kernel_computes() {
    for kernel in Kernel::available() {
        for count in [1, 2, 7, 9, 130, 259] {
            let pages = random(ROWS * count, count as u64);
            let client = client(kernel, &pages);
            let mut rng = StdRng::seed_from_u64(3);
            for prepared in client.prepare(3, &mut rng) {
                let page = rng.random_range(0..count as u32);
                let (query, pending) = prepared.query(page).unwrap();
                let answer = answers(kernel, client.shape(), &pages, &[query.into_bytes()]);
                let wanted = &pages[page as usize * ROWS..][..ROWS];
                assert_eq!(pending.recover(&answer[0]).unwrap().as_slice(), wanted, "{count} pages");
            }
        }
    }
}

#[test]
fn the_kernels_agree_to_the_bit() {
    let [portable, best] = [Kernel::Portable, Kernel::best()];
    for count in [1, 2, 3, 4, 5, 8, 11, 127, 128, 131, 257, 260] {
        let pages = random(ROWS * count, 5);
        let shape = Shape::new(ROWS as u32, count as u32).unwrap();
        for queries in [1, 2, 5, 16] {
            let query = |k: u64| {
                let mut query = random(shape.query_bytes(), 100 + k);
                if count % 2 == 1 {
                    *query.last_mut().unwrap() &= 0x0f;
                }
                query
            };
            let queries: Vec<_> = (0..queries).map(query).collect();
            let expected = answers(portable, shape, &pages, &queries);
            assert_eq!(answers(best, shape, &pages, &queries), expected, "{count} pages");
        }
        let hint = |kernel| {
            let mut builder = HintBuilder::new(kernel, shape, seed());
            pages.chunks(ROWS * 61).for_each(|stretch| builder.push(stretch));
            builder.finish()
        };
        let expected = hint(portable);
        assert!(hint(best) == expected, "hint of {count} pages");
        // In parts that are computed apart, as a publication with little memory does.
        let mut parts = hint_head(ROWS as u32);
        for rows in [0..64, 64..704, 704..ROWS] {
            let mut builder = HintBuilder::of_rows(best, shape, seed(), rows);
            pages.chunks(ROWS * 61).for_each(|stretch| builder.push(stretch));
            parts.extend(builder.numbers());
        }
        assert!(parts == expected, "hint of {count} pages in parts");
    }
}

/// Nothing is rounded away here: sums that begin anywhere and wrap, words at their ends, bytes at theirs; every size of a page,
/// blocks that are full, several and begun, groups of eight and what is left of them.
#[test]
fn the_sums_of_all_kernels_are_the_same() {
    const ENDS: [u32; 11] =
        [0, 1, 127, 128, 129, 0x7fff_ffff, 0x8000_0000, 0x8080_8080, 0xffff_ffff, 0x0080_8080, 0xff80_7f81];
    let [portable, best] = [Kernel::Portable, Kernel::best()];
    let words = |count: usize, from: u64| {
        let bytes = random(count * 4, from);
        bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>()
    };
    let pages_of = |rows: usize, count: usize| {
        let bytes = random(rows * count, 6).into_iter();
        bytes
            .map(|byte| {
                if byte < 100 {
                    0
                } else if byte < 200 {
                    255
                } else {
                    byte
                }
            })
            .collect::<Vec<u8>>()
    };
    let at_ends =
        |count: usize, skip: usize| ENDS.iter().cycle().skip(skip).take(count).copied().collect::<Vec<_>>();
    let sizes = PAGE_BYTES_ALLOWED.map(|bytes| bytes as usize);
    let cases = sizes.into_iter().flat_map(|rows| [1, 7, 8, 9, 13, 21].map(|count| (rows, count)));
    for (rows, count) in cases.chain([63, 64, 65, 67, 128, 131].map(|count| (ROWS, count))) {
        let pages = pages_of(rows, count);
        for queries in [1, 2, 3, 16] {
            let vectors: Vec<Vec<u32>> = (0..queries).map(|k| at_ends(count, k)).collect();
            let vectors: Vec<&[u32]> = vectors.iter().map(Vec::as_slice).collect();
            let sums = |kernel: Kernel| {
                let mut sums = words(queries * rows, 7);
                kernel.scan(&pages, rows, &vectors, &mut sums);
                sums
            };
            assert!(sums(portable) == sums(best), "{queries} queries over {count} pages of {rows} bytes");
        }
    }
    for (rows, count) in [(64, 1), (192, 5), (64, 255), (64, 256), (64, 257), (ROWS, 6)] {
        let (pages, matrix) = (pages_of(rows, count), at_ends(count * SECRET_WORDS, 3));
        let sums = |kernel: Kernel| {
            let mut sums = words(rows * SECRET_WORDS, 8);
            kernel.multiply(&pages, rows, &matrix, &mut sums);
            sums
        };
        assert!(sums(portable) == sums(best), "hint of {count} pages of {rows} bytes");
    }
}

/// What the other kernels are held against is what SPEC.md section "Private lookup" says, one product after the other.
#[test]
fn the_portable_sums_are_the_definition() {
    let (rows, count) = (64, 3);
    let pages = random(rows * count, 1);
    let digit = |page: usize, row: usize| i64::from(pages[page * rows + row]) - 128;
    let word = |number: usize| 0x9e37_79b9u32.wrapping_mul(number as u32 + 1);
    let vector: Vec<u32> = (0..count).map(word).collect();
    let mut sums = vec![5; rows];
    Kernel::Portable.scan(&pages, rows, &[&vector], &mut sums);
    let matrix: Vec<u32> = (0..count * SECRET_WORDS).map(word).collect();
    let mut products = vec![7; rows * SECRET_WORDS];
    Kernel::Portable.multiply(&pages, rows, &matrix, &mut products);
    for row in 0..rows {
        let sum = |of: &dyn Fn(usize) -> u32| {
            (0..count).map(|page| digit(page, row) * i64::from(of(page))).sum::<i64>().rem_euclid(1 << 32)
                as u32
        };
        assert_eq!(sums[row], sum(&|page| vector[page]).wrapping_add(5));
        for column in [0, 1, 1_023] {
            let expected = sum(&|page| matrix[page * SECRET_WORDS + column]).wrapping_add(7);
            assert_eq!(products[column * 64 + row], expected);
        }
    }
}

/// Deviation of the noise over all bytes of `lookups` lookups, and its mean.
fn noise_of(pages: &[u8], lookups: usize) -> (f64, f64) {
    let kernel = Kernel::best();
    let client = client(kernel, pages);
    let mut rng = StdRng::seed_from_u64(11);
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for prepared in client.prepare(lookups, &mut rng) {
        let page = rng.random_range(0..client.shape().pages());
        let (query, pending) = prepared.query(page).unwrap();
        let answer = answers(kernel, client.shape(), pages, &[query.into_bytes()]);
        let wanted = &pages[page as usize * ROWS..][..ROWS];
        for noise in pending.noise(&answer[0], wanted) {
            sum += f64::from(noise);
            squares += f64::from(noise).powi(2);
            count += 1.0;
        }
        assert_eq!(pending.recover(&answer[0]).unwrap().as_slice(), wanted);
    }
    ((squares / count).sqrt(), sum / count)
}

/// What `columns_max` derives, for digits with this mean square; the answer's rounding, a uniform one, is part of what is seen.
fn predicted(columns: usize, digit_square: f64) -> f64 {
    let of_hint = 1_024.0 * 256.0 * 4_194_304.0 / 12.0;
    let of_answer = 2f64.powi(38) / 12.0;
    (digit_square * columns as f64 * (256.0 + 21.5) + of_hint + of_answer).sqrt()
}

#[test]
fn the_noise_is_what_was_derived_for_random_constant_and_nearly_constant_rows() {
    const PAGES: usize = 6_000;
    let zeros = vec![0; ROWS * PAGES]; // each digit −128
    let mut nearly = zeros.clone();
    for (place, byte) in random(ROWS * PAGES, 8).into_iter().enumerate() {
        if byte < 26 {
            nearly[place] = byte.wrapping_mul(place as u8 | 1); // a tenth of them is something else
        }
    }
    let of = |pages: &[u8]| {
        let squares: f64 = pages.iter().map(|&byte| (f64::from(byte) - 128.0).powi(2)).sum();
        let (found, mean) = noise_of(pages, 24);
        let expected = predicted(PAGES, squares / pages.len() as f64);
        assert!((found / expected - 1.0).abs() < 0.35, "{found} for {expected}");
        // A bias would stand in every byte of every lookup alike. A query's rounding cut off or rounded half up alone would be
        // 7.5 or 0.5 times 128 times 6,000.
        assert!(mean.abs() < 0.75 * expected, "mean {mean} for a deviation of {expected}");
    };
    of(&random(ROWS * PAGES, 9));
    of(&zeros);
    of(&nearly);
}

#[test]
fn what_does_not_fit_is_refused() {
    let pages = random(ROWS * 3, 1);
    let client = client(Kernel::best(), &pages);
    let shape = client.shape();
    let mut rng = StdRng::seed_from_u64(1);
    let prepared = client.prepare(2, &mut rng).pop().unwrap();
    assert_eq!(prepared.query(3).unwrap_err(), LookupError::NoSuchPage { page: 3, pages: 3 });
    let (query, pending) = client.prepare(1, &mut rng).pop().unwrap().query(2).unwrap();
    let mut query = query.into_bytes();
    let (expected, found) = (shape.query_bytes(), shape.query_bytes() - 1);
    assert_eq!(QueryVector::parse(&query[1..], shape), Err(LookupError::Length { expected, found }));
    *query.last_mut().unwrap() |= 0x10;
    assert_eq!(QueryVector::parse(&query, shape), Err(LookupError::Padding));
    assert!(matches!(pending.recover(&[0; 5]), Err(LookupError::Length { found: 5, .. })));
}

#[test]
fn a_hint_of_another_segment_or_cut_short_is_refused() {
    let hint = |from| {
        let shape = Shape::new(ROWS as u32, 2).unwrap();
        let mut builder = HintBuilder::new(Kernel::best(), shape, seed());
        builder.push(&random(ROWS * 2, from));
        builder.finish()
    };
    let (ours, other) = (hint(1), hint(2));
    let note = HintNote::of(&ours);
    assert!(Hint::parse(&ours, &note, ROWS as u32).is_ok());
    assert_eq!(Hint::parse(&other, &note, ROWS as u32).unwrap_err(), LookupError::HintHash);
    let short = &ours[..ours.len() - 1];
    assert_eq!(Hint::parse(short, &note, ROWS as u32).unwrap_err(), LookupError::HintHash);
    // Under a note of its own it is still none.
    let format = LookupError::HintFormat { page_bytes: ROWS as u32 };
    assert_eq!(Hint::parse(short, &HintNote::of(short), ROWS as u32).unwrap_err(), format);
    let format = LookupError::HintFormat { page_bytes: 4_096 };
    assert_eq!(Hint::parse(&ours, &note, 4_096).unwrap_err(), format);
}

#[test]
fn a_hint_keeps_to_the_memory_it_is_given() {
    let whole = [2_048, 4_096, 8_192, 16_384];
    for page_bytes in whole {
        assert_eq!(hint_rows_in(1 << 30, page_bytes), page_bytes as usize);
        assert_eq!(hint_rows_in(0, page_bytes), 64, "the least there is");
    }
    for memory_bytes in [16usize << 20, 33 << 20, 64 << 20] {
        let rows = hint_rows_in(memory_bytes, 16_384);
        assert!(rows.is_multiple_of(64) && rows < 16_384);
        // 4 KiB of sums and 2,688 bytes of numbers a row, beside A.
        let used = |rows: usize| rows * (4_096 + 2_688) + (4 << 20);
        assert!(used(rows) <= memory_bytes && used(rows + 1_024) > memory_bytes, "{rows} rows");
    }
}

#[test]
fn nothing_secret_prints() {
    let pages = random(ROWS, 1);
    let client = client(Kernel::best(), &pages);
    let prepared = client.prepare(1, &mut StdRng::seed_from_u64(1)).pop().unwrap();
    assert_eq!(format!("{prepared:?}"), "Prepared(for 1 pages, redacted)");
    let (query, pending) = prepared.query(0).unwrap();
    assert_eq!(format!("{query:?} {pending:?}"), "Query(4 bytes) Pending(for 1 pages, redacted)");
}

/// The example of SPEC.md, which the stranger computes as well: the segment of one page, and drawn bytes that are a key stream.
#[test]
fn the_example_of_the_specification() {
    struct Stream(Vec<u8>);
    impl rand::TryRng for Stream {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            unreachable!("bytes are what is drawn")
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            unreachable!("bytes are what is drawn")
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
            let drawn = self.0.drain(..out.len()).collect::<Vec<_>>();
            out.copy_from_slice(&drawn);
            Ok(())
        }
    }
    impl rand::TryCryptoRng for Stream {}

    let spec = include_str!("../../../SPEC.md");
    let hex = |text: &str| -> Vec<u8> {
        let words = text.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace());
        let bytes = |word: &str| {
            let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
            let pairs = (0..digits.len()).step_by(2);
            let bytes: Vec<u8> =
                pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
            bytes.repeat(times.parse().unwrap())
        };
        words.flat_map(bytes).collect()
    };
    let example = |name: &str| {
        let (_, rest) = spec.split_once(&format!("```hex {name}\n")).unwrap();
        hex(rest.split_once("```").unwrap().0)
    };
    let listed = |name: &str| {
        let line =
            spec.lines().find_map(|line| line.split_once(" = ").filter(|(left, _)| left.trim() == name));
        hex(line.unwrap().1)
    };
    let (header, page, directory) =
        (example("small-header"), example("small-page"), example("small-directory"));
    let salt = header[28..44].first_chunk().unwrap();
    let seed = MatrixSeed::of(salt, &directory);
    assert_eq!(seed.to_bytes().as_slice(), listed("lookup seed"));
    let shape = Shape::new(8_192, 1).unwrap();
    for kernel in Kernel::available() {
        let mut builder = HintBuilder::new(kernel, shape, seed);
        builder.push(&page);
        let bytes = builder.finish();
        let note = HintNote::of(&bytes);
        assert_eq!(note.hash.as_slice(), listed("hint hash"));
        let client = Client::new(kernel, shape, seed, Hint::parse(&bytes, &note, 8_192).unwrap()).unwrap();
        let mut words = Vec::new();
        generator::Generator::new(MatrixSeed::from_bytes([0x5a; 16])).rows(0, 3, &mut words);
        let mut rng = Stream(words.iter().flat_map(|word| word.to_le_bytes()).collect());
        let (query, pending) = client.prepare(1, &mut rng).pop().unwrap().query(0).unwrap();
        let query = query.into_bytes();
        assert_eq!(query, listed("query"));
        let answer = answers(kernel, shape, &page, &[query]).pop().unwrap();
        assert_eq!(blake3::hash(&answer).as_bytes().as_slice(), listed("answer hash"));
        assert_eq!(pending.recover(&answer).unwrap().as_slice(), page);
    }
}

/// Two queries of one run hide behind different secrets, for the same page as well.
#[test]
fn each_query_has_a_secret_of_its_own() {
    let pages = random(ROWS * 9, 1);
    let client = client(Kernel::best(), &pages);
    let queries: Vec<_> = client
        .prepare(2, &mut StdRng::seed_from_u64(1))
        .into_iter()
        .map(|prepared| prepared.query(4).unwrap().0.into_bytes())
        .collect();
    assert_ne!(queries[0], queries[1]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_query_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 50), pages in 1u32..12, extra in 0usize..3) {
        let shape = Shape::new(ROWS as u32, pages).unwrap();
        let bytes = &bytes[..shape.query_bytes() + extra - 1];
        let unused = shape.query_bytes() * 8 - pages as usize * 28;
        let padded = unused == 0 || bytes.last().is_some_and(|last| u32::from(*last) >> (8 - unused) == 0);
        prop_assert_eq!(QueryVector::parse(bytes, shape).is_ok(), extra == 1 && padded);
    }
}
