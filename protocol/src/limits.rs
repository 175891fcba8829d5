//! Every bound of the protocol, in one place, with its unit last in the name (SPEC.md section "Limits").

/// Elements one evaluation may carry (RFC 9497 counts a batch in two bytes).
pub const BATCH_ELEMENTS_MAX: usize = 65_535;

/// Bytes of one encoded group element (RFC 9496).
pub const ELEMENT_BYTES: usize = 32;

/// Bytes of one normalised identifier; an e-mail address is the longest kind.
pub const IDENTIFIER_BYTES_MAX: usize = 254;

/// Page sizes a segment may have, in bytes.
pub const PAGE_BYTES_ALLOWED: [u32; 4] = [2_048, 4_096, 8_192, 16_384];

/// Page size where nothing asks for another, in bytes.
pub const PAGE_BYTES_DEFAULT: u32 = 8_192;

/// Entries one segment may hold: buckets are numbered with 32 bits.
pub const SEGMENT_ENTRIES_MAX: u64 = u32::MAX as u64;

/// Bits of label one entry may carry.
pub const LABEL_BITS_MAX: u8 = 32;

/// Bytes of a breach id.
pub const BREACH_ID_BYTES_MAX: usize = 64;

/// Digits of a NIK.
pub const NIK_DIGITS: usize = 16;

/// Bytes of a cell that is looked at as an identifier; anything longer is refused unread.
pub const IDENTIFIER_CELL_BYTES_MAX: usize = 256;

const _: () = assert!(PAGE_BYTES_DEFAULT == PAGE_BYTES_ALLOWED[2]);
