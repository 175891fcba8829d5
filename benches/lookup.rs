//! Private lookups over a synthetic segment in a mapped file, as the server has it.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use memmap2::Mmap;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use samar_protocol::lookup::{
    Answerer, BATCH_QUERIES_MAX, Client, Hint, HintBuilder, HintNote, Kernel, MatrixSeed, Pending,
    QueryVector, Shape, hint_bytes,
};
use samar_protocol::segment::{
    BreachId, Entry, Locator, SegmentBuilder, SegmentIndex, SegmentKind, SegmentParams, SegmentRoot,
};

use crate::rounds::{Step, timed};

/// Bytes of a page.
const PAGE_BYTES: u32 = 8_192;
/// Lines of the cache in a page.
const PAGE_LINES: usize = 128;
/// Pages of which the hint is measured: 67 MB.
const HINT_PAGES: u32 = 8_192;
/// Lookups from which the client's time is taken.
const CLIENT_ROUNDS: usize = 31;
/// Queries from which the server's time beside the pass is taken.
const BESIDE_ROUNDS: usize = 31;

/// A segment of so many pages of random bytes, mapped, and queries over it.
pub struct Mapped {
    kernel: Kernel,
    shape: Shape,
    map: Mmap,
    queries: Vec<QueryVector>,
}

impl Mapped {
    /// Writes the file into the folder for temporary files, and maps it.
    ///
    /// # Errors
    /// No room, more pages than a lookup carries.
    pub fn new(pages: u32) -> Result<Self, Box<dyn std::error::Error>> {
        let (kernel, shape) = (Kernel::best(), Shape::new(PAGE_BYTES, pages)?);
        let mut rng = StdRng::seed_from_u64(1);
        let mut file = tempfile::tempfile()?;
        let mut stretch = vec![0; 1 << 22];
        for left in (1..=pages as usize * shape.rows()).rev().step_by(stretch.len()) {
            let part = left.min(stretch.len());
            rng.fill_bytes(&mut stretch[..part]);
            file.write_all(&stretch[..part])?;
        }
        let query = |_| {
            let mut bytes = vec![0; shape.query_bytes()];
            rng.fill_bytes(&mut bytes);
            let used = pages as usize * 28 % 8;
            if used != 0
                && let Some(last) = bytes.last_mut()
            {
                *last &= (1 << used) - 1;
            }
            QueryVector::parse(&bytes, shape)
        };
        let queries = (0..BATCH_QUERIES_MAX).map(query).collect::<Result<_, _>>()?;
        Ok(Self { kernel, shape, map: map(&file)?, queries })
    }

    /// A segment of so many bytes, or up to a page more.
    ///
    /// # Errors
    /// As [`Mapped::new`].
    pub fn holding(bytes: usize) -> Result<Self, Box<dyn std::error::Error>> {
        Self::new(u32::try_from(bytes.div_ceil(PAGE_BYTES as usize))?)
    }

    /// Name of the kernel.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        self.kernel.name()
    }

    /// Bytes of all pages.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.map.len()
    }

    /// Seconds of one pass for so many queries, one thread.
    fn pass(&self, queries: usize) -> f64 {
        let mut answerer = Answerer::new(self.kernel, self.shape, self.queries[..queries].to_vec());
        let (seconds, ()) = timed(|| self.map.chunks(16 << 20).for_each(|stretch| answerer.push(stretch)));
        black_box(answerer.finish());
        seconds
    }

    /// Seconds, by the median, of what a lookup costs its server beside the pass: reading the query, and packing the answer, which is the
    /// same however many pages there are.
    ///
    /// # Panics
    /// If a query of the right length is refused.
    #[must_use]
    pub fn beside_s(&self) -> f64 {
        let answerer = |shape: Shape, bytes: &[u8]| {
            let query = QueryVector::parse(bytes, shape).expect("a query of that length");
            Answerer::new(self.kernel, shape, vec![query])
        };
        let one = Shape::new(PAGE_BYTES, 1).expect("a shape");
        let (query, query_of_one) = (vec![0; self.shape.query_bytes()], vec![0; one.query_bytes()]);
        let once = |_| {
            let (reading, _) = timed(|| black_box(answerer(self.shape, &query)));
            let mut passed = answerer(one, &query_of_one);
            passed.push(&self.map[..one.rows()]);
            let (packing, _) = timed(|| black_box(passed.finish()));
            reading + packing
        };
        let mut seconds: Vec<f64> = (0..BESIDE_ROUNDS).map(once).collect();
        seconds.sort_unstable_by(f64::total_cmp);
        seconds[BESIDE_ROUNDS / 2]
    }

    /// An answer, from the bytes of a query to its own, against another program's.
    pub fn against<'a>(&'a self, opponent: &'static str, theirs: Box<dyn FnMut() -> f64 + 'a>) -> Step<'a> {
        Step { name: "lookup_small", opponent, ours: Box::new(|| self.whole_answer()), theirs }
    }

    fn whole_answer(&self) -> f64 {
        let bytes = vec![0; self.shape.query_bytes()];
        let answer = || {
            let query = QueryVector::parse(&bytes, self.shape).expect("a query of that length");
            let mut answerer = Answerer::new(self.kernel, self.shape, vec![query]);
            answerer.push(&self.map);
            answerer.finish()
        };
        timed(answer).0
    }

    /// One query against reading the same bytes, and sixteen in a pass against one.
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'_>> {
        vec![
            Step {
                name: "lookup_scan",
                opponent: "memory_read",
                ours: Box::new(|| self.pass(1)),
                theirs: Box::new(|| read_s(&self.map)),
            },
            Step {
                name: "lookup_batch16",
                opponent: "lookup_scan",
                ours: Box::new(|| self.pass(BATCH_QUERIES_MAX)),
                theirs: Box::new(|| self.pass(1)),
            },
        ]
    }

    /// Bytes of hint, query and answer.
    #[must_use]
    pub fn sizes(&self) -> [usize; 3] {
        [hint_bytes(PAGE_BYTES), self.shape.query_bytes(), self.shape.answer_bytes()]
    }
}

#[allow(unsafe_code, reason = "mapping a file")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the file has no name any more, and nothing of this program writes to it again.
    unsafe { Mmap::map(file) }
}

/// Seconds of reading every byte with the widest registers that this machine has, fetched ahead: page after page, or eight pages side by
/// side as the scan does, whichever is faster this time. By all that was tried no thread gets bytes out of this memory faster.
fn read_s(bytes: &[u8]) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        #[allow(unsafe_code, reason = "code with target features is entered")]
        // SAFETY: the feature was found on this CPU.
        let [after, abreast] =
            unsafe { [timed(|| read_wide::<1, PAGE_LINES>(bytes)).0, timed(|| read_wide::<8, 16>(bytes)).0] };
        return after.min(abreast);
    }
    timed(|| black_box(fold::<1>(bytes, |_, _| {}))).0
}

/// Wide registers empty the cache faster than the processor fills it by itself. Without a fetch ahead, by so many lines of each page, this
/// reads a tenth as much.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn read_wide<const ABREAST: usize, const AHEAD: usize>(bytes: &[u8]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    black_box(fold::<ABREAST>(bytes, |line, number| {
        // At the end of a page, its follower.
        let pages = if number + AHEAD < PAGE_LINES { 0 } else { ABREAST - 1 };
        // A prefetch reads nothing and never faults, wherever it points.
        let ahead = core::ptr::from_ref(line).wrapping_add(pages * PAGE_LINES + AHEAD);
        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
    }));
}

/// Every line of so many pages side by side, on sums in turn so that none waits for the one before, and something done about each first.
#[inline(always)]
fn fold<const ABREAST: usize>(bytes: &[u8], before: impl Fn(&[u8; 64], usize)) -> u64 {
    let mut sums = [[0u64; 8]; 8];
    for pages in bytes.chunks(ABREAST * PAGE_BYTES as usize) {
        let lines = pages.as_chunks::<64>().0;
        for number in 0..PAGE_LINES {
            for (line, sums) in lines.iter().skip(number).step_by(PAGE_LINES).zip(&mut sums) {
                before(line, number);
                for (sum, word) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
                    *sum ^= u64::from_ne_bytes(*word);
                }
            }
        }
    }
    sums.as_flattened().iter().fold(0, |sum, word| sum ^ word)
}

/// Bytes of segment a second of which one thread computes the hint.
///
/// # Panics
/// If no thread can be started.
#[must_use]
pub fn hint_bytes_per_s() -> f64 {
    let shape = Shape::new(PAGE_BYTES, HINT_PAGES).expect("a shape");
    let mut pages = vec![0; shape.rows() * shape.columns()];
    StdRng::seed_from_u64(2).fill_bytes(&mut pages);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| {
        let mut builder = HintBuilder::new(Kernel::best(), shape, MatrixSeed::from_bytes([1; 16]));
        let (seconds, ()) = timed(|| builder.push(&pages));
        black_box(builder);
        pages.len() as f64 / seconds
    })
}

/// What a client's own time is made of, in a segment of so many pages, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct ClientTime {
    /// Preparing one query of four that are prepared together, on all cores, by the clock.
    pub prepare_s: f64,
    /// Finding the page, asking, reading the answer and the page: all that is left once there is an identifier.
    pub online_s: f64,
}

/// Measures the client over so many pages, of which the last one is a real page.
///
/// # Panics
/// If the parameters do not fit.
#[must_use]
pub fn client_time(pages: u32) -> ClientTime {
    let shape = Shape::new(PAGE_BYTES, pages).expect("a shape");
    let (index, tag) = index(pages);
    let hint = made_up_hint();
    let client = Client::new(Kernel::best(), shape, index.lookup_seed(), hint).expect("a hint of that size");
    let mut rng = StdRng::seed_from_u64(4);
    let began = Instant::now();
    let mut prepared: Vec<_> = client.prepare(4, &mut rng);
    let prepare_s = began.elapsed().as_secs_f64() / 4.0;
    let answer = vec![0x5a; shape.answer_bytes()];
    let mut seconds = Vec::new();
    for _ in 0..CLIENT_ROUNDS {
        if prepared.is_empty() {
            prepared = client.prepare(4, &mut rng);
        }
        let next = prepared.pop().expect("some were prepared");
        let (before, (pending, locator, page)) = timed(|| {
            let (locator, page) = index.locate_hidden(&tag).expect("entries");
            let (query, pending) = next.query(page).expect("a page");
            black_box(query.into_bytes());
            (pending, locator, page)
        });
        seconds.push(before + after(&index, &locator, page, pending, &answer));
    }
    seconds.sort_unstable_by(f64::total_cmp);
    ClientTime { prepare_s, online_s: seconds[CLIENT_ROUNDS / 2] }
}

fn after(index: &SegmentIndex, locator: &Locator, page: u32, pending: Pending, answer: &[u8]) -> f64 {
    let read = || {
        let bytes = pending.recover(answer).expect("an answer of that length");
        black_box(index.find_hidden(locator, page, &bytes))
    };
    timed(read).0
}

/// A hint of random numbers: what it takes to use one does not depend on what it says.
fn made_up_hint() -> Hint {
    let mut bytes = vec![0; hint_bytes(PAGE_BYTES)];
    StdRng::seed_from_u64(5).fill_bytes(&mut bytes);
    bytes[..10].copy_from_slice(&samar_protocol::lookup::HINT_MAGIC);
    bytes[10..14].copy_from_slice(&PAGE_BYTES.to_le_bytes());
    Hint::parse(&bytes, &HintNote::of(&bytes), PAGE_BYTES).expect("its own note")
}

/// A directory of so many pages, made up, and a tag to look for.
fn index(pages: u32) -> (SegmentIndex, [u8; 32]) {
    let entries = pages * 1_550;
    let params = SegmentParams {
        kind: SegmentKind::Base,
        breach_id: BreachId::parse("made-up").expect("an id"),
        key_id: [0; 8],
        salt: [7; 16],
        entries,
        page_bytes: PAGE_BYTES,
        label_bits: 1,
        extensions: vec![],
    };
    // The header of a true segment of these parameters, with another number of pages in its place.
    let one = SegmentParams { entries: 1, ..params.clone() };
    let mut builder = SegmentBuilder::new(one).expect("parameters in order");
    builder.push(Entry { bucket: 0, masked_label: 0, remainder: 0 }).expect("an entry");
    let mut header = builder.finish().expect("one page").header_block;
    header[44..52].copy_from_slice(&u64::from(entries).to_le_bytes());
    header[52..56].copy_from_slice(&pages.to_le_bytes());
    let directory: Vec<u8> = (0..pages)
        .flat_map(|page| [(page * 1_550).to_le_bytes().as_slice(), &[page.to_le_bytes()[0]; 32]].concat())
        .collect();
    let root = SegmentRoot::of(&header, &directory);
    (SegmentIndex::parse(&header, &directory, &root).expect("its own root"), [9; 32])
}
