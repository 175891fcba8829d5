"""Normalisation of telephone numbers, e-mail addresses, KK and NPWP as SPEC.md section "Identifiers" says it."""

import re
import string

import nik
from nik import DIGIT, DROPPED, EDGE, INVISIBLE, digits_of

BYTE = {"nik": 1, "phone": 2, "email": 3, "kk": 4, "npwp": 5}
PHONE_DROPPED = DROPPED + "()\u2010-\u2015"
ATOM = r"[a-z0-9!#$%&'*+\-/=?^_`{|}~]+"
LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"


def read(kind, cell):
    """The normalised form, or the name of the reason why there is none."""
    if kind == "nik":
        return nik.read(cell)
    text = nik.trim(cell)
    return "too-long" if text is None else {"phone": phone, "email": email, "kk": nik.kk, "npwp": npwp}[kind](text)


def phone(text):
    if re.fullmatch(f"[+\uff0b]?[{DIGIT}]{{7,}}[.,][0\uff10]{{1,2}}", text):
        return "decimal-fraction"
    if not re.fullmatch(f"[{PHONE_DROPPED}]*[+\uff0b]?[{DIGIT}{PHONE_DROPPED}]*", text):
        return phone_damage(text)
    digits = digits_of(text)
    if len(digits) < 7:
        return "wrong-length" if digits else "empty"
    if len(digits) > 17:
        return "two-numbers"
    if re.search("[+\uff0b]", text):
        return international(digits)
    if digits.startswith("00"):
        return international(digits[2:])
    if digits.startswith("0"):
        return indonesian(digits[1:])
    if digits.startswith("62"):
        return international(digits)
    return indonesian(digits) if digits.startswith("8") else "no-country"


def international(digits):
    if digits.startswith("62"):
        return indonesian(digits[2:].removeprefix("0"))
    if digits.startswith("0"):
        return "bad-prefix"
    return "+" + digits if 7 <= len(digits) <= 15 else "wrong-length"


def indonesian(digits):
    if re.match("8[1-9]", digits):
        sound = 9 <= len(digits) <= 12
    elif re.match("[2-79]", digits):
        sound = 7 <= len(digits) <= 11
    else:
        return "bad-prefix"
    return "+62" + digits if sound else "wrong-length"


def phone_damage(text):
    if nik.is_scientific(text):
        return "excel-scientific"
    pieces = [len(digits_of(piece)) >= 7 for piece in re.split(f"[^{DIGIT}{PHONE_DROPPED}]", text)]
    if sum(pieces) != 1:
        return "two-numbers" if any(pieces) else "not-digits"
    first = re.split(f"[^{DIGIT}{PHONE_DROPPED}]", re.sub(f"^[+\uff0b{PHONE_DROPPED}]+", "", text))[0]
    return "trailing-text" if len(digits_of(first)) >= 7 else "leading-text"


def email(text):
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    text = re.sub(f"^[{EDGE}]+|[{EDGE}]+$", "", text)
    text = re.sub("^[mM][aA][iI][lL][tT][oO]:", "", text)
    text = re.sub(f"^[{EDGE}]+|[{EDGE}]+$", "", text)
    text = re.sub(f"[{INVISIBLE}]", "", text)
    text = re.sub("[\uff01-\uff5e]", lambda sign: chr(ord(sign[0]) - 0xFEE0), text)
    if not text.isascii():
        return "not-ascii"
    text = text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase)).lstrip("'")
    if re.fullmatch("[.\\- ]*", text):
        return "empty"
    parts = text.split("@")
    if len(parts) != 2:
        return "no-at" if len(parts) == 1 else "two-addresses"
    local, domain = parts
    if not re.fullmatch(rf"{ATOM}(\.{ATOM})*", local):
        return "bad-local"
    if not re.fullmatch(rf"{LABEL}(\.{LABEL})+", domain) or re.fullmatch("[0-9]+", domain.split(".")[-1]):
        return "bad-domain"
    return text if len(local) <= 64 and len(text) <= 254 else "wrong-length"


def npwp(text):
    if nik.is_decimal_fraction(text, (15, 16)):
        return "decimal-fraction"
    digits = nik.sixteen(text, (15, 16))
    if not digits.isdigit():
        return digits
    digits = digits.rjust(16, "0")
    if digits[0] != "0":
        return nik.checked(digits, women=True)
    return "placeholder" if digits[:10] == "0" * 10 else digits
