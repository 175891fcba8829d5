//! `lookups`: private lookups over pages of every kind, the worst included; every page must come out, and noise be what was
//! derived.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use samar_protocol::lookup::{
    Answerer, BATCH_QUERIES_MAX, Client, Hint, HintBuilder, HintNote, Kernel, MatrixSeed, QueryVector, Shape,
    columns_max,
};

use super::{Outcome, cannot, progress};

/// The smallest pages, so that there can be many.
const ROWS: usize = 2_048;
/// Pages of most lookups.
const PAGES: usize = 4_096;
/// Of so many lookups one is over as many pages as there may be.
const LARGEST_EVERY: u32 = 250;
/// Lookups that are prepared together.
const TOGETHER: usize = 4 * BATCH_QUERIES_MAX;
/// By how much measured and derived deviation of the noise may differ.
const TOLERANCE: f64 = 0.05;

/// What the pages are filled with.
#[derive(Clone, Copy, Debug)]
enum Fill {
    Random,
    /// Digit −128 everywhere: the worst that there can be.
    Zeros,
    /// Digit 127.
    Ones,
    /// Zeros but for a tenth.
    NearlyZeros,
    /// Rows of −128 and of 127 by turns, and each row of both in blocks of eight pages, as the scan takes them.
    Turns,
}

const FILLS: [Fill; 5] = [Fill::Random, Fill::Zeros, Fill::Ones, Fill::NearlyZeros, Fill::Turns];

/// What lookups of one kind came to.
#[derive(Default)]
struct Seen {
    lookups: u32,
    wrong: u32,
    squares: f64,
    sum: f64,
    bytes: f64,
    largest: u32,
}

pub(super) fn run(count: u32) -> Outcome {
    let (mut figures, mut done, mut wrong, mut largest) = (Vec::new(), 0, 0, 0);
    let of_largest = (count / LARGEST_EVERY).min(400);
    for (place, fill) in (0u32..).zip(FILLS) {
        let share = (count - of_largest + place) / 5;
        let seen = look_up(fill, PAGES, share, &mut done, count)?;
        figures.push(seen.figure(fill, PAGES)?);
        (wrong, largest) = (wrong + seen.wrong, largest.max(seen.largest));
    }
    if of_largest > 0 {
        let pages = columns_max(u32::try_from(ROWS).unwrap_or(0)) as usize;
        let seen = look_up(Fill::Zeros, pages, of_largest, &mut done, count)?;
        figures.push(seen.figure(Fill::Zeros, pages)?);
        (wrong, largest) = (wrong + seen.wrong, largest.max(seen.largest));
    }
    let figure = format!(
        "{done} lookups, {wrong} wrong; deviation of the noise against the derived one: {}; the largest noise of any byte 2^{:.2} of 2^23",
        figures.join(", "),
        f64::from(largest).log2()
    );
    if wrong > 0 { Err(figure) } else { Ok(figure) }
}

/// So many lookups of random pages among `pages`.
fn look_up(fill: Fill, pages: usize, count: u32, done: &mut u32, of: u32) -> Result<Seen, String> {
    let database = fill.pages(pages);
    let kernel = Kernel::best();
    let shape = Shape::new(u32::try_from(ROWS).unwrap_or(0), u32::try_from(pages).unwrap_or(0));
    let shape = shape.map_err(cannot("look up in so many pages"))?;
    let seed = MatrixSeed::from_bytes(rand::random());
    let mut builder = HintBuilder::new(kernel, shape, seed);
    database.chunks(ROWS * 1_024).for_each(|stretch| builder.push(stretch));
    let bytes = builder.finish();
    let hint = Hint::parse(&bytes, &HintNote::of(&bytes), u32::try_from(ROWS).unwrap_or(0));
    let client = Client::new(kernel, shape, seed, hint.map_err(cannot("read the hint"))?);
    let client = client.map_err(cannot("use the hint"))?;
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let mut seen = Seen::default();
    while seen.lookups < count {
        let together = TOGETHER.min((count - seen.lookups) as usize);
        let mut prepared = client.prepare(together, &mut rng);
        while !prepared.is_empty() {
            let batch = prepared.split_off(prepared.len().saturating_sub(BATCH_QUERIES_MAX));
            let (mut queries, mut asked) = (Vec::new(), Vec::new());
            for prepared in batch {
                let page = rng.random_range(0..shape.pages());
                let (query, pending) = prepared.query(page).map_err(cannot("ask"))?;
                let query = QueryVector::parse(&query.into_bytes(), shape).map_err(cannot("read a query"))?;
                queries.push(query);
                asked.push((&database[page as usize * ROWS..][..ROWS], pending));
            }
            let mut answerer = Answerer::new(kernel, shape, queries);
            database.chunks(ROWS * 4_096).for_each(|stretch| answerer.push(stretch));
            for ((wanted, pending), answer) in asked.into_iter().zip(answerer.finish()) {
                seen.add(&pending.noise(&answer, wanted));
                let page = pending.recover(&answer).map_err(cannot("read an answer"))?;
                seen.wrong += u32::from(page.as_slice() != wanted);
                seen.lookups += 1;
                *done += 1;
                progress("lookups", *done, of);
            }
        }
    }
    Ok(seen)
}

impl Fill {
    fn pages(self, pages: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; ROWS * pages];
        if matches!(self, Self::Random | Self::NearlyZeros) {
            StdRng::from_rng(&mut rand::rng()).fill_bytes(&mut bytes);
        }
        let fill = |(at, byte): (usize, &mut u8)| {
            let (page, row) = (at / ROWS, at % ROWS);
            *byte = match self {
                Self::Random => *byte,
                Self::Zeros => 0,
                Self::Ones => 255,
                Self::NearlyZeros if *byte < 26 => byte.wrapping_mul(37),
                Self::NearlyZeros => 0,
                Self::Turns => 255 * u8::from((page / 8 + row).is_multiple_of(2)),
            };
        };
        bytes.iter_mut().enumerate().for_each(fill);
        bytes
    }

    /// Mean square of a digit.
    fn digit_square(self) -> f64 {
        match self {
            Self::Random => (0..256).map(|byte| f64::from(byte - 128).powi(2)).sum::<f64>() / 256.0,
            Self::Zeros => 128.0 * 128.0,
            Self::Ones => 127.0 * 127.0,
            Self::NearlyZeros => {
                let tenth = (0..26u8).map(|byte| (f64::from(byte.wrapping_mul(37)) - 128.0).powi(2));
                (tenth.sum::<f64>() + 230.0 * 128.0 * 128.0) / 256.0
            }
            Self::Turns => f64::midpoint(128.0 * 128.0, 127.0 * 127.0),
        }
    }
}

impl Seen {
    fn add(&mut self, noise: &[i32]) {
        for noise in noise {
            self.squares += f64::from(*noise).powi(2);
            self.sum += f64::from(*noise);
            self.largest = self.largest.max(noise.unsigned_abs());
        }
        self.bytes += noise.len() as f64;
    }

    /// Measured over derived, in words; a violation where they differ by more than chance explains.
    fn figure(&self, fill: Fill, pages: usize) -> Outcome {
        // SPEC.md "How many pages", without the allowance for the worst row; the answer's rounding shows as noise too.
        let of_hint = 1_024.0 * 256.0 * 4_194_304.0 / 12.0;
        let of_answer = f64::from(1u32 << 19).powi(2) / 12.0;
        let derived = (fill.digit_square() * pages as f64 * 277.5 + of_hint + of_answer).sqrt();
        let measured = (self.squares / self.bytes).sqrt();
        let (ratio, mean) = (measured / derived, self.sum / self.bytes / derived);
        let figure = format!("{fill:?} over {pages} pages {ratio:.3}");
        // In equal rows the noise of all bytes of a lookup is nearly the same: a lookup is one sample of it, not 2,048.
        let by_chance = 4.0 / f64::from(self.lookups).sqrt();
        if self.lookups > 0 && (ratio - 1.0).abs() > TOLERANCE + by_chance {
            return Err(format!("noise {measured:.0}, derived {derived:.0}: {figure}"));
        }
        if self.lookups > 0 && mean.abs() > TOLERANCE + by_chance {
            return Err(format!("noise with a mean of {mean:.3} deviations: {figure}"));
        }
        Ok(figure)
    }
}
