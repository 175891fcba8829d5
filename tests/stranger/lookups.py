"""Private lookups: SPEC.md section "Private lookup"."""

from control import hash_blake3, require

HINT_BITS, QUERY_BITS, SECRET_WORDS = 21, 28, 1_024


def query(data, pages):
    """The numbers of a query over so many pages."""
    require(1 <= pages <= 200_000, "R-LOOK-1", f"{pages} pages")
    require(len(data) == (QUERY_BITS * pages + 7) // 8, "R-LOOK-1", f"query of {len(data)} bytes")
    bits = int.from_bytes(data, "little")
    require(bits >> (QUERY_BITS * pages) == 0, "R-LOOK-2", "unused bits of a query")
    return unpack(data, QUERY_BITS, pages)


def hint(data, page_bytes, named):
    """The numbers of a hint, in one list, if it is the one that a header names by its hash."""
    require(hash_blake3(b"samar lookup hint v1", data) == named, "R-LOOK-5", "hash")
    require(data[:10] == b"SAMARHNT\x01\x00", "R-LOOK-5", "magic")
    require(data[10:14] == page_bytes.to_bytes(4, "little"), "R-LOOK-5", "page size")
    count = page_bytes * SECRET_WORDS
    require(len(data) == 14 + (HINT_BITS * count + 7) // 8, "R-LOOK-5", "length")
    return unpack(data[14:], HINT_BITS, count)


def unpack(data, width, count):
    bits = int.from_bytes(data, "little")
    return [bits >> (width * i) & ((1 << width) - 1) for i in range(count)]
