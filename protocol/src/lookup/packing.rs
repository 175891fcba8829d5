//! Numbers of a few bits each, one after another from the lowest bit of the first byte on.

/// Bytes of so many numbers of this width.
pub(super) const fn packed_bytes(numbers: usize, bits: u32) -> usize {
    (numbers * bits as usize).div_ceil(8)
}

/// Appends the numbers, of which each is below 2^bits; unused bits of the last byte are 0.
pub(super) fn pack(numbers: impl Iterator<Item = u32>, bits: u32, out: &mut Vec<u8>) {
    let (mut held, mut filled) = (0u64, 0);
    for number in numbers {
        held |= u64::from(number) << filled;
        filled += bits;
        while filled >= 8 {
            out.push(held.to_le_bytes()[0]);
            (held, filled) = (held >> 8, filled - 8);
        }
    }
    if filled > 0 {
        out.push(held.to_le_bytes()[0]);
    }
}

/// The numbers in `bytes`, as many as they hold whole, each below 2^bits; at most 32 bits. Each is read out of the eight bytes
/// from its first one on, so that none waits for the one before.
pub(super) fn unpack(bytes: &[u8], bits: u32) -> impl Iterator<Item = u32> {
    let (width, mask) = (bits as usize, (1u64 << bits) - 1);
    (0..bytes.len() * 8 / width).map(move |number| {
        let at = number * width;
        let rest = bytes.get(at / 8..).unwrap_or_default();
        let word = u64::from_le_bytes(rest.first_chunk().copied().unwrap_or_else(|| end_of(rest)));
        #[allow(clippy::cast_possible_truncation)] // masked to at most 32 bits
        let number = (word >> (at % 8) & mask) as u32;
        number
    })
}

/// Fewer than eight bytes, and zeros.
fn end_of(bytes: &[u8]) -> [u8; 8] {
    let mut end = [0; 8];
    end.iter_mut().zip(bytes).for_each(|(end, byte)| *end = *byte);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        for bits in [13, 21, 28] {
            for count in (1usize..20).chain([61]) {
                let number = |i: usize| (i as u32).wrapping_mul(0x9e37_79b9) >> (32 - bits);
                let mut bytes = Vec::new();
                pack((0..count).map(number), bits, &mut bytes);
                assert_eq!(bytes.len(), packed_bytes(count, bits));
                let read: Vec<u32> = unpack(&bytes, bits).take(count).collect();
                assert_eq!(read, (0..count).map(number).collect::<Vec<_>>());
            }
        }
        let mut bytes = Vec::new();
        pack([0x0fff_ffff, 1].into_iter(), 28, &mut bytes);
        assert_eq!(bytes, [0xff, 0xff, 0xff, 0x1f, 0, 0, 0]);
    }
}
