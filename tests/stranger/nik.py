"""NIK normalisation, and what KK and NPWP have of it, as SPEC.md section "NIK" says it."""

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


def trim(cell):
    """The text between the edges; nothing for a cell that is too long."""
    if len(cell.encode("utf-8")) > 256:
        return None
    text = re.sub(f"^[{EDGE}]+|[{EDGE}]+$", "", cell)
    return re.sub(f"^[{EDGE}]+", "", text.removeprefix("'"))


def read(cell):
    """The 16 digits, or the name of the reason why there are none."""
    text = trim(cell)
    return "too-long" if text is None else checked(sixteen(text, (16,)), women=True)


def kk(text):
    return checked(sixteen(text, (16,)), women=False)


def sixteen(text, lengths):
    """As many digits as `lengths` allows, or a reason."""
    if re.search(f"[^{DIGIT}{DROPPED}]", text):
        return damage(text, lengths)
    digits = digits_of(text)
    if not digits:
        return "empty"
    return digits if len(digits) in lengths else damage(text, lengths)


def checked(digits, women):
    if not digits.isdigit():
        return digits  # a reason already
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    if not (1 <= day <= 31 or women and 41 <= day <= 71):
        return "bad-day"
    if not 1 <= month <= 12:
        return "bad-month"
    days = {2: 29 if year % 4 == 0 else 28, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31)
    if (day - 40 if day > 40 else day) > days:
        return "bad-date"
    return "zero-serial" if digits[12:] == "0000" else digits


def is_decimal_fraction(text, lengths):
    point = max(text.rfind("."), text.rfind(","))
    whole, fraction = text[:point], text[point + 1 :]
    sound = point >= 0 and re.fullmatch(f"[{DIGIT}{DROPPED}]*", whole) and re.fullmatch("[0\uff10]+", fraction)
    return bool(sound) and len(digits_of(whole)) in lengths


def is_scientific(text):
    mantissa, e, exponent = re.match(r"([^eE]*)([eE]?)(.*)", text, re.S).groups()
    numeric = re.fullmatch(f"[{DIGIT}.,{SPACE}]*", mantissa) and digits_of(mantissa)
    return bool(e and numeric and re.fullmatch(f"[+-]?[{DIGIT}]+", exponent))


def numbers_in(digits, lengths):
    numbers = -(-digits // max(lengths))
    return numbers if numbers * min(lengths) <= digits else 0


def damage(text, lengths):
    if is_scientific(text):
        return "excel-scientific"
    if is_decimal_fraction(text, lengths):
        return "decimal-fraction"
    pieces = [numbers_in(len(digits_of(piece)), lengths) for piece in re.split(f"[^{DIGIT}{DROPPED}]", text)]
    if sum(pieces) >= 2:
        return "two-numbers"
    if len(pieces) == 1:
        return "wrong-length"
    if sum(pieces) == 0:
        return "not-digits"
    return "trailing-text" if pieces[0] == 1 else "leading-text"
