//! The bank's side, as states that consume each other: [`Client`] → [`Prepared`] → [`Query`] and [`Pending`] → a page.

use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::gaussian;
use super::generator::Generator;
use super::packing::{pack, unpack};
use super::{ANSWER_BITS, Hint, Kernel, LookupError, MatrixSeed, QUERY_BITS, SECRET_WORDS, Shape};

/// Pages whose rows of A a thread expands at a time: 512 KiB.
const STRETCH_PAGES: usize = 128;

/// All that lookups in one segment need, none of it secret.
#[derive(Debug)]
pub struct Client {
    kernel: Kernel,
    shape: Shape,
    seed: MatrixSeed,
    hint: Hint,
}

/// A query without its page: secret and noise that belong to one lookup in one segment. It depends on nothing that is asked,
/// so it is made ahead. It stays in memory: a copy that came back from a disk would be used twice, and two queries under one
/// secret give away their pages. So it cannot be copied, and asking takes it by value.
pub struct Prepared {
    shape: Shape,
    /// A·s + e, rounded, one number for each page.
    masks: Zeroizing<Vec<u32>>,
    /// H·s, one word for each byte of a page.
    to_subtract: Zeroizing<Vec<u32>>,
}

/// What is sent.
pub struct Query {
    bytes: Vec<u8>,
}

/// What is left of the secret, to read the answer with, once.
pub struct Pending {
    shape: Shape,
    to_subtract: Zeroizing<Vec<u32>>,
}

impl Client {
    /// The seed must be that of the segment (`SegmentIndex::lookup_seed`), and the hint its own.
    ///
    /// # Errors
    /// [`LookupError::HintFormat`] for a hint of pages of another size.
    pub fn new(kernel: Kernel, shape: Shape, seed: MatrixSeed, hint: Hint) -> Result<Self, LookupError> {
        if hint.words().len() != shape.rows() * SECRET_WORDS {
            return Err(LookupError::HintFormat { page_bytes: u32::try_from(shape.rows()).unwrap_or(0) });
        }
        Ok(Self { kernel, shape, seed, hint })
    }

    /// The segment's shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Prepares so many queries. A is expanded once for all of them, on the caller's thread pool; it is never whole in memory.
    pub fn prepare(&self, count: usize, rng: &mut (impl CryptoRng + ?Sized)) -> Vec<Prepared> {
        let columns = self.shape.columns();
        let noise = (0..count).map(|_| Noise::draw(self.kernel, columns, rng)).collect::<Vec<_>>();
        let mut masks: Vec<_> = (0..count).map(|_| Zeroizing::new(vec![0u32; columns])).collect();
        // Stretches of pages, each with its part of every query.
        let mut stretches: Vec<Vec<&mut [u32]>> = Vec::new();
        stretches.resize_with(columns.div_ceil(STRETCH_PAGES), Vec::new);
        for masks in &mut masks {
            for (stretch, part) in stretches.iter_mut().zip(masks.chunks_mut(STRETCH_PAGES)) {
                stretch.push(part);
            }
        }
        stretches.into_par_iter().enumerate().for_each_init(
            || (Generator::new(self.seed), Vec::new()),
            |(generator, rows), (stretch, parts)| {
                let Some(pages) = parts.first().map(|part| part.len()) else { return };
                generator.rows(stretch * STRETCH_PAGES, pages, rows);
                for (part, noise) in parts.into_iter().zip(&noise) {
                    self.kernel.dot_rows(rows, &noise.secret, part);
                }
            },
        );
        masks.into_iter().zip(&noise).map(|(masks, noise)| self.finish(masks, noise)).collect()
    }

    /// Adds the noise to A·s and rounds it.
    fn finish(&self, mut masks: Zeroizing<Vec<u32>>, noise: &Noise) -> Prepared {
        const CUT: u32 = 32 - QUERY_BITS;
        for ((mask, error), coin) in masks.iter_mut().zip(noise.errors.iter()).zip(noise.coins.iter()) {
            // To the nearest; a tie goes up or down by a coin, so that the rounding adds nothing on average: its sum over
            // a row of equal digits would be thousands of times its deviation.
            let half = ((1 << (CUT - 1)) - 1) + coin;
            *mask = mask.wrapping_add(error.cast_unsigned()).wrapping_add(half) >> CUT;
        }
        let mut to_subtract = Zeroizing::new(vec![0; self.shape.rows()]);
        self.kernel.dot_rows(self.hint.words(), &noise.secret, &mut to_subtract);
        Prepared { shape: self.shape, masks, to_subtract }
    }
}

/// What one query hides behind.
struct Noise {
    secret: Zeroizing<[u32; SECRET_WORDS]>,
    errors: Zeroizing<Vec<i32>>,
    coins: Zeroizing<Vec<u32>>,
}

impl Noise {
    fn draw(kernel: Kernel, columns: usize, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_WORDS]);
        let (mut samples, mut unused) = (Zeroizing::new([0; SECRET_WORDS]), [0; SECRET_WORDS]);
        gaussian::sample(kernel, rng, &mut *samples, &mut unused);
        for (word, sample) in secret.iter_mut().zip(samples.iter()) {
            *word = sample.cast_unsigned();
        }
        let (mut errors, mut coins) = (Zeroizing::new(vec![0; columns]), Zeroizing::new(vec![0; columns]));
        gaussian::sample(kernel, rng, &mut errors, &mut coins);
        Self { secret, errors, coins }
    }
}

impl Prepared {
    /// Asks for a page, in constant time. The secret is used up, whatever comes of it.
    ///
    /// # Errors
    /// [`LookupError::NoSuchPage`].
    pub fn query(self, page: u32) -> Result<(Query, Pending), LookupError> {
        let Self { shape, mut masks, to_subtract } = self;
        if page >= shape.pages() {
            return Err(LookupError::NoSuchPage { page, pages: shape.pages() });
        }
        for (column, mask) in (0u32..).zip(masks.iter_mut()) {
            let other = column ^ page;
            let is_wanted = !(other | other.wrapping_neg()) >> 31;
            // 2^24 in 32 bits; the sum stays in 28.
            *mask = mask.wrapping_add(is_wanted << (QUERY_BITS - 8)) & ((1 << QUERY_BITS) - 1);
        }
        let mut bytes = Vec::with_capacity(shape.query_bytes());
        pack(masks.iter().copied(), QUERY_BITS, &mut bytes);
        Ok((Query { bytes }, Pending { shape, to_subtract }))
    }
}

impl Query {
    /// The bulk of the request.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Pending {
    /// The page that was asked for, in constant time; whether it is that, its hash must say: noise spoils one in 2^40, and a
    /// server that answers falsely comes to any bytes.
    ///
    /// # Errors
    /// [`LookupError::Length`].
    pub fn recover(self, answer: &[u8]) -> Result<Zeroizing<Vec<u8>>, LookupError> {
        let (expected, found) = (self.shape.answer_bytes(), answer.len());
        if found != expected {
            return Err(LookupError::Length { expected, found });
        }
        let numbers = unpack(answer, ANSWER_BITS).zip(self.to_subtract.iter());
        let byte = |(number, to_subtract): (u32, &u32)| {
            let noisy = (number << (32 - ANSWER_BITS)).wrapping_sub(*to_subtract);
            let [.., digit] = noisy.wrapping_add(1 << 23).to_le_bytes();
            digit.wrapping_add(128)
        };
        // With its room from the start, because growing would leave parts of the page behind.
        let mut page = Zeroizing::new(Vec::with_capacity(self.shape.rows()));
        page.extend(numbers.map(byte));
        Ok(page)
    }

    /// How far the answer's noise is from the middle of its digit, byte by byte, where the page is known: for measuring. The
    /// limit is 2^23.
    #[must_use]
    pub fn noise(&self, answer: &[u8], page: &[u8]) -> Vec<i32> {
        let numbers = unpack(answer, ANSWER_BITS).zip(self.to_subtract.iter()).zip(page);
        let noise = |((number, to_subtract), byte): ((u32, &u32), &u8)| {
            let digit = u32::from(*byte).wrapping_sub(128) << 24;
            (number << (32 - ANSWER_BITS)).wrapping_sub(*to_subtract).wrapping_sub(digit).cast_signed()
        };
        numbers.map(noise).collect()
    }
}

impl core::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Prepared(for {} pages, redacted)", self.shape.pages())
    }
}

impl core::fmt::Debug for Query {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Query({} bytes)", self.bytes.len())
    }
}

impl core::fmt::Debug for Pending {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pending(for {} pages, redacted)", self.shape.pages())
    }
}
