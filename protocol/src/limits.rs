//! Every bound of the protocol, in one place, with its unit last in the name (SPEC.md section "Limits").

/// Elements one evaluation may carry (RFC 9497 counts a batch in two bytes).
pub const BATCH_ELEMENTS_MAX: usize = 65_535;

/// Bytes of one encoded group element (RFC 9496).
pub const ELEMENT_BYTES: usize = 32;

/// Bytes of one normalised identifier; an e-mail address is the longest kind.
pub const IDENTIFIER_BYTES_MAX: usize = 254;

/// Kinds of identifiers that one breach may be said to hold.
pub const IDENTIFIER_KINDS_MAX: usize = 16;

/// Bytes of the description of a breach.
pub const DESCRIPTION_BYTES_MAX: usize = 1_024;

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

/// Bytes of the control structure of a request or a response.
pub const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a manifest's body.
pub const MANIFEST_BYTES_MAX: usize = 1024 * 1024;

/// Bytes one `fetch` may ask for: 128 pages of the largest size.
pub const FETCH_BYTES_MAX: u32 = 128 * 16_384;

/// Pages of a segment that a private lookup may be asked of; what noise allows is less.
pub const LOOKUP_PAGES_MAX: u32 = 200_000;

/// Breaches one manifest may list.
pub const BREACHES_MAX: usize = 1_024;

/// Segments one breach may have before it must be compacted.
pub const BREACH_SEGMENTS_MAX: usize = 64;

/// Data classes one breach may name, those that vary included.
pub const CLASSES_MAX: usize = 64;

/// Bytes of a bank's or an operator's name.
pub const NAME_BYTES_MAX: usize = 64;

/// Bytes of a title, a refusal's text or another line a person reads.
pub const TEXT_BYTES_MAX: usize = 256;

/// Bytes of a certificate signing request or a certificate, DER.
pub const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

/// Bytes that open every request and response: version, kind, control length.
pub const PREAMBLE_BYTES: usize = 6;

/// Seconds a manifest may be valid from its creation.
pub const MANIFEST_VALIDITY_S_MAX: u64 = 366 * 24 * 3_600;

/// Manifests a client walks to get from the one it saw last to the newest.
pub const MANIFEST_WALK_MAX: u64 = 10_000;

const _: () = assert!(CERTIFICATE_BYTES_MAX < CONTROL_BYTES_MAX && CONTROL_BYTES_MAX < MANIFEST_BYTES_MAX);
