"""Bytes as SPEC.md writes them: lines of hexadecimal, each with its note."""

import hashlib
import pathlib
import re

import curve
from control import hash_blake3

SPEC = pathlib.Path(__file__).resolve().parents[2] / "SPEC.md"
PUBLISHER_SEED = b"\x07" * 32


def parse_hex(body):
    text = "".join(line.split("#")[0] for line in body.splitlines(keepends=True))
    words = (word.split("*") for word in text.split())
    return b"".join(bytes.fromhex(word[0]) * (int(word[1]) if len(word) > 1 else 1) for word in words)


def u16(number):
    return number.to_bytes(2, "little").hex()


def u32(number):
    return number.to_bytes(4, "little").hex()


def u64(number):
    return number.to_bytes(8, "little").hex()


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return f"{u64(len(data))} {data.hex()}"


class Annotated:
    """Lines of (hexadecimal, note). Every change gives a new value; the example stays as it was."""

    def __init__(self, lines):
        self.lines = list(lines)

    @classmethod
    def example(cls, name):
        body = re.search(rf"^```hex {name}\n(.*?)^```", SPEC.read_text(encoding="utf-8"), re.M | re.S)[1]
        split = (line.partition("#") for line in body.splitlines())
        return cls((code.strip(), note.strip()) for code, _, note in split)

    def at(self, note):
        """Where the one line stands whose note begins with these words, or with these letters."""
        notes = [line[1] for line in self.lines]
        whole = [i for i, text in enumerate(notes) if text == note or re.match(rf"{re.escape(note)}\W", text)]
        (place,) = whole or [i for i, text in enumerate(notes) if text.startswith(note)]
        return place

    def put(self, note, code, new_note=None):
        place = self.at(note)
        old = self.lines[place][1]
        return Annotated(self.lines[:place] + [(code, new_note or old.split(":")[0])] + self.lines[place + 1 :])

    def drop(self, note, lines=1):
        place = self.at(note)
        return Annotated(self.lines[:place] + self.lines[place + lines :])

    def before(self, note, *lines):
        place = self.at(note)
        return Annotated([*self.lines[:place], *lines, *self.lines[place:]])

    def then(self, *lines):
        return Annotated([*self.lines, *lines])

    def data(self):
        return parse_hex("\n".join(code for code, _ in self.lines))

    def text(self):
        width = min(66, max(len(code) for code, note in self.lines if note))
        return "".join(f"{code:{width}}  # {note}".rstrip(" #") + "\n" for code, note in self.lines)


# --- What has to be true of the rest, so that only the one thing is wrong -----------------------------------------------


def message(of, bulk=(), version=1, kind=None, extra=()):
    """A request or a response: its true control length, then its bulk."""
    length = len(Annotated(of.lines[1:]).data())
    kind = of.data()[1] if kind is None else kind
    head = (f"{version:02x} {kind:02x} {u32(length)}", f"version, kind, control of {length} bytes")
    return Annotated([head, *of.lines[1:], *bulk, *extra])


def signed(manifest, seed=PUBLISHER_SEED, context=b"samar manifest v1"):
    """A manifest with its signature (RFC 8032 section 5.1.6)."""
    magic, _, _, *body = manifest.lines
    digest = hashlib.sha512(seed).digest()
    scalar = bytearray(digest[:32])
    scalar[0], scalar[31] = scalar[0] & 248, scalar[31] & 127 | 64
    scalar = int.from_bytes(scalar, "little")
    public = curve.ed25519_encode(curve.multiply(scalar, curve.ED25519_BASE))
    text = context + Annotated(body).data()
    nonce = int.from_bytes(hashlib.sha512(digest[32:] + text).digest(), "little") % curve.L
    r = curve.ed25519_encode(curve.multiply(nonce, curve.ED25519_BASE))
    challenge = int.from_bytes(hashlib.sha512(r + public + text).digest(), "little") % curve.L
    s = (nonce + challenge * scalar) % curve.L
    return Annotated([magic, (r.hex(), "signature: R"), (s.to_bytes(32, "little").hex(), "signature: s"), *body])


def segment(header, pages, listing=None):
    """Header, pages, and the directory of one page from bucket 0, or another."""
    if listing is None:
        digest = hash_blake3(Annotated(pages).data()).hex()
        listing = [("00000000", "first bucket"), (digest, "hash of the page")]
    return Annotated([*header.lines, *pages, *listing])


def vault(header, records, count=None):
    """A vault around this header and these records, with a true length, count and check."""
    length = len(Annotated(header).data())
    count = len(Annotated(records).data()) // 36 if count is None else count
    magic = ("53414d4152564c54 0100", "magic, version")
    body = Annotated([magic, (u32(length), f"header of {length} bytes"), *header, *records, (u64(count), "count")])
    return checked(body)


def checked(body, length=32):
    """The same with its BLAKE3 behind it."""
    return body.then((hash_blake3(body.data())[:length].hex(), "check"))


def account_log(*records):
    """A log of these bodies, each chained to the one before and a group of its own."""
    lines, chain = [("53414d41524c4f47 0100", "magic, version")], bytes(32)
    for body in records:
        data = Annotated(body).data()
        chain = hash_blake3(b"samar account log v1", chain, data)
        length, note = len(data) | 0x8000, f"{len(data)} bytes, a group begins"
        lines += [(f"{u16(length)} {u16(length ^ 0xFFFF)}", note), *body, (chain.hex(), "chain")]
    return Annotated(lines)
