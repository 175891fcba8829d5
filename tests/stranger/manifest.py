"""Manifests and their chain (SPEC.md section "Manifest")."""

import hashlib
from dataclasses import dataclass

import curve
from control import KINDS, PAGE_BYTES_ALLOWED, Reader, Refused, hash_blake3, require

MANIFEST_BYTES_MAX = 1_048_576
STATUSES = ("claimed", "confirmed", "denied-in-part", "disputed")


@dataclass
class SegmentRef:
    root: bytes
    kind: int
    entries: int
    page_bytes: int
    file_bytes: int


@dataclass
class Breach:
    id: str
    title: str
    date: str
    status: str
    exposes: list
    varies: list
    segments: list

    def classes(self, label):
        """The data classes exposed for an entry with this label."""
        return self.exposes + [name for bit, name in enumerate(self.varies) if label >> bit & 1]


@dataclass
class Manifest:
    operator: str
    epoch: int
    created: int
    valid_until: int
    previous: bytes
    suite: int
    key_id: bytes
    public_key: bytes
    breaches: list
    next_publisher_key: bytes | None
    extensions: list
    details: list
    hash: bytes


@dataclass
class Details:
    breach: str
    kinds: list
    description: str
    added: str
    modified: str
    records: int | None
    flags: int
    source: str


def key_id(public_key):
    return hashlib.sha256(b"samar key id v1" + public_key).digest()[:8]


def manifest(data, publisher_key):
    """A manifest file whose signature is by `publisher_key`."""
    magic, signature, body = data[:10], data[10:74], data[74:]
    require(magic == b"SAMARMAN\x01\x00" and len(signature) == 64, "R-MAN-1", "not a manifest of version 1")
    message = b"samar manifest v1" + body
    require(curve.ed25519_verify(publisher_key, message, signature), "R-MAN-2", "the signature does not verify")
    read = Reader(body, MANIFEST_BYTES_MAX)
    fields = {
        "operator": read.string(),
        "epoch": read.u64(),
        "created": read.u64(),
        "valid_until": read.u64(),
        "previous": read.take(32),
        "suite": read.u16(),
        "key_id": read.take(8),
        "public_key": read.take(32),
        "breaches": read.list(lambda: breach(read)),
        "next_publisher_key": read.optional(lambda: read.take(32)),
        "extensions": read.extensions(),
    }
    read.end()
    known = next((details(data) for number, data in fields["extensions"] if number == 2), [])
    found = Manifest(details=known, hash=hash_blake3(message), **fields)
    check_manifest(found)
    unnamed = {one.breach for one in known} - {one.id for one in found.breaches}
    require(not unnamed, "R-MAN-13", "details of a breach that is not there")
    return found


def breach(read):
    return Breach(
        id=read.string(),
        title=read.string(),
        date=read.string(),
        status=STATUSES[read.choice(len(STATUSES))],
        exposes=read.list(read.string),
        varies=read.list(read.string),
        segments=read.list(
            lambda: SegmentRef(read.take(32), read.choice(len(KINDS)), read.u64(), read.u32(), read.u64())
        ),
    )


def check_rotation(found, data):
    """Key id, public key and end of the key before this manifest's."""
    def rule(holds, reason):
        require(holds, "R-MAN-12", reason)

    rule(len(data) == 48, "length of the rotation")
    name, key, until = data[:8], data[8:40], int.from_bytes(data[40:], "little")
    point = curve.decode(key)
    rule(point is not None and not curve.is_identity(point), "previous key")
    rule(name == key_id(key), "previous key id")
    rule(key != found.public_key, "a rotation to the same key")
    rule(0 <= until - found.created <= 31_622_400, "end of the grace time")


def details(data):
    """The extension of breach details."""
    try:
        read = Reader(data, MANIFEST_BYTES_MAX)
        found = read.list(
            lambda: Details(
                read.string(), read.list(read.u8), read.string(), read.string(), read.string(),
                read.optional(read.u64), read.u8(), read.string(),
            )
        )
        read.end()
    except Refused as refused:
        raise Refused("R-MAN-13", str(refused)) from None

    def rule(holds, reason):
        require(holds, "R-MAN-13", reason)

    names = [one.breach.encode() for one in found]
    rule(len(names) <= 1_024 and all(a < b for a, b in zip(names, names[1:])), "breaches are not strictly ascending")
    for one in found:
        rule(is_breach_id(one.breach), "breach id")
        rule(1 <= len(one.kinds) <= 16 and one.kinds == sorted(set(one.kinds)) and 0 not in one.kinds, "kinds")
        rule(one.description == "" or is_line(one.description, 1_024), "description")
        rule(all(date == "" or is_date(date) for date in (one.added, one.modified)), "date")
        rule(one.flags <= 1, "flags")
        rule(one.source == "" or is_line(one.source, 256), "source")
    return found


def check_manifest(found):
    def rule(holds, reason):
        require(holds, "R-MAN-3", reason)

    rule(is_line(found.operator, 64), "operator")
    rule(found.epoch >= 1, "epoch")
    rule((found.epoch == 1) == (found.previous == bytes(32)), "previous")
    rule(0 <= found.valid_until - found.created <= 31_622_400, "valid until")
    rule(found.suite == 1, "suite")
    point = curve.decode(found.public_key)
    require(point is not None and not curve.is_identity(point), "R-OPRF-7", "public key")
    require(found.key_id == key_id(found.public_key), "R-MAN-4", "key id")
    for number, data in found.extensions:
        if number == 1:
            check_rotation(found, data)
    rule(len(found.breaches) <= 1_024, "number of breaches")
    for one in found.breaches:
        rule(is_breach_id(one.id), "breach id")
        rule(is_line(one.title, 256), f"title of {one.id}")
        rule(is_date(one.date), f"date of {one.id}")
        names = one.exposes + one.varies
        rule(len(one.varies) <= 32 and len(names) <= 64, f"number of data classes of {one.id}")
        rule(all(is_class(name) for name in names), f"data class of {one.id}")
        require(len(set(names)) == len(names), "R-MAN-5", f"a data class of {one.id} is named twice")
        rule(len(one.segments) <= 64, f"number of segments of {one.id}")
        for segment in one.segments:
            rule(segment.entries < 2**32, f"entries of a segment of {one.id}")
            rule(segment.page_bytes in PAGE_BYTES_ALLOWED, f"page size of a segment of {one.id}")
    ids = [one.id.encode() for one in found.breaches]
    ascending = all(before < after for before, after in zip(ids, ids[1:]))
    require(ascending, "R-MAN-5", "breaches are not strictly ascending")


class Chain:
    """Accepts manifests in order; moves forward only."""

    def __init__(self, publisher_key, epoch=0, hash=bytes(32)):
        self.publisher_key, self.epoch, self.hash = publisher_key, epoch, hash

    def accept(self, data):
        found = manifest(data, self.publisher_key)
        require(found.epoch >= self.epoch, "R-MAN-6", f"epoch {found.epoch} after {self.epoch}: a rollback")
        require(found.epoch == self.epoch + 1, "R-MAN-8", f"epoch {found.epoch}, not {self.epoch + 1}")
        require(found.previous == self.hash, "R-MAN-7", f"epoch {found.epoch} does not descend: a fork")
        if found.next_publisher_key is not None:
            key = curve.ed25519_decode(found.next_publisher_key)
            usable = key is not None and not curve.is_identity(curve.multiply(8, key))
            require(usable, "R-MAN-11", "next publisher key")
            self.publisher_key = found.next_publisher_key
        self.epoch, self.hash = found.epoch, found.hash
        return found


def is_line(text, bytes_max):
    control = any(ord(sign) < 0x20 or 0x7F <= ord(sign) <= 0x9F for sign in text)
    return 1 <= len(text.encode()) <= bytes_max and not control


def is_breach_id(text):
    alphabet = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    return 1 <= len(text) <= 64 and set(text) <= alphabet and "-" not in (text[0], text[-1])


def is_class(text):
    return 1 <= len(text) <= 64 and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def is_date(text):
    parts = text.split("-")
    sizes = [4, 2, 2][: len(parts)]
    if len(parts) > 3 or [len(part) for part in parts] != sizes:
        return False
    if not all(set(part) <= set("0123456789") for part in parts):
        return False
    year, month, day = ([int(part) for part in parts] + [1, 1])[:3]
    if not (1_900 <= year <= 2_999 and 1 <= month <= 12):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = {2: 29 if leap else 28, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31)
    return 1 <= day <= days
