"""What can be wrong with the bytes of a message, and with a cell: each mistake in an example of SPEC.md."""

from annotated import Annotated, message, string, u16, u32, u64

C = ("863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
     "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654")
D = ("aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
     "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a")
KEY_ID = "c41f79ca9a511ab9"
PUBLIC_KEY = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"
ORDER = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
PRIME = "ed" + "ff" * 30 + "7f"
BAD_ELEMENTS = {  # name: encoding, what it is, how it is refused
    "identity": ("00*32", "the identity", "the identity"),
    "prime": (PRIME, "the field prime: 0, not reduced", "not a canonical ristretto255 encoding"),
    "negative": ("01 00*31", "1, which is negative", "not a canonical ristretto255 encoding"),
    "high-bit": (C[1][:-2] + "d4", "C[1] with the unused bit set", "not a canonical ristretto255 encoding"),
    "no-point": ("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371", "on no point", "not a canonical ristretto255 encoding"),
}
CRITICAL = [(u64(1), "one extension"), ("0180 0000000000000000", "id 0x8001: critical, empty")]
DESCENDING = [(u64(2), "two extensions"), ("0200 0000000000000000", "id 2"), ("0100 0000000000000000", "id 1")]
TWICE = [(u64(2), "two extensions"), ("0200 0000000000000000", "id 2"), ("0200 0000000000000000", "id 2 again")]


def one_line(head, note):
    """A message of the one-line examples, with its fields."""
    return Annotated([(head, ""), ("00*8", "no extensions")]) if note is None else Annotated([(head, ""), note, ("00*8", "no extensions")])


EVALUATE = Annotated.example("evaluate").put("key id", KEY_ID).put("epoch", u64(1)).put("count", u32(2))
REKEY = Annotated.example("rekey")
MANIFEST = one_line("01 02", ("00", "epoch: the newest"))
ALLOWANCE = one_line("01 08", None)
FETCH, JOIN = Annotated.example("fetch"), Annotated.example("join")
REKEYED = Annotated.example("rekeyed")
HINT, LOOKUP = Annotated.example("hint"), Annotated.example("lookup")
QUERY = [("ffffff0f" * 2 + "ffff0f", "three numbers of 28 bits")]
EVALUATED, REFUSAL = Annotated.example("evaluated"), Annotated.example("refusal")
JOINED, FETCHED, SENT = Annotated.example("joined"), one_line("01 83", ("00080000", "length 2,048")), one_line("01 82", ("00020000", "length 512"))


def blinded(*elements):
    return [(code, f"C[{i}]") for i, code in enumerate(elements)]


def evaluated(*elements):
    return [(code, f"D[{i}]") for i, code in enumerate(elements)]


def evaluate(of=EVALUATE, elements=C, **more):
    return message(of, blinded(*elements), **more)


def rekey(of=None):
    return message(of or REKEY, blinded(*C))


def answer(of=EVALUATED, elements=D, **more):
    return message(of, evaluated(*elements), **more)


def long(of):
    """With an extension that makes the control structure 65,537 bytes long."""
    short = len(Annotated(of.lines[1:-1]).data()) + 18
    fill = 65_537 - short
    return Annotated(of.lines[:-1]).then((u64(1), "one extension"), (f"0100 {u64(fill)}", f"id 1, {fill} bytes"), (f"00*{fill}", ""))


def requests(case):
    """(name, refused as, seen as, what is wrong, bytes) of requests that the decoder refuses."""

    def request(name, refused, wrong, of, seen="malformed"):
        case(name, "request", refused, seen, wrong, of)

    def served(name, seen, wrong, of):
        """One that only a server can refuse: it depends on more than the control structure."""
        case(name, "request to the server", seen, seen, wrong, of)

    for name, (code, what, how) in BAD_ELEMENTS.items():
        of = evaluate(elements=(C[0], code))
        request(f"R-OPRF-1-{name}", f"blinded element 1 is {how}", f"The second element is {what}.", of, "element-invalid")
    size = "evaluate request: a batch holds 1 to 65,535 elements"
    request("R-OPRF-3-empty", size, "A batch of no element.", evaluate(EVALUATE.put("count", u32(0)), ()))
    request("R-OPRF-3-many", size, "A batch of 65,536 elements.", evaluate(EVALUATE.put("count", u32(65_536)), ()))

    cut = "not a valid evaluate request: it ends early"
    request("R-CODEC-1-request", cut, "The list of extensions is missing.", evaluate(EVALUATE.drop("no ext")))
    many = EVALUATE.put("no ext", u64(2**64 - 1), "2^64 - 1 extensions")
    limit = "not a valid evaluate request: a length in it is more than there can be"
    request("R-CODEC-1-list", limit, "A list announces more than there can be.", evaluate(many))
    bytes_after = EVALUATE.then(("00", "one byte more"))
    request("R-CODEC-2-request", "1 bytes too many after the evaluate request", "A byte after the structure.", evaluate(bytes_after))
    option = one_line("01 02", ("02 0100000000000000", "epoch: option byte 2"))
    refused = "not a valid manifest request: a choice in it is none of those that there are"
    request("R-CODEC-3-option", refused, "An option byte that is neither 00 nor 01.", message(option))
    long_control = "a control structure of 65537 bytes, at most 65536 are allowed"
    request("R-CODEC-4-request", long_control, "A control structure of 65,537 bytes.", message(long(ALLOWANCE)))
    critical = "allowance request: a critical extension that this version does not know; update Samar"
    order = "allowance request: extension ids do not ascend"
    for name, extensions, how, wrong in [
        ("critical", CRITICAL, critical, "A critical extension that version 1 does not know."),
        ("descending", DESCENDING, order, "Ids of extensions that descend."),
        ("twice", TWICE, order, "An extension that stands there twice."),
    ]:
        request(f"R-CODEC-5-{name}", how, wrong, message(Annotated([ALLOWANCE.lines[0], *extensions])))

    version = "protocol version 2, this side speaks 1"
    request("R-WIRE-1-request", version, "Another version.", message(ALLOWANCE, version=2), "unsupported")
    for name, kind, wrong in [
        ("none", 0x00, "No kind at all."), ("reserved", 0x09, "A kind that is not given out."),
        ("response", 0x88, "The kind of a response."), ("refusal", 0xFF, "The kind of a refusal."),
    ]:
        how = f"message kind {kind:#04x} is unknown or out of place"
        request(f"R-WIRE-2-{name}", how, wrong, message(ALLOWANCE, kind=kind), "unsupported")
    how = "a control structure of 4294967295 bytes, at most 65536 are allowed"
    unread = Annotated([("01 08 ffffffff", "version, kind, control of 2^32 - 1 bytes"), *ALLOWANCE.lines[1:]])
    request("R-WIRE-3-request", how, "A control length that is refused before anything is read by it.", unread)
    for name, wrong, of in [
        ("preamble", "The stream ends within the preamble.", Annotated([("01 04 1e", "version, kind, a part of the control length")])),
        ("control", "The stream ends within the control structure.", message(EVALUATE).drop("no ext")),
        ("bulk", "The stream ends within the second element.", evaluate(elements=(C[0], C[1][:62]))),
    ]:
        served(f"R-WIRE-4-{name}", "malformed", wrong, of)
    after = [("00", "one byte more")]
    served("R-WIRE-5-control", "malformed", "A byte after a request without bulk.", message(ALLOWANCE, extra=after))
    served("R-WIRE-5-bulk", "malformed", "A byte after the last element.", evaluate(extra=after))
    served("R-WIRE-8", "unsupported", "A suite other than 1.", evaluate(EVALUATE.put("suite", u16(2))))

    size = "rekey request: a batch holds 1 to 65,535 elements"
    none = message(REKEY.put("count", u32(0)))
    request("R-OPRF-3-rekey", size, "A rekeying of no element.", none)
    zero = rekey(REKEY.put("epoch", u64(0)))
    request("R-WIRE-11-rekey", "rekey request: epochs are counted from 1", "A rotation pinned from epoch 0.", zero)
    same = rekey(REKEY.put("from key id", "4e4558544b455921"))
    request("R-WIRE-18-same", "rekey request: it leads from a key to the same key", "A rekeying from a key to itself.", same)
    served("R-WIRE-8-rekey", "unsupported", "A rekeying of another suite.", rekey(REKEY.put("suite", u16(2))))
    served("R-WIRE-18-rekey", "key-unknown", "A rekeying between keys of no rotation.", rekey())

    size = "fetch request: the range is empty or too long"
    request("R-WIRE-9-empty", size, "A range of no byte.", message(FETCH.put("length", u32(0))))
    request("R-WIRE-9-long", size, "A range of 2,097,153 bytes.", message(FETCH.put("length", u32(2_097_153))))
    around = FETCH.put("offset", u64(2**64 - 1)).put("length", u32(1))
    request("R-WIRE-9-around", "fetch request: the range passes 2^64", "A range past 2^64.", message(around))
    served("R-WIRE-10", "range-unknown", "A root that no manifest names.", message(FETCH))
    size = "hint request: the range is empty or too long"
    request("R-WIRE-9-hint-empty", size, "No byte of a hint.", message(HINT.put("length", u32(0))))
    request("R-WIRE-9-hint-long", size, "2,097,153 bytes of a hint.", message(HINT.put("length", u32(2_097_153))))
    around = HINT.put("offset", u64(2**64 - 1)).put("length", u32(1))
    request("R-WIRE-9-hint-around", "hint request: the range passes 2^64", "A range of a hint past 2^64.", message(around))
    served("R-WIRE-10-hint", "range-unknown", "The hint of a root that no manifest names.", message(HINT))
    served("R-WIRE-10-lookup", "range-unknown", "A lookup in a root that no manifest names.", message(LOOKUP, QUERY))
    size = "lookup request: a lookup is over 1 to 200,000 pages"
    request("R-LOOK-1-none", size, "A query over no page.", message(LOOKUP.put("pages", u32(0))))
    request("R-LOOK-1-many", size, "A query over 200,001 pages.", message(LOOKUP.put("pages", u32(200_001))))
    zero = one_line("01 02", ("01 0000000000000000", "epoch 0"))
    request("R-WIRE-11-manifest", "manifest request: epochs are counted from 1", "The manifest of epoch 0.", message(zero))
    zero = EVALUATE.put("epoch", u64(0))
    request("R-WIRE-11-evaluate", "evaluate request: epochs are counted from 1", "A key pinned from epoch 0.", evaluate(zero))
    how = "join request: the signing request is empty or too long"
    request("R-WIRE-14-no-csr", how, "An empty signing request.", message(JOIN.put("csr", u64(0))))
    request("R-WIRE-14-long-csr", how, "A signing request of 8,193 bytes.", message(JOIN.put("csr", f"{u64(8_193)} 00*8193")))
    other = EVALUATE.put("key id", "00*8")
    served("R-WIRE-18", "key-unknown", "A key id that is not the newest manifest's.", evaluate(other))
    to_come = evaluate(EVALUATE.put("epoch", u64(2**64 - 1)))
    served("R-WIRE-19-evaluate", "epoch-unknown", "A key pinned from an epoch to come.", to_come)
    to_come = one_line("01 02", (f"01 {u64(2**64 - 1)}", "epoch"))
    served("R-WIRE-19-manifest", "epoch-unknown", "The manifest of an epoch to come.", message(to_come))
    served("R-JOIN-1", "invitation-invalid", "A token that was never given.", message(JOIN))


def answers(case):
    """Answers that the decoder refuses, and those that only the client can: it knows what it asked."""

    def response(to, name, refused, wrong, of):
        case(name, f"answer to {to}", refused, "5", wrong, of)

    def asked(to, name, refused, wrong, of):
        case(name, f"answer to the client's {to}", refused, "5", wrong, of)

    for name, (code, what, how) in BAD_ELEMENTS.items():
        refused = f"evaluated element 1 is {how}"
        response("evaluate", f"R-OPRF-2-{name}", refused, f"The second element is {what}.", answer(elements=(D[0], code)))
    size = "evaluate response: a batch holds 1 to 65,535 elements"
    none = EVALUATED.put("count", u32(0)).put("charged", u32(0))
    response("evaluate", "R-OPRF-3-answer", size, "No evaluated element.", answer(none, ()))
    one = EVALUATED.put("count", u32(1)).put("charged", u32(1))
    fewer = "asked for 2 evaluated elements, it announces 1"
    asked("evaluate", "R-OPRF-4", fewer, "One evaluated element where two were sent.", answer(one, D[:1]))
    scalar = "batch proof: not a canonical non-zero ristretto255 scalar"
    for field in "cs":
        of = answer(EVALUATED.put(field, ORDER, f"{field}: the order of the group"))
        response("evaluate", f"R-OPRF-5-{field}", scalar, f"The proof's {field} is not below L.", of)
    changed = EVALUATED.put("c", "01 00*31", "c: 1")
    holds = "the batch proof does not hold: the server used another key or changed an answer"
    asked("evaluate", "R-OPRF-6", holds, "A proof of nothing.", answer(changed))

    none = REKEYED.put("count", u32(0))
    response("rekey", "R-OPRF-3-rekeyed", "rekey response: a batch holds 1 to 65,535 elements", "No rekeyed element.", message(none))
    of = answer(REKEYED.put("c", ORDER, "c: the order of the group"))
    response("rekey", "R-OPRF-5-rekeyed", scalar, "The proof's c is not below L.", of)
    part = REKEYED.put("charged", u32(1))
    response("rekey", "R-WIRE-12-rekeyed", "rekey response: a batch is charged whole or not at all", "One of two elements charged.", answer(part))

    cut = "not a valid evaluate response: it ends early"
    response("evaluate", "R-CODEC-1-answer", cut, "The list of extensions is missing.", answer(EVALUATED.drop("no ext")))
    after = EVALUATED.then(("00", "one byte more"))
    response("evaluate", "R-CODEC-2-answer", "1 bytes too many after the evaluate response", "A byte after the structure.", answer(after))
    text = REFUSAL.put('"the server', f"{u64(2)} c328", "a text that is not UTF-8")
    utf8 = "not a valid refusal: a text in it is not UTF-8"
    response("evaluate", "R-CODEC-3-answer", utf8, "A text that is not UTF-8.", message(text))
    long_control = "a control structure of 65537 bytes, at most 65536 are allowed"
    response("evaluate", "R-CODEC-4-answer", long_control, "A control structure of 65,537 bytes.", message(long(REFUSAL)))
    for name, extensions, how, wrong in [
        ("critical", CRITICAL, "a critical extension that this version does not know; update Samar", "A critical extension."),
        ("descending", DESCENDING, "extension ids do not ascend", "Ids of extensions that descend."),
    ]:
        of = message(Annotated([*SENT.lines[:2], *extensions]))
        response("manifest", f"R-CODEC-5-answer-{name}", f"manifest response: {how}", wrong, of)

    version = "protocol version 0, this side speaks 1"
    response("evaluate", "R-WIRE-1-answer", version, "Another version.", answer(version=0))
    how = "a control structure of 4294967295 bytes, at most 65536 are allowed"
    unread = Annotated([("01 82 ffffffff", "version, kind, control of 2^32 - 1 bytes"), *SENT.lines[1:]])
    response("manifest", "R-WIRE-3-answer", how, "A control length that is refused before anything is read by it.", unread)
    early, late = "its answer ends too early", "bytes follow its answer"
    asked("evaluate", "R-WIRE-4-answer", early, "The stream ends within the second element.", answer(elements=(D[0], D[1][:62])))
    none = Annotated([("01 82", "version, kind")])
    asked("manifest", "R-WIRE-4-answer-preamble", early, "The stream ends within the preamble.", none)
    extra = [("00", "one byte more")]
    asked("evaluate", "R-WIRE-5-answer", late, "A byte after the last element.", answer(extra=extra))
    asked("manifest", "R-WIRE-5-answer-refusal", late, "A byte after a refusal.", message(REFUSAL, extra=extra))
    for name, kind, wrong in [
        ("other", 0x83, "The answer to another request."), ("unknown", 0x90, "A kind that is none."),
        ("request", 0x04, "The kind of the request."),
    ]:
        how = f"message kind {kind:#04x} is unknown or out of place"
        response("evaluate", f"R-WIRE-6-{name}", how, wrong, answer(kind=kind))
    longer = one_line("01 83", (u32(65_536), "length 65,536"))
    how = "bytes of a segment, it announces 65536"
    asked("fetch", "R-WIRE-7-fetched", how, "More bytes than were asked for.", message(longer, [("00*65536", "")]))
    longer = one_line("01 86", (u32(65_536), "length 65,536"))
    how = "bytes of a hint, it announces 65536"
    asked("hint", "R-WIRE-7-hint", how, "More bytes of a hint than were asked for.", message(longer, [("00*65536", "")]))
    size = "lookup response: a page size that does not exist"
    of = one_line("01 87", (u32(1_024), "pages of 1,024 bytes"))
    response("lookup", "R-LOOK-7", size, "An answer for pages of 1,024 bytes.", message(of, [("00*1664", "")]))
    more = EVALUATED.put("count", u32(3)).put("charged", u32(3))
    how = "asked for 2 evaluated elements, it announces 3"
    asked("evaluate", "R-WIRE-7-evaluated", how, "Three elements where two were sent.", answer(more, (*D, D[0])))
    part = EVALUATED.put("charged", u32(1))
    whole = "evaluate response: a batch is charged whole or not at all"
    response("evaluate", "R-WIRE-12", whole, "One of two elements charged.", answer(part))
    shown = "refusal: the text is too long or not printable"
    for name, text, wrong in [
        ("escape", "\x1b[2J", "A text that clears the screen."), ("long", "x" * 257, "A text of 257 bytes."),
        ("c1", "\u009b2J", "The same by a control character of two bytes."),
    ]:
        of = REFUSAL.put('"the server', string(text), wrong[2:-1])
        response("evaluate", f"R-WIRE-13-{name}", shown, wrong, message(of))
    name, certificate = "join response: the bank's name is empty or too long", "join response: the certificate is empty or too long"
    for variant, note, code, how, wrong in [
        ("no-name", '"bank-a"', u64(0), name, "An empty name."),
        ("long-name", '"bank-a"', f"{u64(65)} 61*65", name, "A name of 65 bytes."),
        ("no-certificate", "certificate", u64(0), certificate, "An empty certificate."),
        ("long-certificate", "certificate", f"{u64(8_193)} 00*8193", certificate, "A certificate of 8,193 bytes."),
    ]:
        response("join", f"R-WIRE-14-{variant}", how, wrong, message(JOINED.put(note, code, wrong[:-1].lower())))
    size = "manifest response: the manifest is empty or too long"
    for variant, length in [("empty", 0), ("long", 1_048_651)]:
        of = one_line("01 82", (u32(length), f"length {length:,}"))
        response("manifest", f"R-WIRE-17-{variant}", size, f"A manifest of {length:,} bytes.", message(of))
    other = JOINED.put('"bank-a"', string("bank-b"), '"bank-b"')
    how = 'this bank is bank-a, the server enrolled "bank-b"'
    asked("join", "R-JOIN-3-name", how, "The name of another account.", message(other))
    how = "what should be a certificate is none"
    asked("join", "R-JOIN-3-certificate", how, "A certificate that is none.", message(JOINED))


def cells(case):
    """Cells that are no NIK."""
    for reason, text in {
        "empty": "...", "too-long": "3" * 257, "not-digits": "320101010190000O", "wrong-length": "320101010190001",
        "excel-scientific": "3.20101E+15", "decimal-fraction": "3201010101900001,0",
        "two-numbers": "3201010101900001/3201010101900002", "trailing-text": "3201010101900001 (alm)",
        "leading-text": "NIK 3201010101900001", "bad-day": "3201010001900001", "bad-month": "3201010113900001",
        "bad-date": "3201012902970001", "zero-serial": "3201010101900000",
    }.items():
        shown = text if len(text) < 60 else f"{len(text)} digits"
        case(f"R-ID-1-{reason}", "cell", reason, "invalid:REASON", "A cell.", Annotated([(text.encode().hex() if len(text) < 60 else f"33*{len(text)}", shown)]))
    split = Annotated([(b"3201010101900001\t3201010101900002".hex(), "a tab between two numbers")])
    case("R-ID-1-tab", "cell", "two-numbers", "invalid:REASON", "A tab parts two values inside a cell.", split)
    for kind, wrong in {
        "phone": {
            "empty": "( )", "not-digits": "08123xxxxxx", "wrong-length": "08123456", "no-country": "3201010101900001",
            "bad-prefix": "0800 123 4567", "excel-scientific": "8.12346E+10", "decimal-fraction": "81234567890.0",
            "two-numbers": "081234567890/081298765432", "trailing-text": "081234567890 ext 2", "leading-text": "WA 081234567890",
        },
        "email": {
            "empty": "<>", "no-at": "budi.example.com", "two-addresses": "budi@@example.com", "not-ascii": "budi@b\u00fccher.example",
            "bad-local": "budi.@example.com", "bad-domain": "budi@localhost", "wrong-length": "a" * 65 + "@example.com",
        },
        "kk": {"bad-day": "3201014101900001", "bad-month": "3201010113900001", "zero-serial": "3201010101900000"},
        "npwp": {
            "placeholder": "00.000.000.0-407.000", "wrong-length": "9.254.294.3-407.000", "bad-day": "3201010001900001",
            "decimal-fraction": "925429434407000.0", "two-numbers": "092542943407000092542943407001",
        },
    }.items():
        for reason, text in wrong.items():
            shown = text if text.isascii() and len(text) < 60 else "a cell"
            of = Annotated([(text.encode().hex(), shown)])
            case(f"R-ID-1-{kind}-{reason}", f"{kind} cell", reason, "invalid:REASON", "A cell.", of)


def lookups(case):
    """Vectors and hints of private lookups that are none."""
    padding = "the query's unused bits are not 0"
    bits = Annotated([("ffffffff ffffff ffffff 1f", "three numbers of 28 bits, and a bit behind them")])
    case("R-LOOK-2", "query over 3 pages", padding, "malformed", "A bit behind the last number.", bits)
    other = "this is not the hint of that segment: its hash is another"
    head = ("53414d4152484e54 0100 00080000", "magic, version, pages of 2,048 bytes")
    short = Annotated([head, ("00*60", "no such number of numbers")])
    case("R-LOOK-5-hash", f"hint of hash {'5a' * 32}", other, "5", "A hint of another hash than the header names.", short)
    none = "this is not a hint for pages of 2048 bytes"
    for variant, of, wrong in [
        ("short", short, "A hint that is too short, under its own hash."),
        ("magic", Annotated([("53414d41524c4f47 0100 00080000", "magic, version, pages of 2,048 bytes")]), "Another magic."),
        ("version", Annotated([("53414d4152484e54 0200 00080000", "magic, version 2, pages of 2,048 bytes")]), "Version 2."),
        ("pages", Annotated([("53414d4152484e54 0100 00100000", "magic, version, pages of 4,096 bytes")]), "A hint for pages of another size."),
    ]:
        case(f"R-LOOK-5-{variant}", "hint", none, "5", wrong, of)
