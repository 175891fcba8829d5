//! `expand_message_xmd` (RFC 9380 section 5.3.1) with SHA-512 and 64 bytes out, for eight messages at a time.
//!
//! The padding block of zeros comes first in every message, so its state is a constant. Messages may differ in length:
//! a lane that has no further block keeps its state.

use super::field::{self, Fe};
use super::leaf::{self, V};

const BLOCK_BYTES: usize = 128;

/// The initial state (FIPS 180-4 section 5.3.5).
const INITIAL: [u64; 8] = [
    0x6a09e667f3bcc908,
    0xbb67ae8584caa73b,
    0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1,
    0x510e527fade682d1,
    0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179,
];

/// The state after one block of zeros.
const AFTER_ZEROS: [u64; 8] = [
    0xcf7881d5774acbe8,
    0x533362e0fbc78070,
    0x0267639d87460eda,
    0x3086cb40e85931b0,
    0x717dc95288a023a3,
    0x96bab2c14ce0b5e0,
    0x6fc4fe04eae33e0b,
    0x91f4d80cbd668bee,
];

/// The round constants (FIPS 180-4 section 4.2.3).
const ROUND: [u64; 80] = [
    0x428a2f98d728ae22,
    0x7137449123ef65cd,
    0xb5c0fbcfec4d3b2f,
    0xe9b5dba58189dbbc,
    0x3956c25bf348b538,
    0x59f111f1b605d019,
    0x923f82a4af194f9b,
    0xab1c5ed5da6d8118,
    0xd807aa98a3030242,
    0x12835b0145706fbe,
    0x243185be4ee4b28c,
    0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f,
    0x80deb1fe3b1696b1,
    0x9bdc06a725c71235,
    0xc19bf174cf692694,
    0xe49b69c19ef14ad2,
    0xefbe4786384f25e3,
    0x0fc19dc68b8cd5b5,
    0x240ca1cc77ac9c65,
    0x2de92c6f592b0275,
    0x4a7484aa6ea6e483,
    0x5cb0a9dcbd41fbd4,
    0x76f988da831153b5,
    0x983e5152ee66dfab,
    0xa831c66d2db43210,
    0xb00327c898fb213f,
    0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2,
    0xd5a79147930aa725,
    0x06ca6351e003826f,
    0x142929670a0e6e70,
    0x27b70a8546d22ffc,
    0x2e1b21385c26c926,
    0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df,
    0x650a73548baf63de,
    0x766a0abb3c77b2a8,
    0x81c2c92e47edaee6,
    0x92722c851482353b,
    0xa2bfe8a14cf10364,
    0xa81a664bbc423001,
    0xc24b8b70d0f89791,
    0xc76c51a30654be30,
    0xd192e819d6ef5218,
    0xd69906245565a910,
    0xf40e35855771202a,
    0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8,
    0x1e376c085141ab53,
    0x2748774cdf8eeb99,
    0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63,
    0x4ed8aa4ae3418acb,
    0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc,
    0x78a5636f43172f60,
    0x84c87814a1f0ab72,
    0x8cc702081a6439ec,
    0x90befffa23631e28,
    0xa4506cebde82bde9,
    0xbef9a3f7b2c67915,
    0xc67178f2e372532b,
    0xca273eceea26619c,
    0xd186b8c721c0c207,
    0xeada7dd6cde0eb1e,
    0xf57d4f7fee6ed178,
    0x06f067aa72176fba,
    0x0a637dc5a2c898a6,
    0x113f9804bef90dae,
    0x1b710b35131c471b,
    0x28db77f523047d84,
    0x32caab7b40c72493,
    0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6,
    0x597f299cfc657e2a,
    0x5fcb6fab3ad6faec,
    0x6c44198c4a475817,
];

/// Block `index` of `parts` padded as the rest of a message of which `before` bytes are already hashed.
fn block(parts: &[&[u8]], before: usize, index: usize) -> Option<[u8; BLOCK_BYTES]> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let start = index * BLOCK_BYTES;
    if start >= length + 17 {
        return None;
    }
    let mut block = [0; BLOCK_BYTES];
    let mut offset = 0; // of the part in the message
    for part in parts {
        let (from, to) = (offset.max(start), (offset + part.len()).min(start + BLOCK_BYTES));
        if from < to {
            block[from - start..to - start].copy_from_slice(&part[from - offset..to - offset]);
        }
        offset += part.len();
    }
    if (start..start + BLOCK_BYTES).contains(&length) {
        block[length - start] = 0x80;
    }
    if start + BLOCK_BYTES >= length + 17 {
        block[BLOCK_BYTES - 8..].copy_from_slice(&((before + length) as u64 * 8).to_be_bytes());
    }
    Some(block)
}

kernel! {

fn state(words: &[u64; 8]) -> [V; 8] {
    let mut state = [leaf::splat(0); 8];
    for i in 0..8 {
        state[i] = leaf::splat(words[i]);
    }
    state
}

/// The two field elements that each of up to eight messages expands to, little-endian and modulo 2^255 (RFC 9496
/// section 4.3.4). Lanes past the end are zero-length messages.
pub(super) fn expand<M: AsRef<[u8]>>(dst: &[u8], messages: &[M]) -> [Fe; 2] {
    #[allow(clippy::cast_possible_truncation)] // the tag is a constant of the suite, below 256 bytes
    let dst_length = [dst.len() as u8];
    let mut b_0 = state(&AFTER_ZEROS);
    for index in 0.. {
        let mut blocks = [[0; BLOCK_BYTES]; 8];
        let mut live = 0;
        for (lane, message) in messages.iter().enumerate() {
            let parts = [message.as_ref(), &[0, 64, 0], dst, &dst_length];
            if let Some(block) = block(&parts, BLOCK_BYTES, index) {
                blocks[lane] = block;
                live |= 1 << lane;
            }
        }
        if live == 0 {
            break;
        }
        let next = compress(&b_0, &load(&blocks));
        for i in 0..8 {
            b_0[i] = leaf::select(live, b_0[i], next[i]);
        }
    }

    // b_1 = H(b_0 || 1 || dst || len(dst)): the same bytes in every lane but for b_0, which leads.
    let mut b_1 = state(&INITIAL);
    let mut index = 0;
    while let Some(block) = block(&[&[0; 64], &[1], dst, &dst_length], 0, index) {
        let mut words = load(&[block; 8]);
        if index == 0 {
            words[..8].copy_from_slice(&b_0);
        }
        b_1 = compress(&b_1, &words);
        index += 1;
    }
    for word in &mut b_1 {
        *word = leaf::swap_bytes(*word);
    }
    let [a, b, c, d, e, f, g, h] = b_1;
    [field::from_words(&[a, b, c, d]), field::from_words(&[e, f, g, h])]
}

fn load(blocks: &[[u8; BLOCK_BYTES]; 8]) -> [V; 16] {
    let mut words = [leaf::splat(0); 16];
    for (index, word) in words.iter_mut().enumerate() {
        let mut lanes = [0; 8];
        for lane in 0..8 {
            if let Some(bytes) = blocks[lane].as_chunks::<8>().0.get(index) {
                lanes[lane] = u64::from_be_bytes(*bytes);
            }
        }
        *word = leaf::from_array(lanes);
    }
    words
}

}

outlined! {

/// FIPS 180-4 section 6.4.2.
fn compress(before: &[V; 8], block: &[V; 16]) -> [V; 8] {
    let mut w = *block;
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *before;
    for chunk in 0..5 {
        for i in 0..16 {
            if chunk > 0 {
                let (w15, w2) = (w[(i + 1) % 16], w[(i + 14) % 16]);
                let s0 = leaf::xor3(leaf::rotr::<1>(w15), leaf::rotr::<8>(w15), leaf::shr(w15, 7));
                let s1 = leaf::xor3(leaf::rotr::<19>(w2), leaf::rotr::<61>(w2), leaf::shr(w2, 6));
                w[i] = leaf::add(leaf::add(w[i], s0), leaf::add(w[(i + 9) % 16], s1));
            }
            let s1 = leaf::xor3(leaf::rotr::<14>(e), leaf::rotr::<18>(e), leaf::rotr::<41>(e));
            let s0 = leaf::xor3(leaf::rotr::<28>(a), leaf::rotr::<34>(a), leaf::rotr::<39>(a));
            let kw = leaf::add(leaf::splat(ROUND[16 * chunk + i]), w[i]);
            let t1 = leaf::add(leaf::add(h, s1), leaf::add(leaf::choose(e, f, g), kw));
            let t2 = leaf::add(s0, leaf::majority(a, b, c));
            (h, g, f, e) = (g, f, e, leaf::add(d, t1));
            (d, c, b, a) = (c, b, a, leaf::add(t1, t2));
        }
    }
    let mut after = [a, b, c, d, e, f, g, h];
    for i in 0..8 {
        after[i] = leaf::add(after[i], before[i]);
    }
    after
}

}
