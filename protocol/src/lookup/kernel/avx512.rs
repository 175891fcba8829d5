//! AVX-512 with VNNI.
//!
//! `vpdpbusd` takes four unsigned bytes times four signed ones in each lane: the bytes of four pages in one row, and a byte-wide
//! *limb* of each page's word. A word is the sum of four balanced limbs, from −128 to 127, times 1, 2^8, 2^16, 2^24; the four
//! sums are brought together at the end, all modulo 2^32, so that nothing can overflow (it is the wrapping instruction, not the
//! saturating `vpdpbusds`).
//!
//! To have four pages' bytes side by side, 64 rows of them are interleaved. That leaves the rows of such a *tile* in another
//! order, in which sums are kept until [`in_rows`] puts them right.
//!
//! One query is bound by memory: eight pages at a time, each line fetched sixteen lines ahead, over the end of a page into the one that
//! comes after these eight. With more pages what is fetched would not stay in the first-level cache, because lines at a
//! stride of 8 KiB fall into one set; the sums of a page of 8 KiB come from the second level. Many vectors are bound by the
//! instruction: blocks of pages are interleaved once for all of them.
#![allow(clippy::indexing_slicing, reason = "tiles: every index is a loop bound of a fixed-size array")]
#![allow(clippy::needless_range_loop, reason = "as above: several arrays under one index")]
#![allow(unsafe_code, reason = "registers are moved by transmutes, and code with target features is entered")]

use core::arch::x86_64 as arch;
use core::mem::transmute;

use rayon::prelude::*;

use super::portable;
use super::{SECRET_WORDS, TILE_ROWS, TILE_SUMS};
use crate::lookup::gaussian;

type V = arch::__m512i;

/// Proof that this CPU has every feature that the kernels use; only [`Detected::detect`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected(());

impl Detected {
    /// Asks the CPU.
    #[must_use]
    pub fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        all.then_some(Self(()))
    }
}

/// Functions with the kernel's features.
macro_rules! kernel {
    ($($item:item)*) => {
        $(#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")] #[inline] $item)*
    };
}

/// Calls a kernel from ordinary code, against proof that the CPU can run it.
macro_rules! enter {
    ($detected:expr, $call:expr) => {{
        let _: Detected = $detected;
        // SAFETY: a `Detected` exists only after every feature of `kernel!` was found on this CPU.
        unsafe { $call }
    }};
}

/// Pages that a pass for one query reads side by side.
const PAGES_ABREAST: usize = 8;
/// Lines by which a pass for one query fetches each of them ahead.
const LINES_AHEAD: usize = 16;
/// Pages whose bytes share a lane.
const GROUP: usize = 4;
/// Pages of a block when queries are answered together. Each is another page of memory, whose translations must all stay at hand:
/// with 128 pages four queries take twice as long.
const BLOCK_PAGES: usize = 64;
/// Tiles that are interleaved together: 16 KiB of a block, in the first-level cache. What comes next is fetched into the second.
const BLOCK_TILES: usize = 4;
/// Pages of a block of the hint, whose interleaved tile has 16 KiB.
const HINT_PAGES: usize = 256;

/// 16 words in a register's order.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Lane([u32; 16]);

/// 64 rows of four pages, or 64 sums, in this order: lane v has rows 4v to 4v + 3 of each 16, because interleaving works within
/// 16 bytes.
type Tile = [Lane; 4];

/// The four limbs of four pages' words.
type Limbs = [u32; GROUP];

const ZERO: Tile = [Lane([0; 16]); 4];

pub(super) fn scan_one(detected: Detected, pages: &[u8], vector: &[u32], sums: &mut [u32]) {
    let rows = sums.len();
    let mut tiles = vec![ZERO; rows / TILE_ROWS];
    for (pages, words) in pages.chunks(PAGES_ABREAST * rows).zip(vector.chunks(PAGES_ABREAST)) {
        if words.len() < PAGES_ABREAST {
            portable::scan(pages, words, sums);
            continue;
        }
        let mut limbs = [[0; GROUP]; PAGES_ABREAST / GROUP];
        for (limbs, words) in limbs.iter_mut().zip(words.chunks(GROUP)) {
            *limbs = limbs_of(words.iter().copied());
        }
        enter!(detected, scan_abreast(pages, &limbs, &mut tiles));
    }
    for (tile, sums) in tiles.iter().zip(sums.as_chunks_mut().0) {
        enter!(detected, add_in_rows(tile, sums));
    }
}

pub(super) fn scan_several(
    detected: Detected,
    pages: &[u8],
    rows: usize,
    vectors: &[&[u32]],
    sums: &mut [u32],
) {
    let tiles = rows / TILE_ROWS;
    // Of each stretch of tiles, the sums of all vectors stand together.
    let mut tiled = vec![ZERO; tiles * vectors.len()];
    let mut interleaved = vec![ZERO; BLOCK_TILES * BLOCK_PAGES / GROUP];
    let mut limbs: Vec<Vec<Limbs>> = vec![Vec::new(); vectors.len()];
    for (block, pages) in pages.chunks(BLOCK_PAGES * rows).enumerate() {
        let columns = pages.len() / rows;
        for (limbs, vector) in limbs.iter_mut().zip(vectors) {
            let words = &vector[block * BLOCK_PAGES..][..columns];
            limbs.clear();
            limbs.extend(words.chunks(GROUP).map(|words| limbs_of(words.iter().copied())));
        }
        enter!(detected, add_block(pages, rows, &limbs, &mut interleaved, &mut tiled));
    }
    for (number, sums) in sums.chunks_mut(rows).enumerate() {
        for (tile, sums) in sums.as_chunks_mut().0.iter_mut().enumerate() {
            enter!(detected, add_in_rows(&tiled[tile * vectors.len() + number], sums));
        }
    }
}

pub(super) fn multiply(detected: Detected, pages: &[u8], rows: usize, matrix: &[u32], sums: &mut [u32]) {
    for (pages, matrix) in pages.chunks(HINT_PAGES * rows).zip(matrix.chunks(HINT_PAGES * SECRET_WORDS)) {
        let groups = (pages.len() / rows).div_ceil(GROUP);
        let mut limbs = vec![[0; GROUP]; groups * SECRET_WORDS];
        let mut centres = vec![0u32; SECRET_WORDS];
        // Column by column of A, so that a column's limbs stand together.
        limbs.par_chunks_mut(groups).zip(&mut centres).enumerate().with_min_len(64).for_each(
            |(column, (limbs, centre))| {
                let word = |row: &[u32]| row[column];
                let words = || matrix.chunks_exact(SECRET_WORDS).map(word);
                *centre = words().fold(0u32, u32::wrapping_add).wrapping_mul(128);
                let mut words = words();
                for limbs in limbs {
                    *limbs = limbs_of(words.by_ref().take(GROUP));
                }
            },
        );
        sums.par_chunks_mut(TILE_SUMS).enumerate().for_each_init(
            || vec![ZERO; HINT_PAGES / GROUP],
            |interleaved, (tile, sums)| {
                let interleaved = &mut interleaved[..groups];
                enter!(detected, interleave(pages, rows, tile, interleaved));
                enter!(detected, add_columns(interleaved, &limbs, &centres, sums));
            },
        );
    }
}

pub(super) fn dot_rows(detected: Detected, rows: &[u32], vector: &[u32; SECRET_WORDS], sums: &mut [u32]) {
    enter!(detected, dot_each(rows, vector, sums));
}

pub(super) fn count_reached(detected: Detected, below: &[u64], words: &[u64; 64], counts: &mut [u32; 64]) {
    enter!(detected, count_in_vectors(below, words, counts));
}

/// The limbs of up to four words; of none where there are fewer. Adding 128 to each of the lower three bytes carries what a
/// balanced limb takes from the next; taking it off again is flipping the byte's highest bit.
fn limbs_of(words: impl Iterator<Item = u32>) -> Limbs {
    let mut bytes = [[0u8; GROUP]; 4];
    for (page, word) in words.enumerate() {
        let limbs = word.wrapping_add(0x0080_8080) ^ 0x0080_8080;
        for (limb, byte) in bytes.iter_mut().zip(limbs.to_le_bytes()) {
            limb[page] = byte;
        }
    }
    bytes.map(u32::from_le_bytes)
}

kernel! {

fn load(lane: &Lane) -> V {
    // SAFETY: both types are 64 bytes in which every bit pattern is valid.
    unsafe { transmute::<Lane, V>(*lane) }
}

fn store(v: V) -> Lane {
    // SAFETY: as above.
    unsafe { transmute::<V, Lane>(v) }
}

fn load_bytes(bytes: &[u8; 64]) -> V {
    // SAFETY: as above.
    unsafe { transmute::<[u8; 64], V>(*bytes) }
}

/// Fetches the line so far behind `byte` into the cache. A prefetch reads nothing and never faults, wherever it points.
fn fetch(byte: &u8, ahead: usize) {
    arch::_mm_prefetch::<{ arch::_MM_HINT_T0 }>(core::ptr::from_ref(byte).wrapping_add(ahead).cast());
}

fn add_words(a: V, b: V) -> V {
    arch::_mm512_add_epi32(a, b)
}

fn splat(word: u32) -> V {
    arch::_mm512_set1_epi32(word.cast_signed())
}

/// Adds a tile of sums to those of its rows.
fn add_in_rows(tile: &Tile, sums: &mut [u32; TILE_ROWS]) {
    add_rows(in_rows([load(&tile[0]), load(&tile[1]), load(&tile[2]), load(&tile[3])]), sums);
}

fn add_rows(rows: [V; 4], sums: &mut [u32; TILE_ROWS]) {
    for (rows, sums) in rows.into_iter().zip(sums.as_chunks_mut().0) {
        *sums = store(add_words(load(&Lane(*sums)), rows)).0;
    }
}

/// A tile's sums in the order of their rows: its four registers are four by four quarters, and so the other way round.
fn in_rows([a, b, c, d]: [V; 4]) -> [V; 4] {
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let (ab_low, ab_high) = (arch::_mm512_shuffle_i32x4::<LOW>(a, b), arch::_mm512_shuffle_i32x4::<HIGH>(a, b));
    let (cd_low, cd_high) = (arch::_mm512_shuffle_i32x4::<LOW>(c, d), arch::_mm512_shuffle_i32x4::<HIGH>(c, d));
    [
        arch::_mm512_shuffle_i32x4::<EVEN>(ab_low, cd_low),
        arch::_mm512_shuffle_i32x4::<ODD>(ab_low, cd_low),
        arch::_mm512_shuffle_i32x4::<EVEN>(ab_high, cd_high),
        arch::_mm512_shuffle_i32x4::<ODD>(ab_high, cd_high),
    ]
}

/// Eight pages in one go; see the module. `sums` has a tile for each line of a page.
fn scan_abreast(pages: &[u8], limbs: &[Limbs; PAGES_ABREAST / GROUP], sums: &mut [Tile]) {
    let lines = sums.len();
    let all = pages.as_chunks::<TILE_ROWS>().0;
    let mut page = [all; PAGES_ABREAST];
    for p in 0..PAGES_ABREAST {
        page[p] = &all[p * lines..][..lines];
    }
    for (line, sums) in sums.iter_mut().enumerate() {
        // At the end of a page its follower is eight pages on: the next seven are under way already.
        let ahead = if line + LINES_AHEAD < lines { LINES_AHEAD } else { (PAGES_ABREAST - 1) * lines + LINES_AHEAD };
        let mut tiles = [ZERO; PAGES_ABREAST / GROUP];
        for (tile, page) in tiles.iter_mut().zip(page.as_chunks::<GROUP>().0) {
            for page in page {
                fetch(&page[line][0], ahead * TILE_ROWS);
            }
            *tile = interleave_group([&page[0][line], &page[1][line], &page[2][line], &page[3][line]]);
        }
        add_tile(product(&tiles, limbs), sums);
    }
}

fn add_tile(total: [V; 4], sums: &mut Tile) {
    for (total, sums) in total.into_iter().zip(sums) {
        *sums = store(add_words(load(sums), total));
    }
}

/// 64 rows of four pages, side by side.
fn interleave_group(pages: [&[u8; 64]; GROUP]) -> Tile {
    let [a, b, c, d] = [load_bytes(pages[0]), load_bytes(pages[1]), load_bytes(pages[2]), load_bytes(pages[3])];
    let (ab_low, ab_high) = (arch::_mm512_unpacklo_epi8(a, b), arch::_mm512_unpackhi_epi8(a, b));
    let (cd_low, cd_high) = (arch::_mm512_unpacklo_epi8(c, d), arch::_mm512_unpackhi_epi8(c, d));
    [
        store(arch::_mm512_unpacklo_epi16(ab_low, cd_low)),
        store(arch::_mm512_unpackhi_epi16(ab_low, cd_low)),
        store(arch::_mm512_unpacklo_epi16(ab_high, cd_high)),
        store(arch::_mm512_unpackhi_epi16(ab_high, cd_high)),
    ]
}

/// One tile of all these pages. Where the last group has fewer than four, its first page stands in, whose limbs are 0.
fn interleave(pages: &[u8], rows: usize, tile: usize, out: &mut [Tile]) {
    let lines = rows / TILE_ROWS;
    for (pages, out) in pages.chunks(GROUP * rows).zip(out) {
        let all = pages.as_chunks::<64>().0;
        let count = all.len() / lines;
        let mut line = [&all[tile]; GROUP];
        for p in 1..GROUP {
            if p < count {
                line[p] = &all[p * lines + tile];
            }
        }
        *out = interleave_group(line);
    }
}

/// Σ over groups of four pages: 16 sums, 4 limbs of 4 lanes.
fn product(interleaved: &[Tile], limbs: &[Limbs]) -> [V; 4] {
    let mut sums = [[splat(0); 4]; GROUP];
    for (tile, limbs) in interleaved.iter().zip(limbs) {
        let lanes = [load(&tile[0]), load(&tile[1]), load(&tile[2]), load(&tile[3])];
        for l in 0..GROUP {
            let limb = splat(limbs[l]);
            for v in 0..4 {
                sums[l][v] = arch::_mm512_dpbusd_epi32(sums[l][v], lanes[v], limb);
            }
        }
    }
    let mut total = sums[0];
    for v in 0..4 {
        total[v] = add_words(total[v], arch::_mm512_slli_epi32::<8>(sums[1][v]));
        total[v] = add_words(total[v], arch::_mm512_slli_epi32::<16>(sums[2][v]));
        total[v] = add_words(total[v], arch::_mm512_slli_epi32::<24>(sums[3][v]));
    }
    total
}

/// A block of pages times several vectors. `sums` has, for each tile, one tile of sums for each vector.
fn add_block(pages: &[u8], rows: usize, limbs: &[Vec<Limbs>], interleaved: &mut [Tile], sums: &mut [Tile]) {
    let groups = (pages.len() / rows).div_ceil(GROUP);
    let stretch = BLOCK_TILES * TILE_ROWS;
    for (number, sums) in sums.chunks_mut(BLOCK_TILES * limbs.len()).enumerate() {
        for tile in 0..sums.len() / limbs.len() {
            interleave(pages, rows, number * BLOCK_TILES + tile, &mut interleaved[tile * groups..][..groups]);
        }
        // What comes next is fetched meanwhile, a few lines with each product: the stretch after this one, or the first one of
        // the next block.
        let lines_with_each = (pages.len() / rows).div_ceil(limbs.len());
        let next = if (number + 1) * stretch < rows { (number + 1) * stretch } else { pages.len() };
        let mut to_fetch = (0..pages.len() / rows).flat_map(|page| (0..BLOCK_TILES).map(move |line| page * rows + line * 64));
        for (tile, sums) in sums.chunks_mut(limbs.len()).enumerate() {
            let tiles = &interleaved[tile * groups..][..groups];
            for (limbs, sums) in limbs.iter().zip(sums) {
                for offset in to_fetch.by_ref().take(lines_with_each) {
                    fetch(&pages[0], next + offset);
                }
                add_tile(product(tiles, limbs), sums);
            }
        }
    }
}

/// One tile of a block of pages times all columns of A. `sums` are those of 64 rows, a column's together.
fn add_columns(interleaved: &[Tile], limbs: &[Limbs], centres: &[u32], sums: &mut [u32]) {
    let columns = limbs.chunks(interleaved.len()).zip(centres);
    for ((limbs, centre), sums) in columns.zip(sums.as_chunks_mut().0) {
        let centred = product(interleaved, limbs).map(|sums| arch::_mm512_sub_epi32(sums, splat(*centre)));
        add_rows(in_rows(centred), sums);
    }
}

fn dot_each(rows: &[u32], vector: &[u32; SECRET_WORDS], sums: &mut [u32]) {
    portable::dot_rows(rows, vector, sums);
}

fn count_in_vectors(below: &[u64], words: &[u64; 64], counts: &mut [u32; 64]) {
    gaussian::count_reached(below, words, counts);
}

}
