"""What can be wrong with a file: each mistake in an example of SPEC.md."""

import re

from annotated import SPEC, Annotated, account_log, checked, segment, signed, string, u16, u32, u64, vault
from mistakes import BAD_ELEMENTS, CRITICAL, DESCENDING, KEY_ID, ORDER, PUBLIC_KEY

MANIFEST = Annotated.example("manifest")
HEADER, PAGE = Annotated.example("small-header"), Annotated.example("small-page")
KEY_FILE, LOG, VAULT = Annotated.example("key-file"), Annotated.example("account-log"), Annotated.example("vault")
BREACH, AFTER_BREACH = MANIFEST.at("id:"), MANIFEST.at("no next publisher key")

DETAILS = Annotated.example("breach-details")
DETAILS_MISTAKES = [
    ("cut", DETAILS.drop("source"), "not a valid breach details: it ends early", "The source is missing."),
    ("breach", DETAILS.put("breach", string("toko-2024")), "breach details: a breach that the manifest does not name", "Of another breach."),
    ("no-kind", DETAILS.put("kinds", u64(0)), "breach details: no kind of identifier, or too many", "No kind."),
    ("kinds", DETAILS.put("kinds", f"{u64(2)} 0301"), "breach details: kinds of identifiers are not in ascending order", "Kinds that descend."),
    ("kind-0", DETAILS.put("kinds", f"{u64(1)} 00"), "breach details: a kind of identifier is 0", "A kind that is none."),
    ("description", DETAILS.put("description", string("a\nb")), "breach details: the description is too long or not printable", "Two lines."),
    ("added", DETAILS.put("added", string("soon")), "breach details: the date of addition is not YYYY, YYYY-MM or YYYY-MM-DD", "A date that is none."),
    ("modified", DETAILS.put("modified", string("2023-13")), "breach details: the date of change is not YYYY, YYYY-MM or YYYY-MM-DD", "A date that is none."),
    ("flags", DETAILS.put("flags", "02"), "breach details: a flag that is not defined", "A flag that is not defined."),
    ("source", DETAILS.put("source", string("x" * 257)), "breach details: the source is too long or not printable", "A source of 257 bytes."),
]


def manifests(case):
    """Manifests that the publisher signed, wrong in one field."""

    def manifest(name, refused, wrong, of, sign=signed):
        case(name, "manifest", refused, "5", wrong, sign(of))

    def as_is(of):
        return of

    def field(name, reason, note, code, wrong):
        manifest(f"R-MAN-3-{name}", f"manifest: {reason}", wrong, MANIFEST.put(note, code, note))

    def of_breach(name, reason, note, code, wrong):
        manifest(f"R-MAN-3-{name}", f"breach of a manifest: {reason}", wrong, MANIFEST.put(note, code, note))

    magic = "not a Samar manifest of version 1"
    manifest("R-MAN-1-magic", magic, "Another magic.", MANIFEST.put("magic", "53414d4152534547 0100", "magic, version"), as_is)
    manifest("R-MAN-1-version", magic, "Version 2.", MANIFEST.put("magic", "53414d41524d414e 0200", "magic, version"), as_is)
    short = Annotated(MANIFEST.lines[:2])
    manifest("R-MAN-1-short", magic, "No whole signature.", short, as_is)
    signature = "the signature is not by the pinned publisher key"
    manifest("R-MAN-2-body", signature, "A body that was changed after it was signed.", MANIFEST.put("created", u64(1_795_328_126)), as_is)
    manifest("R-MAN-2-key", signature, "Signed by another key.", MANIFEST, lambda of: signed(of, b"\x08" * 32))
    manifest("R-MAN-2-context", signature, "Signed without the label.", MANIFEST, lambda of: signed(of, context=b""))
    small = MANIFEST.put("signature: R", "01 00*31", "signature: R, the identity")
    manifest("R-MAN-2-small-order", signature, "An R of small order.", small, as_is)

    name = "the operator's name is empty, too long or not printable"
    field("no-operator", name, "operator", string(""), "An operator without a name.")
    field("operator-escape", name, "operator", string("\x1b[2J"), "A name that clears the screen.")
    field("operator-long", name, "operator", string("x" * 65), "A name of 65 bytes.")
    epoch_0 = MANIFEST.put("epoch", u64(0))
    manifest("R-MAN-3-epoch", "manifest: epochs are counted from 1", "Epoch 0.", epoch_0)
    field("previous", "only epoch 1 has no previous manifest", "previous", "11*32", "Epoch 1 with a previous manifest.")
    validity = "valid-until is before its creation or over a year after"
    field("ends-before", validity, "valid until", u64(1_795_328_124), "Valid until before it was created.")
    field("ends-late", validity, "valid until", u64(1_795_328_125 + 31_622_401), "Valid for a second more than 366 days.")
    suite = "an OPRF suite that this version does not know; update Samar"
    field("suite", suite, "suite", u16(2), "A suite other than 1.")
    breach_id = "the id is not lower-case letters, digits and inner hyphens"
    for variant, text in [("empty", ""), ("upper", "Toko-2023"), ("hyphen", "toko-"), ("path", "../toko"), ("long", "x" * 65)]:
        of_breach(f"id-{variant}", breach_id, "id:", string(text), f"A breach id: {text or 'none'}.")
    title = "the title is empty, too long or not printable"
    for variant, text in [("empty", ""), ("line", "a\nb"), ("long", "x" * 257)]:
        of_breach(f"title-{variant}", title, "title", string(text), "A title that is no line of 1 to 256 bytes.")
    date = "the date is not YYYY, YYYY-MM or YYYY-MM-DD"
    for text in ["", "2023-02-29", "2023-13", "1899", "2023-1-15", "2023-01-15-"]:
        of_breach(f"date-{text or 'empty'}", date, "date", string(text), "A date that is none of the calendar.")
    many = " ".join([u64(33)] + [string(f"c{i}") for i in range(33)])
    of_breach("varies", "too many varying classes for a label", "varies", many, "33 classes vary.")
    many = " ".join([u64(64)] + [string(f"c{i}") for i in range(64)])
    of_breach("classes", "too many data classes", "exposes", many, "65 data classes.")
    data_class = "a data class is not lower-case letters, digits and underscores"
    of_breach("class", data_class, "exposes", f"{u64(1)} {string('E-mail')}", "A data class: E-mail.")
    of_breach("no-class", data_class, "exposes", f"{u64(1)} {string('')}", "A data class without a name.")
    place = MANIFEST.at("root")
    reference = MANIFEST.lines[place : place + 5]
    segments = Annotated([*MANIFEST.lines[:place], *reference * 65, *MANIFEST.lines[place + 5 :]])
    too_many = "breach of a manifest: too many segments; the operator must compact"
    manifest("R-MAN-3-segments", too_many, "65 segments.", segments.put("one segment", u64(65), "65 segments"))
    of_breach("entries", "a segment has too many entries", "entries", u64(2**32), "2^32 entries.")
    of_breach("page-bytes", "a segment has an unknown page size", "page bytes", u32(1_024), "Pages of 1,024 bytes.")

    manifest("R-MAN-4", "manifest: the key id is not that of the public key", "Another key id.", MANIFEST.put("key id", "00*8"))
    breach = MANIFEST.lines[BREACH:AFTER_BREACH]
    for variant, first in [("order", "z"), ("twice", "toko-2023")]:
        lines = [*MANIFEST.lines[:BREACH], (string(first), f"id: {first}"), *breach[1:], *MANIFEST.lines[BREACH:]]
        two = Annotated(lines).put("one breach", u64(2), "two breaches")
        how = "manifest: breaches are not in ascending order of id"
        manifest(f"R-MAN-5-{variant}", how, f"Breaches {first} and toko-2023.", two)
    how = "breach of a manifest: a data class is named twice"
    manifest("R-MAN-5-class", how, "A class that every entry and some entries expose.", MANIFEST.put("exposes", f"{u64(1)} {string('photo')}"))
    how = "manifest: the next publisher key is not an Ed25519 key"
    for variant, key, wrong in [("no-point", "02*32", "on no point"), ("small-order", "00*32", "a point of order 4")]:
        next_key = MANIFEST.put("no next", f"01 {key}", "next publisher key")
        manifest(f"R-MAN-11-{variant}", how, f"A next publisher key that is {wrong}.", next_key)
    def rotation(key_id, key, until):
        return MANIFEST.put("no extensions", f"{u64(1)} 0100 {u64(8 + len(key) // 2 + 8)} {key_id} {key} {u64(until)}", "a rotation")

    how = "manifest: the rotation is not a key id, its key and a time"
    other, other_id = "96c10850fac0caf5eea713ad3080f929a8d52f3e4e49fc2569aee21f1fcfc11f", "64bd75a16176818d"
    soon = 1_795_328_126
    manifest("R-MAN-12-length", how, "A rotation with half a key.", rotation(other_id, other[:32], soon))
    manifest("R-MAN-12-id", how, "The id of another key.", rotation("00*8", other, soon))
    manifest("R-MAN-12-identity", how, "The identity as previous key.", rotation(other_id, "00" * 32, soon))
    how = "manifest: the rotation leads from the key to the same key"
    manifest("R-MAN-12-same", how, "A rotation from the manifest's own key.", rotation(KEY_ID, PUBLIC_KEY, soon))
    how = "manifest: the rotation ends before the manifest was made or over a year after"
    for variant, until in [("early", 1_795_328_124), ("late", 1_795_328_126 + 31_622_400)]:
        manifest(f"R-MAN-12-{variant}", how, f"A grace time that ends too {variant}.", rotation(other_id, other, until))
    for variant, known, how, wrong in DETAILS_MISTAKES:
        data = known.data()
        extension = (f"{u64(1)} 0200 {u64(len(data))} {data.hex()}", "breach details")
        of = Annotated(MANIFEST.lines[:-1]).then(extension)
        manifest(f"R-MAN-13-{variant}", how, wrong, of)
    how = "manifest: the OPRF public key is not a canonical element"
    for variant, (code, what, _) in BAD_ELEMENTS.items():
        manifest(f"R-OPRF-7-{variant}", how, f"An OPRF public key that is {what}.", MANIFEST.put("OPRF public key", code))

    cut = "not a valid manifest: it ends early"
    manifest("R-CODEC-1-manifest", cut, "The list of extensions is missing.", MANIFEST.drop("no extensions"))
    after = MANIFEST.then(("00", "one byte more"))
    manifest("R-CODEC-2-manifest", "1 bytes too many after the manifest", "A byte after the structure.", after)
    variant = "not a valid manifest: a choice in it is none of those that there are"
    manifest("R-CODEC-3-variant", variant, "A status that is none.", MANIFEST.put("status", u32(4)))
    utf8 = "not a valid manifest: a text in it is not UTF-8"
    manifest("R-CODEC-3-utf8", utf8, "A title that is not UTF-8.", MANIFEST.put("title", string(b"\xff")))
    critical = "manifest: a critical extension that this version does not know; update Samar"
    order = "manifest: extension ids do not ascend"
    for variant, extensions, how in [("critical", CRITICAL, critical), ("descending", DESCENDING, order)]:
        lines = Annotated(MANIFEST.lines[:-1]).then(*extensions)
        manifest(f"R-CODEC-5-manifest-{variant}", how, "An extension that must be refused.", lines)


def segments(case):
    """Segments that a manifest names, wrong in one place. The manifest is that of SPEC.md with their root."""

    def served(name, refused, wrong, of):
        case(name, "segment", refused, "5", wrong, of)

    def header(name, refused, wrong, *changes):
        of = HEADER
        for note, code in changes:
            of = of.put(note, code, note)
        served(name, refused, wrong, segment(of, PAGE.lines))

    def page(name, refused, wrong, of):
        served(name, f"page 0: {refused}", wrong, segment(HEADER, of.lines))

    example = "7bae53a3566db04d40c7cac1e579efbe4839babc1c024d6de0fde43da8b6bbe7"
    for variant, of, found in [
        ("salt", HEADER.put("salt", "00*16"), "SALT"),
        ("directory", None, "DIRECTORY"),
    ]:
        listing = [("00000000", "first bucket"), ("00*32", "hash of the page: another")] if of is None else None
        whole = segment(of or HEADER, PAGE.lines, listing)
        how = f"have root {root_of(whole)}, not {example}: fetch the segment again"
        case(f"R-SEG-1-{variant}", f"segment of root {example}", f"header and directory {how}", "5", f"Another {variant} under the same root.", whole)

    start = HEADER.lines[0][1]
    magic = "this is not a Samar segment: it does not begin with SAMARSEG"

    def prefix(name, refused, wrong, code):
        header(name, refused, wrong, (start, code))

    prefix("R-SEG-2-magic", magic, "Another magic.", "53414d415253454b 0100 0100 00 01 0000")
    known = "is not known; this program reads version 1"
    prefix("R-SEG-2-version", f"segment version 2 {known}", "Version 2.", "53414d4152534547 0200 0100 00 01 0000")
    prefix("R-SEG-2-suite", "OPRF suite 257 is not known; this program knows suite 1", "Suite 257.", "53414d4152534547 0100 0101 00 01 0000")
    prefix("R-SEG-2-kind", "segment kind 3 is not known", "Kind 3.", "53414d4152534547 0100 0100 03 01 0000")
    prefix("R-SEG-2-label-bits", "labels of 33 bits: at most 32 are allowed", "33 label bits.", "53414d4152534547 0100 0100 00 21 0000")
    sizes = "bytes: 2048, 4096, 8192 or 16384 are allowed"
    header("R-SEG-2-page-bytes", f"pages of 1024 {sizes}", "Pages of 1,024 bytes.", ("pages of", u32(1_024)))
    prefix("R-SEG-3-reserved", "the header's reserved field is not 0", "A reserved field in use.", "53414d4152534547 0100 0100 00 01 0100")
    padding = Annotated([*HEADER.lines[:-1], ("00*8124 01", "padding: its last byte is 1")])
    served("R-SEG-3-padding", "the header's padding is not 0", "Padding that is not 0.", segment(padding, PAGE.lines))
    counts = "N = 3, one page"
    header("R-SEG-4-entries", "4294967296 entries: at most 4294967295 are allowed", "2^32 entries.", (counts, f"{u64(2**32)} {u32(1)}"))
    for variant, entries, pages, wrong in [
        ("no-page", 3, 0, "Entries without pages."), ("no-entry", 0, 1, "Pages without entries."),
        ("many", 3, 2, "More pages than packing can make."), ("most", 3, 2**32 - 1, "2^32 - 1 pages."),
    ]:
        how = f"{pages} pages cannot hold {entries} entries"
        header(f"R-SEG-4-{variant}", how, wrong, (counts, f"{u64(entries)} {u32(pages)}"))
    breach_id = "a breach id is 1 to 64 of a-z, 0-9 and '-', without '-' at either end"
    for variant, text in [("upper", b"Toko-2023"), ("hyphen", b"-oko-2023"), ("path", b"../../etc"), ("utf8", b"\xffoko-2023")]:
        header(f"R-SEG-5-id-{variant}", breach_id, "A breach id that is none.", ('"toko-2023"', f"09 {text.hex()}"))
    empty = Annotated(HEADER.put('"toko-2023"', "00", "no breach id").lines[:-1]).then(("00*8134", ""))
    served("R-SEG-5-id-empty", breach_id, "An empty breach id.", segment(empty, PAGE.lines))
    for variant, code, how, wrong in [
        ("critical", "01 0180 0000", "header extension 0x8001 is critical and not known: update this program", "A critical extension."),
        ("descending", "02 0200 0000 0100 0000", "header extensions are not in strictly ascending order at id 0x0001", "Ids that descend."),
        ("twice", "02 0100 0000 0100 0000", "header extensions are not in strictly ascending order at id 0x0001", "An id that repeats."),
        ("past", "01 0100 ffff", "the header's fields do not fit its block", "An extension past the end of the block."),
    ]:
        used = len(Annotated([(code, "")]).data()) - 1
        lines = HEADER.put("no extensions", code, "extensions").lines[:-1]
        of = Annotated(lines).then((f"00*{8_125 - used}", "padding"))
        served(f"R-SEG-5-{variant}", how, wrong, segment(of, PAGE.lines))
    note = "the header's note of private lookups cannot be read, or the segment is no base"
    base, add = "53414d4152534547 0100 0100 00 01 0000", "53414d4152534547 0100 0100 01 01 0000"
    for variant, kind, code, wrong in [
        ("empty", base, "01 0100 0000", "A note of no byte."),
        ("short", base, "01 0100 2100 0100 5a*31", "A hash of 31 bytes."),
        ("long", base, "01 0100 2300 0100 5a*33", "A hash of 33 bytes."),
        ("kind", add, "01 0100 2200 0100 5a*32", "The hint of an addition."),
    ]:
        used = len(Annotated([(code, "")]).data()) - 1
        lines = HEADER.put(start, kind, start).put("no extensions", code, "a note of a hint").lines[:-1]
        of = Annotated(lines).then((f"00*{8_125 - used}", "padding"))
        served(f"R-LOOK-6-{variant}", note, wrong, segment(of, PAGE.lines))
    how = "the header block has 8192 bytes, not 4096"
    header("R-SEG-6-block", how, "A header block of another length than the pages it announces.", ("pages of", u32(4_096)))
    for variant, listing, how in [
        ("cut", [("00000000", "first bucket"), ("00*31", "a hash of 31 bytes")], "the directory has 35 bytes, not 36"),
        ("longer", [("00000000", "first bucket"), ("00*33", "a hash of 33 bytes")], "the directory has 37 bytes, not 36"),
    ]:
        case(f"R-SEG-6-directory-{variant}", "header and directory", how, "5", "A directory of another length.", Annotated([*HEADER.lines, *listing]))
    three = HEADER.put(counts, f"{u64(4_000)} {u32(3)}", "N = 4,000, three pages")
    for variant, firsts, how in [
        ("first", (1, 1_000, 2_000), "the first page begins at bucket 1, not 0"),
        ("descend", (0, 2_000, 1_000), "page 2 does not begin above the page before it"),
        ("repeat", (0, 1_000, 1_000), "page 2 does not begin above the page before it"),
        ("beyond", (0, 1_000, 4_000), "page 2 begins at bucket 4000, but there are 4000 buckets"),
    ]:
        listing = [line for first in firsts for line in [(u32(first), f"first bucket: {first}"), ("00*32", "hash")]]
        served(f"R-SEG-7-{variant}", how, f"Pages that begin at buckets {firsts}.", segment(three, [("00*24576", "three pages")], listing))

    for field, changes, variant in [
        ("kind", [(start, "53414d4152534547 0100 0100 01 01 0000")], "kind"),
        ("number of entries", [(counts, f"{u64(4)} {u32(1)}")], "entries"),
        ("breach", [('"toko-2023"', "09" + b"toko-2024".hex())], "breach"),
        ("OPRF key", [("key id", "00*8")], "key"),
        ("label width", [(start, "53414d4152534547 0100 0100 00 02 0000")], "label-bits"),
    ]:
        of = HEADER
        for note, code in changes:
            of = of.put(note, code, note)
        how = f"its {field} is not what the manifest says"
        case(f"R-SEG-8-{variant}", "segment that the manifest describes otherwise", how, "5", f"Another {field} than the manifest names.", segment(of, PAGE.lines))
    two = Annotated([("0200", "count: 2"), ("05", "unary 1010 0"), ("00*8178", ""), ("01", "labels"), ("d9b0cbc912 0e7fadae75", "remainders")])
    how = "its pages hold 2 entries, not 3"
    case("R-SEG-9", "segment that the manifest describes otherwise", how, "5", "A sound page without one of the entries.", segment(HEADER, two.lines))

    changed = PAGE.put("label XOR", "04", "another label")
    whole = Annotated([*HEADER.lines, *changed.lines, *segment(HEADER, PAGE.lines).lines[-2:]])
    how = "page 0 does not match its hash in the directory: fetch it again"
    served("R-PAGE-1", how, "A page that was changed under its hash.", whole)
    page("R-PAGE-2", "4099 entries in 3 buckets do not fit a page", "A count past the page.", PAGE.put("count", u16(4_099)))
    page("R-PAGE-3", "the unary part has 2 entries, but the page says 3", "An entry less than the count.", PAGE.put("unary", "11", "unary 10001 0"))
    page("R-PAGE-4", "the page's last bucket is not closed", "A last bucket that is not closed.", PAGE.put("unary", "25", "unary 10100 1"))
    page("R-PAGE-5-unary", "the page's padding is not 0", "An unused bit of the unary part.", PAGE.put("unary", "55", "unary 10101 0, then a 1"))
    page("R-PAGE-5-padding", "the page's padding is not 0", "Padding that is not 0.", PAGE.put("", "01 00*8172", "padding"))
    page("R-PAGE-5-labels", "the padding after the page's labels is not 0", "An unused bit of the labels.", PAGE.put("label XOR", "0d", "labels 1, 0, 1, then a 1"))
    how = "entry 2 of the page does not stand above the one before it in its bucket"
    page("R-PAGE-6", how, "Three entries in one bucket, the last below the one before it.", PAGE.put("unary", "07", "unary 11100 0"))


def root_of(whole):
    from segment import root

    data = whole.data()
    return root(data[:8_192], data[16_384:]).hex()


def key_files(case):
    """Key files that a server does not start with."""

    def key(name, refused, wrong, of, check=True, purpose="OPRF"):
        case(name, f"{purpose} key file", refused, "6", wrong, checked(of.drop("check"), 8) if check else of)

    oprf = KEY_FILE.put("magic", "53414d41524b4559 0100 01 00", "magic, version, OPRF key, unprotected")
    none = "is not a Samar key file of version 1"
    key("R-KEY-1-magic", none, "Another magic.", oprf.put("magic", "53414d4152564c54 0100 01 00", "magic, version, OPRF key, unprotected"))
    key("R-KEY-1-version", none, "Version 2.", oprf.put("magic", "53414d41524b4559 0200 01 00", "magic, version, OPRF key, unprotected"))
    length = "is cut short or too long"
    key("R-KEY-1-short", length, "A key of 31 bytes.", oprf.put("seed", "07*31", "key"))
    key("R-KEY-1-long", length, "A key of 33 bytes.", oprf.put("seed", "07*33", "key"))
    key("R-KEY-1-check", "is damaged: its checksum does not match", "Another check.", oprf.put("check", "00*8"), False)
    key("R-KEY-1-purpose", "holds a key for another purpose", "A publisher key where the OPRF key should be.", KEY_FILE)
    key("R-KEY-1-purpose-publisher", "holds a key for another purpose", "An OPRF key where the publisher key should be.", oprf, purpose="publisher")
    protected = oprf.put("magic", "53414d41524b4559 0100 01 02", "magic, version, OPRF key, protection 2")
    key("R-KEY-1-protection", "is protected in a way that this version does not know; update Samar", "A protection that is none of version 1.", protected)
    sealed = oprf.put("magic", "53414d41524b4559 0100 01 01", "magic, version, OPRF key, under a passphrase")
    header = "07*32 00000100 03000000 04000000 5a*16 5b*24"
    key("R-KEY-1-sealed-short", length, "No encrypted key, only its tag.", sealed.put("seed", header + " 00*16", "key"))
    costly = header.replace("00000100", "01001000")
    key("R-KEY-1-cost", "asks for more work than any key file of this version: its header is damaged", "A gibibyte and a kibibyte of memory.", sealed.put("seed", costly + " 00*48", "key"))
    scalar = "not a canonical non-zero ristretto255 scalar"
    key("R-OPRF-8-zero", scalar, "The scalar 0.", oprf.put("seed", "00*32", "key"))
    key("R-OPRF-8-order", scalar, "The order of the group.", oprf.put("seed", ORDER, "key"))


def logs(case):
    """Account logs that are damaged, not torn."""
    joined, debit = LOG.lines[2:7], LOG.lines[9:14]

    def log(name, at, number, refused, wrong, of):
        of_record = f", record {number}" if number else ""
        case(name, "account log", f"is damaged at byte {at}{of_record}: {refused}", "6", wrong, of)

    sound = account_log(joined, debit)
    assert sound.data() == LOG.data()
    magic = "it does not open as an account log of version 1"
    log("R-LOG-1-magic", 0, 0, magic, "Another magic.", sound.put("magic", "53414d4152564c54 0100", "magic, version"))
    log("R-LOG-1-version", 0, 0, magic, "Version 2.", sound.put("magic", "53414d41524c4f47 0200", "magic, version"))
    changed = "it does not match the chain: it or one before it was changed"
    spent = sound.put('SHA-256 of the token', "00*32")
    log("R-LOG-1-record", 10, 1, changed, "A record that was changed.", spent)
    first = account_log(joined).lines[1:]
    swapped = Annotated([sound.lines[0], *sound.lines[8:], *first])
    log("R-LOG-1-swapped", 10, 1, changed, "Records in another order.", swapped)
    longer = sound.put("90 bytes", "5b80 a57f", "91 bytes, and the complement of 90")
    log("R-LOG-1-length", 10, 1, "its length was changed", "A length that its complement contradicts.", longer)
    empty = sound.put("90 bytes", "0080 ff7f", "no byte")
    log("R-LOG-1-empty", 10, 1, "its length was changed", "A record of no byte.", empty)

    def record(name, refused, wrong, body):
        log(name, 10, 1, refused, wrong, account_log(body, debit))

    cut = "not a valid account record: it ends early"
    record("R-CODEC-1-record", cut, "A debit without its count.", debit[:-1])
    record("R-CODEC-2-record", "1 bytes too many after the account record", "A byte after the structure.", [*debit, ("00", "one byte more")])
    variant = "not a valid account record: a choice in it is none of those that there are"
    record("R-CODEC-3-record", variant, "A record of no kind that there is.", [(u32(255), "variant 255"), *debit[1:]])
    name = "account record: the bank's name is empty or too long"
    for case_name, text in [("empty", ""), ("long", "x" * 65)]:
        body = Annotated(debit).put('"bank-a"', string(text), f"name: {len(text)} bytes").lines
        record(f"R-LOG-2-{case_name}", name, f"A bank's name of {len(text)} bytes.", body)


def vaults(case):
    """Vaults that are damaged."""
    header, records = VAULT.lines[2:6], VAULT.lines[6:12]

    def damaged(name, refused, wrong, of):
        case(name, "vault", f"is damaged: {refused}", "6", wrong, of)

    assert vault(header, records).data() == VAULT.data()
    sound = vault(header, records)
    damaged("R-VLT-1-magic", "it is no vault of version 1", "Another magic.", sound.put("magic", "53414d41524c4f47 0100", "magic, version"))
    damaged("R-VLT-1-version", "it is no vault of version 1", "Version 2.", sound.put("magic", "53414d4152564c54 0200", "magic, version"))
    damaged("R-VLT-1-cut", "it is cut short", "Without the last byte.", sound.put("check", "00*31"))
    count = "its count is not that of its records"
    damaged("R-VLT-1-count", count, "A count of 2 over three records.", vault(header, records, 2))
    check = "its checksum does not match"
    damaged("R-VLT-1-check", check, "A label that was changed.", sound.put("label: photo", u32(0), "label: changed"))
    order = "its elements are not in ascending order"
    swapped = [*records[2:4], *records[:2], *records[4:]]
    damaged("R-VLT-1-order", order, "Records in another order.", vault(header, swapped))
    damaged("R-VLT-1-twice", order, "An element that stands there twice.", vault(header, [*records[:2], *records]))

    def head(name, refused, wrong, lines):
        damaged(name, refused, wrong, vault(lines, records))

    cut = "not a valid vault header: it ends early"
    head("R-CODEC-1-vault", cut, "The list of classes that vary is missing.", header[:-1])
    head("R-CODEC-2-vault", "1 bytes too many after the vault header", "A byte after the structure.", [*header, ("00", "one byte more")])
    utf8 = "not a valid vault header: a text in it is not UTF-8"
    with_breach = lambda code: Annotated(header).put("breach", code, "breach").lines
    head("R-CODEC-3-vault", utf8, "A breach id that is not UTF-8.", with_breach(string(b"\xff")))
    fill = 65_537 - len(Annotated(header[:2]).data()) - 16
    many = [*header[:2], (u64(1), "exposes: one class"), (f"{u64(fill)} 78*{fill}", f"of {fill} bytes")]
    head("R-CODEC-4-vault", "its header is longer than any may be", "A header of 65,537 bytes.", many)
    head("R-VLT-2-breach", "vault header: the breach id cannot be one", "A breach id that is none.", with_breach(string("../toko")))
    for variant, code, how in [
        ("class", f"{u64(1)} {string('Photo')}", "a data class cannot be one"),
        ("twice", f"{u64(1)} {string('email')}", "a data class is named twice"),
        ("many", " ".join([u64(33)] + [string(f"c{i}") for i in range(33)]), "too many classes vary for a label of 32 bits"),
    ]:
        of = Annotated(header).put("varies", code, "varies").lines
        head(f"R-VLT-2-{variant}", f"vault header: {how}", "A class that varies and must not.", of)


def invitations(case):
    """Invitations as text; the example's certificate is none, which is looked at last."""
    text = re.search(r"^```toml\n(samar_invitation.*?)^```", SPEC.read_text(encoding="utf-8"), re.M | re.S)[1]

    def invitation(name, refused, wrong, old, new):
        assert text.count(old) == 1, old
        case(name, "invitation", refused, "2", wrong, text.replace(old, new))

    def field(variant, name, reason, old, new):
        invitation(f"R-INV-1-{variant}", f"the invitation's `{name}` {reason}", f"`{name}`: {variant}.", old, new)

    def malformed(variant, reason, wrong, old, new):
        invitation(f"R-INV-1-{variant}", f"not a Samar invitation: {reason}", wrong, old, new)

    hexadecimal = "is not 64 hexadecimal digits"
    key = "is not an Ed25519 key in 64 hexadecimal digits"
    publisher = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"
    floor = "ed472e1e9cda42ffe90d2ac0893740f7da6db725325848e229209597c03d3624"
    line = "is empty, too long or not printable"
    version = "is of a version that this program does not know; update Samar"
    # The head of the file, seven lines, counts.
    malformed("not-toml", "line 8: key with no value, expected `=`", "Not TOML.", 'samar_invitation = 1', "samar_invitation")
    malformed("unknown", "line 11: unknown field", "A key that is none.", 'bank = "bank-a"', 'bank = "bank-a"\nbanks = "bank-a"')
    malformed("missing", "line 1: missing field `bank`", "A key is missing.", 'bank = "bank-a"\n', "")
    field("negative", "floor_epoch", "is below 0", "floor_epoch = 1", "floor_epoch = -1")
    malformed("type", "line 9: invalid type: integer", "A number where a string should be.", 'operator = "Badan Contoh"', "operator = 5")
    field("version", "samar_invitation", version, "samar_invitation = 1", "samar_invitation = 2")
    field("bank", "bank", "is not lower-case letters, digits and inner hyphens", '"bank-a"', '"../bank"')
    field("operator", "operator", line, '"Badan Contoh"', '"\\u001b[2J"')
    field("no-operator", "operator", line, '"Badan Contoh"', '""')
    field("address", "address", line, '"127.0.0.1:4498"', '""')
    field("key-short", "publisher_key", key, publisher, publisher[:-2])
    field("key-no-point", "publisher_key", key, publisher, "02" * 32)
    field("key-small-order", "publisher_key", key, publisher, "00" * 32)
    field("floor-hash", "floor_hash", hexadecimal, floor, "z" + floor[1:])
    zeros = "is all zeros for `floor_epoch` 0, and for no other"
    field("floor-0", "floor_hash", zeros, "floor_epoch = 1", "floor_epoch = 0")
    field("floor-zeros", "floor_hash", zeros, floor, "00" * 32)
    field("token", "token", hexadecimal, 'token = "64eed', 'token = "4eed')
    one = "the invitation's `token` and `certificate`: exactly one of them must be there"
    token = re.search(r"^token = .*\n", text, re.M)[0]
    invitation("R-INV-2-neither", one, "Neither token nor certificate.", token, "")
    invitation("R-INV-2-both", one, "Both token and certificate.", token, token + 'certificate = "PEM"\n')
