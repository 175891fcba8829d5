//! A page by the letter of SPEC.md section "Page", bit by bit: slow, and plainly right. What the real one is held against.

use samar_protocol::limits::{LABEL_BITS_MAX, PAGE_BYTES_ALLOWED};
use samar_protocol::segment::Entry;

/// The entries of a page over the buckets `first..next`, unless it breaks a rule.
pub(crate) fn read(page: &[u8], first: u32, next: u32, label_bits: u8) -> Option<Vec<Entry>> {
    let is_allowed = PAGE_BYTES_ALLOWED.iter().any(|bytes| *bytes as usize == page.len());
    if !is_allowed || label_bits > LABEL_BITS_MAX || next <= first {
        return None;
    }
    let count = usize::from(u16::from_le_bytes([page[0], page[1]]));
    let (buckets, label_bits) = ((next - first) as usize, usize::from(label_bits));
    let unary_bytes = (count + buckets).div_ceil(8);
    let label_bytes = (count * label_bits).div_ceil(8);
    let padding_bytes = page.len().checked_sub(2 + unary_bytes + label_bytes + 5 * count)?;

    let (unary, rest) = page[2..].split_at(unary_bytes);
    let (padding, rest) = rest.split_at(padding_bytes);
    let (labels, remainders) = rest.split_at(label_bytes);
    let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (at % 8) & 1;
    let unused = |bytes: &[u8], from: usize| (from..bytes.len() * 8).any(|at| bit(bytes, at) == 1);
    let ends = bit(unary, count + buckets - 1) == 0;
    if !ends
        || unused(unary, count + buckets)
        || unused(labels, count * label_bits)
        || padding.iter().any(|b| *b != 0)
    {
        return None;
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut bucket = first;
    for at in 0..count + buckets {
        if bit(unary, at) == 0 {
            bucket = bucket.checked_add(1)?; // none comes after the last that a number holds
            continue;
        }
        let place = entries.len();
        if place == count {
            return None;
        }
        let remainder = remainders[5 * place..5 * place + 5].iter().rev();
        let remainder = remainder.fold(0, |number, byte| number << 8 | u64::from(*byte));
        let label = (0..label_bits).rev();
        let masked_label =
            label.fold(0, |number, i| number << 1 | u32::from(bit(labels, place * label_bits + i)));
        if entries.last().is_some_and(|last| last.bucket == bucket && last.remainder >= remainder) {
            return None;
        }
        entries.push(Entry { bucket, masked_label, remainder });
    }
    (entries.len() == count && bucket == next).then_some(entries)
}

/// The page of these entries, which are sorted and whose labels fit; nothing if they do not fit it.
pub(crate) fn write(
    entries: &[Entry],
    first: u32,
    next: u32,
    label_bits: u8,
    page_bytes: usize,
) -> Option<Vec<u8>> {
    let label_bits = usize::from(label_bits);
    let mut unary = Vec::new();
    for bucket in first..next {
        unary.extend(entries.iter().filter(|entry| entry.bucket == bucket).map(|_| true));
        unary.push(false);
    }
    let label = |label: u32| (0..label_bits).map(move |i| label >> i & 1 == 1);
    let labels: Vec<bool> = entries.iter().flat_map(|entry| label(entry.masked_label)).collect();
    let remainders: Vec<u8> =
        entries.iter().flat_map(|e| e.remainder.to_le_bytes().into_iter().take(5)).collect();
    let (unary, labels) = (bits(&unary), bits(&labels));
    let padding = page_bytes.checked_sub(2 + unary.len() + labels.len() + remainders.len())?;
    let count = u16::try_from(entries.len()).ok()?;
    Some([count.to_le_bytes().as_slice(), &unary, &vec![0; padding], &labels, &remainders].concat())
}

fn bits(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).collect()
}
