"""NIK normalisation as SPEC.md section "NIK" says it."""

import re
import unicodedata

SPACE = "\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
WHITE_SPACE = "\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
CONTROL = "\u0000-\u001f\u007f-\u009f"
DIGIT = "0-9\uff10-\uff19"
DROPPED = rf".\-{SPACE}{INVISIBLE}"
EDGE = WHITE_SPACE + CONTROL + INVISIBLE


def digits_of(text):
    return "".join(str(unicodedata.digit(sign)) for sign in re.findall(f"[{DIGIT}]", text))


def read(cell):
    """The 16 digits, or the name of the reason why there are none."""
    if len(cell.encode("utf-8")) > 256:
        return "too-long"
    text = re.sub(f"^[{EDGE}]+|[{EDGE}]+$", "", cell)
    text = re.sub(f"^[{EDGE}]+", "", text.removeprefix("'"))
    if re.search(f"[^{DIGIT}{DROPPED}]", text):
        return damage(text)
    digits = digits_of(text)
    if not digits:
        return "empty"
    if len(digits) != 16:
        return damage(text)
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    if not (1 <= day <= 31 or 41 <= day <= 71):
        return "bad-day"
    if not 1 <= month <= 12:
        return "bad-month"
    days = {2: 29 if year % 4 == 0 else 28, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31)
    if (day - 40 if day > 40 else day) > days:
        return "bad-date"
    return "zero-serial" if digits[12:] == "0000" else digits


def is_decimal_fraction(text):
    point = max(text.rfind("."), text.rfind(","))
    whole, fraction = text[:point], text[point + 1 :]
    sound = point >= 0 and re.fullmatch(f"[{DIGIT}{DROPPED}]*", whole) and re.fullmatch("[0\uff10]+", fraction)
    return bool(sound) and len(digits_of(whole)) == 16


def damage(text):
    mantissa, e, exponent = re.match(r"([^eE]*)([eE]?)(.*)", text, re.S).groups()
    numeric = re.fullmatch(f"[{DIGIT}.,{SPACE}]*", mantissa) and digits_of(mantissa)
    if e and numeric and re.fullmatch(f"[+-]?[{DIGIT}]+", exponent):
        return "excel-scientific"
    if is_decimal_fraction(text):
        return "decimal-fraction"
    pieces = [len(digits_of(piece)) for piece in re.split(f"[^{DIGIT}{DROPPED}]", text)]
    numbers = sum(length // 16 for length in pieces if length % 16 == 0)
    if numbers >= 2:
        return "two-numbers"
    if len(pieces) == 1:
        return "wrong-length"
    if numbers == 0:
        return "not-digits"
    return "trailing-text" if pieces[0] == 16 else "leading-text"
