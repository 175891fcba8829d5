"""What is refused, and control structures field by field (SPEC.md section "Control structures")."""

import struct

from blake3 import blake3

CONTROL_BYTES_MAX = 65_536
CRITICAL = 0x8000
KINDS = ("base", "add", "remove")
PAGE_BYTES_ALLOWED = (2_048, 4_096, 8_192, 16_384)


class Refused(Exception):
    """What is wrong, by the id of the rule that it breaks."""

    def __init__(self, rule, reason):
        super().__init__(f"{rule}: {reason}")
        self.rule, self.reason = rule, reason

    def within(self, name):
        """The same, with the file it is in."""
        return Refused(self.rule, f"{name}: {self.reason}")


def require(holds, rule, reason):
    if not holds:
        raise Refused(rule, reason)


def hash_blake3(*parts):
    return blake3(b"".join(parts)).digest()


class Reader:
    """Fields of a control structure, one after another."""

    def __init__(self, data, bytes_max=CONTROL_BYTES_MAX):
        require(len(data) <= bytes_max, "R-CODEC-4", f"{len(data)} bytes, at most {bytes_max} are allowed")
        self.data, self.at = data, 0

    def take(self, count):
        require(count <= len(self.data) - self.at, "R-CODEC-1", f"cut short at byte {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def u8(self):
        return self.number("<B")

    def u16(self):
        return self.number("<H")

    def u32(self):
        return self.number("<I")

    def u64(self):
        return self.number("<Q")

    def bytes(self):
        return self.take(self.u64())

    def string(self):
        try:
            return self.bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("R-CODEC-3", f"a string before byte {self.at} is not UTF-8") from None

    def list(self, item):
        count = self.u64()
        # Every item has one byte at least, so a count that cannot be true is refused before it is counted to.
        require(count <= len(self.data) - self.at, "R-CODEC-1", f"a list of {count} items at byte {self.at}")
        return [item() for _ in range(count)]

    def optional(self, item):
        flag = self.u8()
        require(flag <= 1, "R-CODEC-3", f"option byte {flag}")
        return item() if flag else None

    def choice(self, count):
        variant = self.u32()
        require(variant < count, "R-CODEC-3", f"variant {variant} of {count}")
        return variant

    def extensions(self):
        extensions = self.list(lambda: (self.u16(), self.bytes()))
        ids = [number for number, _ in extensions]
        require(ids == sorted(set(ids)), "R-CODEC-5", "extension ids do not ascend strictly")
        for number in ids:
            require(not number & CRITICAL, "R-CODEC-5", f"unknown critical extension {number:#06x}")
        return extensions

    def end(self):
        require(self.at == len(self.data), "R-CODEC-2", f"{len(self.data) - self.at} bytes too many")
