"""edwards25519 in plain integers: Ed25519 verification (RFC 8032) and ristretto255 (RFC 9496, RFC 9380).

Written from the RFCs for checking, not for use: it is slow and takes time that depends on its inputs.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # order of the group
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
# Constants of RFC 9496 section 4.1.
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838
D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952


# Points: extended coordinates (X, Y, Z, T), x = X/Z, y = Y/Z, xy = T/Z.
IDENTITY = (0, 1, 1, 0)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def negate(p):
    return (-p[0] % P, p[1], p[2], -p[3] % P)


def multiply(scalar, p):
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, p)
        p = add(p, p)
        scalar >>= 1
    return result


def is_identity(p):
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


# --- Ed25519 -------------------------------------------------------------------------------------------------------


def ed25519_decode(encoding):
    """The point of 32 bytes, or None (RFC 8032 section 5.1.3)."""
    y = int.from_bytes(encoding, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    was_square, x = sqrt_ratio(u, v)
    if not was_square or (x == 0 and sign):
        return None
    x = P - x if (x & 1) != sign else x
    return (x, y, 1, x * y % P)


def ed25519_encode(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def ed25519_verify(public_key, message, signature):
    """RFC 8032 section 5.1.7 without the cofactor; a key or R of small order is refused."""
    a, r = ed25519_decode(public_key), ed25519_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or len(signature) != 64:
        return False
    if is_identity(multiply(8, a)) or is_identity(multiply(8, r)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    check = add(multiply(s, ED25519_BASE), negate(multiply(k, a)))
    return ed25519_encode(check) == signature[:32]


# --- ristretto255 --------------------------------------------------------------------------------------------------


def absolute(x):
    x %= P
    return P - x if x & 1 else x


def sqrt_ratio(u, v):
    """SQRT_RATIO_M1 of RFC 9496 section 4.2: (was u/v square, its root or that of SQRT_M1·u/v)."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct = check == u % P
    flipped = check == -u % P
    if flipped or check == -u * SQRT_M1 % P:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


def decode(encoding):
    """The element of 32 bytes, or None where they are not canonical (RFC 9496 section 4.3.1)."""
    s = int.from_bytes(encoding, "little")
    if s >= P or s & 1:
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-(D * u1 * u1) - u2 * u2) % P
    was_square, invsqrt = sqrt_ratio(1, v * u2 * u2 % P)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x, y = absolute(2 * s * den_x), u1 * den_y % P
    t = x * y % P
    if not was_square or t & 1 or y == 0:
        return None
    return (x, y, 1, t)


def encode(p):
    """The canonical 32 bytes (RFC 9496 section 4.3.2)."""
    x0, y0, z0, t0 = p
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, invsqrt = sqrt_ratio(1, u1 * u2 * u2 % P)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * t0 % P
    if t0 * z_inv % P & 1:
        x, y = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P
        den_inv = den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den_inv = x0, y0, den2
    if x * z_inv % P & 1:
        y = -y % P
    return absolute(den_inv * (z0 - y)).to_bytes(32, "little")


def map_to_element(t):
    """MAP of RFC 9496 section 4.3.4."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio(u, v)
    if was_square:
        c = P - 1
    else:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return (w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def from_uniform(uniform):
    """The element of 64 uniform bytes."""
    halves = [int.from_bytes(half, "little") % 2**255 % P for half in (uniform[:32], uniform[32:])]
    return add(map_to_element(halves[0]), map_to_element(halves[1]))


def expand_message_xmd(message, dst):
    """64 bytes, RFC 9380 section 5.3.1 with SHA-512: one block of output."""
    dst += bytes([len(dst)])
    b_0 = hashlib.sha512(bytes(128) + message + b"\x00\x40\x00" + dst).digest()
    return hashlib.sha512(b_0 + b"\x01" + dst).digest()


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))
ED25519_BASE = ed25519_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
