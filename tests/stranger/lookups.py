"""Private lookups (SPEC.md section "Private lookup"): slowly, from the formulas, for a segment of one page."""

from decimal import Decimal, getcontext

from control import hash_blake3, require

Q, SECRET_WORDS = 2**32, 1_024
QUERY_BITS, ANSWER_BITS, HINT_BITS = 28, 13, 21


def query(data, pages):
    """The numbers of a query over so many pages."""
    require(1 <= pages <= 200_000, "R-LOOK-1", f"{pages} pages")
    require(len(data) == (QUERY_BITS * pages + 7) // 8, "R-LOOK-1", f"query of {len(data)} bytes")
    require(int.from_bytes(data, "little") >> (QUERY_BITS * pages) == 0, "R-LOOK-2", "unused bits of a query")
    return unpack(data, QUERY_BITS, pages)


def hint(data, page_bytes, named):
    """The rows of a hint, if it is the one that a header names by its hash."""
    require(hash_blake3(b"samar lookup hint v1", data) == named, "R-LOOK-5", "hash")
    require(data[:10] == b"SAMARHNT\x01\x00", "R-LOOK-5", "magic")
    require(data[10:14] == page_bytes.to_bytes(4, "little"), "R-LOOK-5", "page size")
    row = HINT_BITS * SECRET_WORDS // 8
    require(len(data) == 14 + page_bytes * row, "R-LOOK-5", "length")
    return [data[14 + row * i :][:row] for i in range(page_bytes)]


def pack(numbers, width):
    bits = sum(number << (width * i) for i, number in enumerate(numbers))
    return bits.to_bytes((width * len(numbers) + 7) // 8, "little")


def unpack(data, width, count):
    bits = int.from_bytes(data, "little")
    return [bits >> (width * i) & ((1 << width) - 1) for i in range(count)]


def example(salt, directory, page, expect):
    """A lookup of the one page of a segment, its randomness the key stream under a key of 16 bytes 5a."""
    seed = hash_blake3(b"samar lookup seed v1", salt, directory)[:16]
    expect("lookup seed", seed)
    words = list_of_words(key_stream(seed, 4 * SECRET_WORDS))
    hint_of = {byte: rounded_row(byte - 128, words) for byte in set(page)}
    data = b"SAMARHNT\x01\x00" + len(page).to_bytes(4, "little") + b"".join(hint_of[byte] for byte in page)
    named = hash_blake3(b"samar lookup hint v1", data)
    expect("hint hash", named)
    rows = hint(data, len(page), named)

    table = sampler_table()
    fresh = key_stream(b"\x5a" * 16, 8 * (SECRET_WORDS + 1))
    drawn = [sample(table, int.from_bytes(fresh[8 * i :][:8], "little")) for i in range(SECRET_WORDS + 1)]
    secret, (noise, coin) = [value for value, _ in drawn[:-1]], drawn[-1]
    mask = sum(a * s for a, s in zip(words, secret)) + noise + 7 + coin
    asked = pack([((mask % Q >> 4) + 2**20) % 2**28], QUERY_BITS)
    expect("query", asked)

    (number,) = query(asked, 1)
    sums = [(byte - 128) * 16 * number % Q for byte in page]
    answer = pack([(a + 2**18) % Q >> 19 for a in sums], ANSWER_BITS)
    expect("answer hash", hash_blake3(answer))

    dots = {row: dot(row, secret) for row in set(rows)}
    read = [(2**19 * a - dots[row] + 2**23) % Q // 2**24 + 128 for a, row in zip(unpack(answer, ANSWER_BITS, len(page)), rows)]
    assert bytes(value % 256 for value in read) == page, "the page comes out"


def rounded_row(digit, words):
    return pack([(digit * word + 2**10) % Q >> 11 for word in words], HINT_BITS)


def dot(row, secret):
    return sum(2**11 * h * s for h, s in zip(unpack(row, HINT_BITS, SECRET_WORDS), secret))


def sampler_table():
    """Entry k is 2^62 times the probability of |x| <= k, x with a weight of exp(-x^2 / 512)."""
    getcontext().prec = 60
    weights = [(Decimal(-k * k) / 512).exp() * (1 if k == 0 else 2) for k in range(400)]
    total, below, table = sum(weights), Decimal(0), []
    for weight in weights[:145]:
        below += weight
        table.append(int((below / total * 2**62).to_integral_value()))
    return table


def sample(table, word):
    """A sample, and its coin."""
    magnitude = sum(entry <= word % 2**62 for entry in table)
    return (-magnitude if word >> 62 & 1 else magnitude), word >> 63


def list_of_words(data):
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


# --- AES-128 (FIPS 197) in counter mode ---------------------------------------------------------------------------------


def key_stream(key, length):
    blocks = (encrypt(round_keys(key), counter.to_bytes(16, "big")) for counter in range((length + 15) // 16))
    return b"".join(blocks)[:length]


def doubled(byte):
    return byte << 1 ^ (0x11B if byte & 0x80 else 0)


def s_box():
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p = p ^ doubled(p)  # times 3
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        q ^= 0x09 if q & 0x80 else 0  # divided by 3
        turned = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = turned & 0xFF ^ 0x63
        if p == 1:
            return box


BOX = s_box()


def round_keys(key):
    words, constant = [key[i : i + 4] for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        word = words[-1]
        if i % 4 == 0:
            word = bytes(BOX[b] for b in word[1:] + word[:1])
            word, constant = bytes([word[0] ^ constant]) + word[1:], doubled(constant)
        words.append(bytes(a ^ b for a, b in zip(words[i - 4], word)))
    return [b"".join(words[i : i + 4]) for i in range(0, 44, 4)]


def encrypt(keys, block):
    state = bytes(a ^ b for a, b in zip(block, keys[0]))
    for number, key in enumerate(keys[1:], start=1):
        state = [BOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < 10:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                every = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += [a[i] ^ every ^ doubled(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
            state = mixed
        state = bytes(a ^ b for a, b in zip(state, key))
    return state
