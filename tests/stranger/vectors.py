#!/usr/bin/env python3
"""Computes every vector of SPEC.md again, from its formulas, and decodes every byte example in it.

    vectors.py [SPEC.md]

Ends with 1 and the first difference on standard error.
"""

import dataclasses
import hashlib
import pathlib
import re
import sys

import curve
import kinds
import lookups
import manifest as manifests
import nik
import operator_files
import segment as segments
from annotated import SPEC, parse_hex
from control import Reader, Refused, hash_blake3

DST = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512"
MESSAGES = {  # name of the example: kind byte, fields of the control structure
    "join": (0x01, lambda r: (r.take(32), r.bytes())),
    "manifest-newest": (0x02, lambda r: (r.optional(r.u64),)),
    "manifest-3": (0x02, lambda r: (r.optional(r.u64),)),
    "fetch": (0x03, lambda r: (r.take(32), r.u64(), r.u32())),
    "evaluate": (0x04, lambda r: (r.u16(), r.take(8), r.u64(), r.u32())),
    "rekey": (0x05, lambda r: (r.u16(), r.take(8), r.take(8), r.u64(), r.u32())),
    "hint": (0x06, lambda r: (r.take(32), r.u64(), r.u32())),
    "lookup": (0x07, lambda r: (r.take(32), r.u32())),
    "allowance": (0x08, lambda r: ()),
    "joined": (0x81, lambda r: (r.string(), r.bytes())),
    "manifest-sent": (0x82, lambda r: (r.u32(),)),
    "fetched": (0x83, lambda r: (r.u32(),)),
    "evaluated": (0x84, lambda r: (r.u32(), r.take(64), r.u32())),
    "rekeyed": (0x85, lambda r: (r.u32(), r.take(64), r.u32())),
    "hint-sent": (0x86, lambda r: (r.u32(),)),
    "looked-up": (0x87, lambda r: (r.u32(),)),
    "allowance-sent": (0x88, lambda r: (r.u64(), r.u64(), r.u64(), r.u64(), r.u64())),
    "refusal": (0xFF, lambda r: (r.u16(), r.string(), r.optional(r.u32))),
}


class Spec:
    """The examples and vectors of SPEC.md, and which of them were looked at."""

    def __init__(self, text):
        blocks = re.findall(r"^```hex ([a-z0-9-]+)\n(.*?)^```", text, re.M | re.S)
        self.examples = {name: parse_hex(body) for name, body in blocks}
        listed = "".join(re.findall(r"^```vectors\n(.*?)^```", text, re.M | re.S))
        lines = (line.split(" = ") for line in listed.splitlines())
        self.vectors = [(name.strip(), value.strip()) for name, value in lines]
        self.unused = {name for name, _ in self.vectors} | set(self.examples)
        rows = re.findall(r"^\| (\d{16}) \| `(\w{64})` \| `(\w+)` \| (\d) \| (\d) \| (\d) \|", text, re.M)
        self.tags = [(row[0], bytes.fromhex(row[1]), int(row[2], 16), *map(int, row[3:])) for row in rows]
        self.cells = [("nik", *cell) for cell in cells(text)]
        self.cells += re.findall(r"^\| (phone|email|kk|npwp) \| `([^`]*)` \| `?([^`|]+?)`? \|$", text, re.M)

    def example(self, name):
        self.unused.discard(name)
        return self.examples[name]

    def vector(self, name):
        self.unused.discard(name)
        return next(value for key, value in self.vectors if key == name)

    def bytes(self, name):
        return bytes.fromhex(self.vector(name))

    def check(self, name, computed):
        self.unused.discard(name)
        computed = computed.hex() if isinstance(computed, bytes) else computed
        values = [value for key, value in self.vectors if key == name]
        if computed not in values:
            raise AssertionError(f"{name} = {computed}, but SPEC.md says {values}")


def cells(text):
    """The cells of the NIK table with their results."""
    section = text.split("| Cell | Result |", 1)[1].split("\n\n")[0]
    found = []
    for line in section.splitlines()[2:]:
        columns = [column.strip().strip("`") for column in line.strip("|").split("|")]
        found += [(columns[0], columns[1]), (columns[3], columns[4])]
    return found


def scalar(data):
    return int.from_bytes(data, "little")


def scalar_bytes(number):
    return number.to_bytes(32, "little")


def sha512_scalar(*parts):
    return scalar(hashlib.sha512(b"".join(parts)).digest()) % curve.L


def hash_to_group(x):
    return curve.from_uniform(curve.expand_message_xmd(x, DST))


def oprf(spec):
    secret = spec.bytes("k")
    k = scalar(secret)
    public = curve.multiply(k, curve.BASE)
    pk = curve.encode(public)
    spec.check("PK", pk)
    spec.check("key id", manifests.key_id(pk))
    blinded, evaluated = [], []
    for i in range(2):
        blind = scalar(spec.bytes(f"r[{i}]"))
        point = hash_to_group(spec.bytes(f"x[{i}]"))
        blinded.append(curve.encode(curve.multiply(blind, point)))
        evaluated.append(curve.encode(curve.multiply(k, curve.decode(blinded[i]))))
        spec.check(f"C[{i}]", blinded[i])
        spec.check(f"D[{i}]", evaluated[i])
        inverse = pow(blind, curve.L - 2, curve.L)
        unblinded = curve.multiply(inverse, curve.decode(evaluated[i]))
        assert curve.encode(unblinded) == curve.encode(curve.multiply(k, point)), "unblinding"
        # The other way to blind comes to the same element.
        added = curve.add(point, curve.multiply(blind, curve.BASE))
        answer = curve.add(curve.multiply(k, added), curve.negate(curve.multiply(blind, public)))
        assert curve.encode(answer) == curve.encode(unblinded), "blinding by addition"
    spec.check("batch hash", hashlib.sha256(b"".join(blinded)).digest())

    count = len(blinded).to_bytes(4, "little")
    seed = hashlib.sha512(b"".join([b"samar batch proof v1", pk, count, *blinded, *evaluated])).digest()
    spec.check("seed", seed)
    weights = [weight(seed, i) for i in range(5)]
    for i, value in enumerate(weights):
        spec.check(f"w[{i}]", f"{value:032x}")
    m, z = weighted(weights, blinded), weighted(weights, evaluated)
    spec.check("M", curve.encode(m))
    spec.check("Z", curve.encode(z))
    t = sha512_scalar(b"samar batch nonce v1", secret, b"\x5a" * 32, seed)
    spec.check("t", scalar_bytes(t))
    t2, t3 = curve.multiply(t, curve.BASE), curve.multiply(t, m)
    spec.check("t2", curve.encode(t2))
    spec.check("t3", curve.encode(t3))
    c = challenge(seed, m, z, t2, t3)
    proof = scalar_bytes(c) + scalar_bytes((t - c * k) % curve.L)
    spec.check("proof", proof)
    # And as a verifier sees it.
    c, s = scalar(proof[:32]), scalar(proof[32:])
    t2 = curve.add(curve.multiply(s, curve.BASE), curve.multiply(c, public))
    t3 = curve.add(curve.multiply(s, m), curve.multiply(c, z))
    assert challenge(seed, m, z, t2, t3) == c, "the proof does not verify"
    return k, pk, proof


def rekeying(spec, k, pk):
    """A batch of two elements under k, taken to k'."""
    secret = spec.bytes("k'")
    public = curve.multiply(scalar(secret), curve.BASE)
    pk_next = curve.encode(public)
    spec.check("PK'", pk_next)
    spec.check("key id'", manifests.key_id(pk_next))
    q = pow(k, curve.L - 2, curve.L) * scalar(secret) % curve.L
    spec.check("q", scalar_bytes(q))
    blinded, answered = [], []
    for i in range(2):
        blind = scalar(spec.bytes(f"r[{i}]"))
        element = curve.multiply(k, hash_to_group(spec.bytes(f"x[{i}]")))
        spec.check(f"e[{i}]", curve.encode(element))
        sent = curve.add(element, curve.multiply(blind, curve.decode(pk)))
        blinded.append(curve.encode(sent))
        answered.append(curve.encode(curve.multiply(q, sent)))
        spec.check(f"rekey C[{i}]", blinded[i])
        spec.check(f"rekey D[{i}]", answered[i])
        unblinded = curve.add(curve.decode(answered[i]), curve.negate(curve.multiply(blind, public)))
        fresh = curve.multiply(scalar(secret), hash_to_group(spec.bytes(f"x[{i}]")))
        assert curve.encode(unblinded) == curve.encode(fresh), "rekeying is not evaluation under the next key"
        spec.check(f"e'[{i}]", curve.encode(unblinded))
        # The other way to blind comes to the same element.
        answer = curve.multiply(q, curve.multiply(blind, element))
        inverse = pow(blind, curve.L - 2, curve.L)
        assert curve.encode(curve.multiply(inverse, answer)) == curve.encode(fresh), "blinding by multiplication"

    count = len(blinded).to_bytes(4, "little")
    seed = hashlib.sha512(b"".join([b"samar rekey proof v1", pk, pk_next, count, *blinded, *answered])).digest()
    spec.check("rekey seed", seed)
    weights = [weight(seed, i) for i in range(2)]
    m, z = weighted(weights, blinded), weighted(weights, answered)
    spec.check("rekey M", curve.encode(m))
    spec.check("rekey Z", curve.encode(z))
    t = sha512_scalar(b"samar batch nonce v1", scalar_bytes(q), b"\x5a" * 32, seed)
    t2, t3 = curve.multiply(t, curve.decode(pk)), curve.multiply(t, m)
    spec.check("rekey t2", curve.encode(t2))
    spec.check("rekey t3", curve.encode(t3))
    c = challenge(seed, m, z, t2, t3)
    s = (t - c * q) % curve.L
    proof = scalar_bytes(c) + scalar_bytes(s)
    spec.check("rekey proof", proof)
    # And as a verifier sees it.
    t2 = curve.add(curve.multiply(s, curve.decode(pk)), curve.multiply(c, public))
    t3 = curve.add(curve.multiply(s, m), curve.multiply(c, z))
    assert challenge(seed, m, z, t2, t3) == c, "the proof does not verify"

    extension = Reader(spec.example("rotation"))
    number, rotation = extension.u16(), extension.bytes()
    extension.end()
    assert (number, rotation[:8], rotation[8:40]) == (1, manifests.key_id(pk), pk), "the rotation's example"
    assert int.from_bytes(rotation[40:], "little") == 1_797_920_125
    (known,) = manifests.details(spec.example("breach-details"))
    assert (known.breach, known.kinds, known.records) == ("toko-2023", [1, 3], 100_000_000), "the example of details"
    return proof


def weight(seed, i):
    block = hashlib.sha512(b"samar batch weights v1" + seed + (i // 4).to_bytes(4, "little")).digest()
    return scalar(block[16 * (i % 4) : 16 * (i % 4) + 16])


def weighted(weights, elements):
    total = curve.IDENTITY
    for factor, element in zip(weights, elements):
        total = curve.add(total, curve.multiply(factor, curve.decode(element)))
    return total


def challenge(seed, *points):
    return sha512_scalar(b"samar batch challenge v1", seed, *map(curve.encode, points))


def element_of(k, normalised, kind="nik"):
    return curve.encode(curve.multiply(k, hash_to_group(oprf_input(normalised, kind))))


def oprf_input(normalised, kind="nik"):
    return b"samar id v1" + bytes([kinds.BYTE[kind]]) + normalised.encode()


def tag_of(element):
    return hashlib.sha256(b"samar tag v1" + element).digest()


def identifiers(spec, k):
    for kind, cell, result in spec.cells:
        assert kinds.read(kind, cell) == result, f"{kind} {cell!r} is {kinds.read(kind, cell)}, SPEC.md says {result}"
    assert spec.example("input-email") == oprf_input("budi@example.com", "email")
    for kind, cell in [
        ("phone", "0812-3456-7890"), ("email", "Budi@example.com"), ("kk", "32.01.01.170317.0003"), ("npwp", "09.254.294.3-407.000"),
    ]:
        spec.check(f"{kind} element", element_of(k, kinds.read(kind, cell), kind))
    x = oprf_input(nik.read("'3201 0101.0190-0001"))
    spec.check("input", x)
    assert spec.example("input") == x
    spec.check("uniform", curve.expand_message_xmd(x, DST))
    spec.check("H(x)", curve.encode(hash_to_group(x)))
    element = element_of(k, "3201010101900001")
    spec.check("element", element)
    spec.check("tag", tag_of(element))


def locator(spec):
    tag, salt, entries, label_bits = b"\x11" * 32, b"\x22" * 16, 279_000_000, 12
    bucket, remainder, pad = segments.locate(tag, salt, entries, label_bits)
    spec.check("h[0..13]", hashlib.sha256(tag + salt).digest()[:13])
    spec.check("key", f"{bucket << 40 | remainder:x}")
    spec.check("bucket", f"{bucket:x}")
    spec.check("remainder", f"{remainder:x}")
    spec.check("pad", f"{pad:x}")


def segment_example(spec):
    block, listing = spec.example("segment-header"), spec.example("segment-directory")
    head = segments.header(block)
    assert (head.kind, head.entries, head.breach_id, head.label_bits) == (1, 1, "bpjs-2021", 1)
    assert head.extensions == [(0x0102, b"\xaa\xbb\xcc")]
    spec.check("example root", segments.root(block, listing))
    (place,) = segments.directory(listing, head)
    assert segments.page(spec.example("segment-page"), place, 1) == [(0, 0x0102030405, 1)]


def publication(spec, k, pk):
    """The example manifest, the segment that it names, and the vault it was made of."""
    publisher_key = spec.bytes("publisher key")
    seed = operator_files.key_file(spec.example("key-file"), 2)
    digest = bytearray(hashlib.sha512(seed).digest()[:32])
    digest[0], digest[31] = digest[0] & 248, digest[31] & 127 | 64
    point = curve.multiply(scalar(digest), curve.ED25519_BASE)
    assert curve.ed25519_encode(point) == publisher_key, "publisher key"

    chain = manifests.Chain(publisher_key)
    manifest = chain.accept(spec.example("manifest"))
    spec.check("manifest hash", manifest.hash)
    assert manifest.public_key == pk
    (breach,) = manifest.breaches
    (reference,) = breach.segments
    spec.check("small root", reference.root)
    data = b"".join(spec.example(f"small-{part}") for part in ("header", "page", "directory"))
    segment = segments.Segment(data, breach, reference, manifest.key_id)
    salt = segments.header(spec.example("small-header")).salt
    lookups.example(salt, spec.example("small-directory"), spec.example("small-page"), spec.check)
    key_id, name, exposes, varies, elements = operator_files.vault(spec.example("vault"))
    assert (key_id, name, exposes, varies) == (manifest.key_id, breach.id, breach.exposes, breach.varies)
    assert len(spec.tags) == len(elements) == 3
    for digits, tag, key, bucket, pad, label in spec.tags:
        element = element_of(k, digits)
        assert elements[element] == label, f"label of {digits} in the vault"
        assert tag_of(element) == tag, f"tag of {digits}"
        found = segments.locate(tag, segment.header.salt, 3, 1)
        assert found == (bucket, key % 2**40, pad) and key >> 40 == bucket, f"locator of {digits}"
        assert segment.look_up(tag) == label, f"label of {digits}"
    assert segment.look_up(b"\x5a" * 32) is None
    refusals(data, breach, reference, manifest, spec.example("manifest"), publisher_key)


def refusals(data, breach, reference, manifest, signed, publisher_key):
    """A changed byte is refused by hash or signature, and a sound manifest that does not follow the one before."""

    def whole(at, value):
        segments.Segment(changed(data, at, value), breach, reference, manifest.key_id)

    refused("R-PAGE-1", lambda: whole(12_000, 1))
    refused("R-SEG-1", lambda: whole(30, 0))
    refused("R-SEG-1", lambda: whole(len(data) - 1, 0))
    refused("R-SEG-6", lambda: whole(len(data), 0))
    refused("R-SEG-8", lambda: whole(44, 4))

    refused("R-MAN-1", lambda: manifests.manifest(changed(signed, 8, 2), publisher_key))
    for at in (10, 73, 74, len(signed) - 1):
        refused("R-MAN-2", lambda: manifests.manifest(changed(signed, at, signed[at] ^ 1), publisher_key))
    refused("R-MAN-6", lambda: manifests.Chain(publisher_key, 2, bytes(32)).accept(signed))
    refused("R-MAN-7", lambda: manifests.Chain(publisher_key, 0, b"\1" * 32).accept(signed))


def changed(data, at, value):
    return data[:at] + bytes([value]) + data[at + 1 :]


def refused(rule, read):
    try:
        read()
    except Refused as refusal:
        assert refusal.rule == rule, f"{refusal}, not {rule}"
        return
    raise AssertionError(f"nothing was refused, not even for {rule}")


def mistakes(spec):
    """The vectors of what must be refused that are files, and cells: each breaks its rule here too. How many there were."""
    (breach,) = manifests.manifest(spec.example("manifest"), spec.bytes("publisher key")).breaches
    (reference,) = breach.segments
    key_id = manifests.key_id(spec.bytes("PK"))

    def whole(data, root=None):
        """A segment under a manifest that agrees with its header, or under another root than it has."""
        block, head = data[:8_192], segments.header(data[:8_192])
        listing = data[head.file_bytes() - 36 * head.pages :]
        found = segments.root(block, listing)
        if root not in (None, found):
            raise Refused("R-SEG-1", "root")
        for number, place in enumerate(segments.directory(listing, head), start=1):
            segments.page(data[8_192 * number :][:8_192], place, head.label_bits)

    def described(data):
        own = dataclasses.replace(reference, root=segments.root(data[:8_192], data[16_384:]))
        segments.Segment(data, breach, own, key_id)

    readers = {
        "manifest": lambda data: manifests.Chain(spec.bytes("publisher key")).accept(data),
        "segment": whole,
        f"segment of root {reference.root.hex()}": lambda data: whole(data, reference.root),
        "segment that the manifest describes otherwise": described,
        "header and directory": lambda data: segments.directory(data[8_192:], segments.header(data[:8_192])),
        "OPRF key file": lambda data: operator_files.key_file(data, 1),
        "publisher key file": lambda data: operator_files.key_file(data, 2),
        "account log": operator_files.account_log,
        "vault": operator_files.vault,
        "query over 3 pages": lambda data: lookups.query(data, 3),
        "hint": lambda data: lookups.hint(data, 2_048, hash_blake3(b"samar lookup hint v1", data)),
        f"hint of hash {'5a' * 32}": lambda data: lookups.hint(data, 2_048, b"\x5a" * 32),
    }
    count = 0
    for path in sorted((SPEC.parent / "protocol/vectors/refused").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        rule, reads_as, refused_as, _ = re.findall(r"^# [a-z ]+: (.*)$", text, re.M)[:4]
        data = parse_hex(text)
        if reads_as == "cell" or reads_as.endswith(" cell"):
            read = kinds.read(reads_as.removesuffix("cell").strip() or "nik", data.decode())
            assert read == refused_as, f"{path.name}: {read}"
        elif reads_as in readers:
            try:
                refused(rule, lambda: readers[reads_as](data))
            except AssertionError as error:
                raise AssertionError(f"{path.name}: {error}") from None
        else:
            continue
        count += 1
    return count


def messages(spec, proof, rekey_proof):
    note = Reader(spec.example("lookup-note"))
    assert (note.u16(), note.u16(), note.u16(), note.take(32)) == (1, 34, 1, b"\x5a" * 32)
    note.end()
    read = {}
    for name, (kind, fields) in MESSAGES.items():
        data = spec.example(name)
        assert data[0] == 1 and data[1] == kind, name
        assert int.from_bytes(data[2:6], "little") == len(data) - 6, f"{name}: control length"
        reader = Reader(data[6:])
        read[name] = fields(reader)
        extensions = reader.extensions()
        reader.end()
        assert extensions == ([(7, b"\x01\x02\x03")] if name == "manifest-3" else []), name
    assert read["manifest-3"] == (3,) and read["manifest-newest"] == (None,)
    assert read["fetch"] == (b"\x11" * 32, 8_192, 65_536)
    assert read["evaluate"] == (1, b"KEYIDKEY", 2, 3)
    assert read["hint"] == (b"\x11" * 32, 2_097_152, 2_097_152) and read["hint-sent"] == (2_097_152,)
    assert read["lookup"] == (b"\x11" * 32, 3) and read["looked-up"] == (8_192,)
    assert read["evaluated"] == (2, proof, 2)
    assert read["rekey"] == (1, b"KEYIDKEY", b"NEXTKEY!", 3, 2)
    assert read["rekeyed"] == (2, rekey_proof, 0)
    assert read["allowance-sent"] == (10_000_000, 100_000_000, 4_096, 8_192, 1_795_996_800)
    assert read["refusal"] == (13, "the server is busy", 1_000)


def log(spec):
    joined, debit = operator_files.account_log(spec.example("account-log"))
    assert joined[:3] == ("joined", 1_795_328_148, "bank-a")
    assert debit[:3] == ("debit", 1_795_328_151, "bank-a") and debit[4] == 4
    found = operator_files.checkpoint(spec.example("checkpoint"), spec.example("account-log"))
    accounts, batches, keys, tokens = found
    assert accounts == {"bank-a": (debit[1] // 86_400, 4, 4)} and batches == {("bank-a", 0): [debit[3]]}
    assert keys == {joined[4]: ("bank-a", joined[1])} and tokens == {joined[3]: joined[4]}


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else SPEC
    spec = Spec(path.read_text(encoding="utf-8"))
    try:
        k, pk, proof = oprf(spec)
        identifiers(spec, k)
        locator(spec)
        segment_example(spec)
        publication(spec, k, pk)
        messages(spec, proof, rekeying(spec, k, pk))
        log(spec)
        refusals_seen = mistakes(spec)
        assert not spec.unused, f"never looked at: {sorted(spec.unused)}"
    except (AssertionError, Refused) as error:
        print(f"vectors: {error}", file=sys.stderr)
        return 1
    print(f"{len(spec.vectors)} vectors, {len(spec.examples)} byte examples, {len(spec.cells)} cells: as SPEC.md says")
    print(f"{refusals_seen} vectors of what must be refused are")
    return 0


if __name__ == "__main__":
    sys.exit(main())
