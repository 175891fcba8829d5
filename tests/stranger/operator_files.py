"""The files that an operator keeps to itself (SPEC.md sections "Account log", "Vault" and "Key file")."""

import curve
from control import Reader, hash_blake3, require
from manifest import is_breach_id, is_class


def account_log(data):
    """Every record of a log without a torn end."""
    require(data[:10] == b"SAMARLOG\x01\x00", "R-LOG-1", "magic")
    at, chain, records = 10, bytes(32), []
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "little")
        complement = int.from_bytes(data[at + 2 : at + 4], "little")
        sound = complement == length ^ 0xFFFF
        length &= 0x7FFF  # the bit above says that a group begins
        body, found = data[at + 4 : at + 4 + length], data[at + 4 + length : at + 36 + length]
        sound = sound and 1 <= length <= 1_024 and len(found) == 32
        require(sound, "R-LOG-1", f"record at byte {at}")
        chain = hash_blake3(b"samar account log v1", chain, body)
        require(found == chain, "R-LOG-1", f"chain at byte {at}")
        read = Reader(body)
        variant = ("debit", "joined", "rekeyed", "lookup")[read.choice(4)]
        record = variant, read.u64(), read.string()
        if variant != "lookup":
            record += (read.take(32),)
        record += (read.take(32) if variant == "joined" else read.u32(),)
        read.end()
        require(1 <= len(record[2].encode()) <= 64, "R-LOG-2", "name of a bank")
        records.append(record)
        at += 36 + length
    return records


def checkpoint(data, log):
    """(day, evaluations on it, evaluations ever) of each account, batches, keys and tokens, as of this log."""
    require(data[:10] == b"SAMARCKP\x01\x00" and hash_blake3(data[:-32]) == data[-32:], "checkpoint", "magic or check")
    at, parts = 10, []
    while length := int.from_bytes(data[at : at + 4], "little"):
        parts.append(Reader(data[at + 4 : at + 4 + length]))
        at += 4 + length
    require(at + 4 + 32 == len(data), "checkpoint", "bytes after its end")
    head, accounts, batches, keys, tokens = parts[0], {}, {}, {}, {}
    require(head.choice(5) == 0, "checkpoint", "its place in the log")
    end, records, chain = head.u64(), head.u64(), head.take(32)
    head.end()
    require(len(account_log(log[:end])) == records and log[end - 32 : end] == chain, "checkpoint", "another log")
    for part in parts[1:]:
        variant = part.choice(5)
        if variant == 1:
            bank = part.string()
            accounts[bank] = part.u64(), part.u64(), part.u64()
        elif variant == 2:
            bank, days_before = part.string(), part.u8()
            batches[bank, days_before] = part.list(lambda part=part: part.take(32))
        elif variant == 3:
            key = part.take(32)
            keys[key] = part.string(), part.u64()
        else:
            require(variant == 4, "checkpoint", "a second beginning")
            token = part.take(32)
            tokens[token] = part.take(32)
        part.end()
    return accounts, batches, keys, tokens


def vault(data):
    """(key id, breach, exposes, varies, {element: label})."""
    require(data[:10] == b"SAMARVLT\x01\x00", "R-VLT-1", "magic")
    require(hash_blake3(data[:-32]) == data[-32:], "R-VLT-1", "check")
    header_bytes = int.from_bytes(data[10:14], "little")
    read = Reader(data[14 : 14 + header_bytes])
    head = read.take(8), read.string(), read.list(read.string), read.list(read.string)
    read.end()
    _, name, exposes, varies = head
    classes = exposes + varies
    require(is_breach_id(name), "R-VLT-2", "breach id")
    require(len(varies) <= 32 and len(classes) <= 64, "R-VLT-2", "number of data classes")
    sound = all(map(is_class, classes)) and len(set(classes)) == len(classes)
    require(sound, "R-VLT-2", "a data class that is none, or is named twice")
    records = data[14 + header_bytes : -40]
    count = int.from_bytes(data[-40:-32], "little")
    require(len(records) == 36 * count, "R-VLT-1", "count")
    elements = {}
    for at in range(0, len(records), 36):
        elements[records[at : at + 32]] = int.from_bytes(records[at + 32 : at + 36], "little")
    require(list(elements) == sorted(elements) and len(elements) == count, "R-VLT-1", "order")
    return *head, elements


def key_file(data, purpose):
    """The 32 bytes of a key file."""
    require(data[:10] == b"SAMARKEY\x01\x00" and len(data) == 52, "R-KEY-1", "magic or length")
    require(hash_blake3(data[:44])[:8] == data[44:], "R-KEY-1", "check")
    require(data[10] == purpose and data[11] == 0, "R-KEY-1", "purpose or protection")
    scalar = int.from_bytes(data[12:44], "little")
    require(purpose != 1 or 0 < scalar < curve.L, "R-OPRF-8", "not a scalar from 1 to L - 1")
    return data[12:44]
