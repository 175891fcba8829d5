"""Segments (SPEC.md section "Segments")."""

import hashlib
from dataclasses import dataclass

from control import CRITICAL, KINDS, PAGE_BYTES_ALLOWED, hash_blake3, require
from manifest import is_breach_id


@dataclass
class Header:
    kind: int
    label_bits: int
    page_bytes: int
    key_id: bytes
    salt: bytes
    entries: int
    pages: int
    breach_id: str
    extensions: list

    def file_bytes(self):
        return self.page_bytes * (self.pages + 1) + 36 * self.pages


def root(header_block, directory):
    return hash_blake3(b"samar segment root v1", header_block, directory)


class Fields:
    """Fields of a header block."""

    def __init__(self, block):
        self.block, self.at = block, 0

    def take(self, count):
        require(count <= len(self.block) - self.at, "R-SEG-5", "a field reaches past the header block")
        self.at += count
        return self.block[self.at - count : self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "little")


def header(block):
    """A header block, as long as it says itself."""
    fields = Fields(block)
    require(fields.take(8) == b"SAMARSEG", "R-SEG-2", "magic")
    require(fields.number(2) == 1, "R-SEG-2", "version")
    require(fields.number(2) == 1, "R-SEG-2", "suite")
    kind, label_bits = fields.number(1), fields.number(1)
    require(kind < len(KINDS), "R-SEG-2", f"kind {kind}")
    require(label_bits <= 32, "R-SEG-2", f"{label_bits} label bits")
    require(fields.number(2) == 0, "R-SEG-3", "reserved field")
    page_bytes = fields.number(4)
    require(page_bytes in PAGE_BYTES_ALLOWED, "R-SEG-2", f"pages of {page_bytes} bytes")
    require(len(block) == page_bytes, "R-SEG-6", f"header block of {len(block)} bytes")
    key, salt = fields.take(8), fields.take(16)
    entries, pages = fields.number(8), fields.number(4)
    require(entries < 2**32, "R-SEG-4", f"{entries} entries")
    pages_max = 2 * (entries * (42 + label_bits) // (8 * (page_bytes - 2) - 14)) + 1
    require((entries == 0) == (pages == 0) and pages <= pages_max, "R-SEG-4", f"{pages} pages of {entries}")
    breach_id = fields.take(fields.number(1)).decode("latin-1")
    require(is_breach_id(breach_id), "R-SEG-5", "breach id")
    extensions = []
    for _ in range(fields.number(1)):
        number = fields.number(2)
        extensions.append((number, fields.take(fields.number(2))))
        ascending = len(extensions) < 2 or extensions[-2][0] < number
        require(ascending, "R-SEG-5", "extensions are not strictly ascending")
        require(not number & CRITICAL, "R-SEG-5", f"unknown critical extension {number:#06x}")
    for number, note in extensions:
        if number == 1 and (len(note) < 2 or note[:2] == b"\x01\x00"):
            require(kind == 0 and len(note) == 34, "R-LOOK-6", "note of a hint")
    require(not any(block[fields.at :]), "R-SEG-3", "padding of the header block")
    return Header(kind, label_bits, page_bytes, key, salt, entries, pages, breach_id, extensions)


@dataclass
class Page:
    first: int
    next: int
    hash: bytes


def directory(data, of):
    """Where each page begins and ends, and its hash."""
    require(len(data) == 36 * of.pages, "R-SEG-6", f"directory of {len(data)} bytes")
    records = [data[at : at + 36] for at in range(0, len(data), 36)]
    firsts = [int.from_bytes(record[:4], "little") for record in records]
    bounds = firsts + [of.entries]
    require(not firsts or firsts[0] == 0, "R-SEG-7", "the first page does not begin at bucket 0")
    ascending = all(before < after for before, after in zip(bounds, bounds[1:]))
    require(ascending, "R-SEG-7", "first buckets do not ascend strictly below N")
    return [Page(bounds[i], bounds[i + 1], record[4:]) for i, record in enumerate(records)]


def page(data, place, label_bits):
    """The entries of a page as (bucket, remainder, masked label), ascending."""
    require(hash_blake3(data) == place.hash, "R-PAGE-1", f"page at bucket {place.first}: hash")
    return page_entries(data, place.first, place.next - place.first, label_bits)


def page_entries(data, first, buckets, label_bits):
    count = int.from_bytes(data[:2], "little")
    unary_bytes = (count + buckets + 7) // 8
    label_bytes = (count * label_bits + 7) // 8
    used = 2 + unary_bytes + label_bytes + 5 * count
    require(used <= len(data), "R-PAGE-2", f"{count} entries in {buckets} buckets do not fit")
    unary = int.from_bytes(data[2 : 2 + unary_bytes], "little")
    labels_at = len(data) - 5 * count - label_bytes
    labels = int.from_bytes(data[labels_at : labels_at + label_bytes], "little")
    remainders_at = len(data) - 5 * count
    require(not any(data[2 + unary_bytes : labels_at]), "R-PAGE-5", "padding")
    require(unary >> (count + buckets) == 0, "R-PAGE-5", "unused bits of the unary part")
    require(labels >> (count * label_bits) == 0, "R-PAGE-5", "unused bits of the labels")
    require(unary >> (count + buckets - 1) & 1 == 0, "R-PAGE-4", "the last bucket is not closed")
    require(unary.bit_count() == count, "R-PAGE-3", f"{unary.bit_count()} entries, not {count}")
    entries, bucket = [], first
    for bit in range(count + buckets):
        if not unary >> bit & 1:
            bucket += 1
            continue
        number = len(entries)
        at = remainders_at + 5 * number
        remainder = int.from_bytes(data[at : at + 5], "little")
        label = labels >> (number * label_bits) & ((1 << label_bits) - 1)
        sorted_here = not entries or entries[-1][0] != bucket or entries[-1][1] < remainder
        require(sorted_here, "R-PAGE-6", f"entry {number} does not ascend")
        entries.append((bucket, remainder, label))
    return entries


def locate(tag, salt, entries, label_bits):
    """(bucket, remainder, pad) of a tag."""
    h = hashlib.sha256(tag + salt).digest()
    key = int.from_bytes(h[:9], "big") * entries >> 32
    pad = int.from_bytes(h[9:13], "little") & ((1 << label_bits) - 1)
    return key >> 40, key & (2**40 - 1), pad


class Segment:
    """A whole segment file, every byte of it checked."""

    def __init__(self, data, breach, reference, key):
        page_bytes = reference.page_bytes
        head = header(data[:page_bytes])
        agree = {
            "kind": head.kind == reference.kind,
            "entries": head.entries == reference.entries,
            "page bytes": head.page_bytes == reference.page_bytes,
            "breach id": head.breach_id == breach.id,
            "key id": head.key_id == key,
            "label bits": head.label_bits == len(breach.varies),
            "file bytes": head.file_bytes() == reference.file_bytes,
        }
        for what, holds in agree.items():
            require(holds, "R-SEG-8", f"the header's {what} is not what the manifest says")
        require(len(data) == head.file_bytes(), "R-SEG-6", f"file of {len(data)} bytes")
        listing = data[page_bytes * (head.pages + 1) :]
        require(root(data[:page_bytes], listing) == reference.root, "R-SEG-1", "root")
        self.header, self.labels = head, {}
        for number, place in enumerate(directory(listing, head)):
            at = page_bytes * (number + 1)
            for bucket, remainder, label in page(data[at : at + page_bytes], place, head.label_bits):
                self.labels[bucket, remainder] = label
        require(len(self.labels) == head.entries, "R-SEG-9", f"{len(self.labels)} entries, not {head.entries}")

    def look_up(self, tag):
        """The label of a tag, or None where the segment does not have it."""
        if self.header.entries == 0:
            return None
        bucket, remainder, pad = locate(tag, self.header.salt, self.header.entries, self.header.label_bits)
        masked = self.labels.get((bucket, remainder))
        return None if masked is None else masked ^ pad
