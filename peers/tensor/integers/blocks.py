"""Blocks of matrices of integers by spec/tensor.md 2.2 and 2.3, written from that page alone; nothing of Weightless takes part.

A block is (scales, minima, integers) of 32 columns: one scale, or one of each sixteen; as many minima or none; binary32 by their bits.
"""
import struct

from softFloat import F16, F32

# Columns and bytes of a block, and where its halves lie.
SHAPES = {
    **{"Q8_0": (32, 34, (0,)), "Q4_0": (32, 18, (0,)), "Q4_1": (32, 20, (0, 2)), "Q5_0": (32, 22, (0,)), "Q5_1": (32, 24, (0, 2))},
    **{"IQ4_NL": (32, 18, (0,)), "IQ4_XS": (256, 136, (0,))},
    **{"Q2_K": (256, 84, (80, 82)), "Q3_K": (256, 110, (108,)), "Q4_K": (256, 144, (0, 2)), "Q5_K": (256, 176, (0, 2)), "Q6_K": (256, 210, (208,))},
}
STEPS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]


def half(data, at):
    return F32.widen(struct.unpack_from("<H", data, at)[0], F16)


def low_or_high(byte, is_high):
    return byte >> 4 if is_high else byte & 15


def signed(byte):
    return byte - 256 if byte > 127 else byte


def read_row(kind, data):
    """The blocks of a row, one after the other."""
    columns, size, _ = SHAPES[kind]
    return [block for at in range(0, len(data), size) for block in READERS[kind](data[at : at + size])]


def read_short(nibbles_at, has_minimum=False, fifth_at=None, offset=0, steps=None):
    def read(b):
        numbers = [low_or_high(b[nibbles_at + i % 16], i >= 16) for i in range(32)]
        if fifth_at is not None:
            numbers = [number + 16 * (b[fifth_at + i // 8] >> i % 8 & 1) for i, number in enumerate(numbers)]
        integers = [steps[number] if steps else number - offset for number in numbers]
        return [([half(b, 0)], [half(b, 2)] if has_minimum else [], integers)]

    return read


def two(t, i):
    k = i // 32 % 4
    return t[32 * (i // 128) + i % 32] >> 2 * k & 3


def nibble(n, i):
    return low_or_high(n[32 * (i // 64) + i % 32], i // 32 % 2)


def bit(h, i):
    return h[i % 32] >> i // 32 & 1


def join(d, e, scales, minima, integers):
    """256 integers with a scale, and perhaps a minimum, for each 32 or each 16."""
    per_part = len(scales) // 8
    found = []
    for part in range(8):
        mine = slice(part * per_part, (part + 1) * per_part)
        ds = [F32.multiply(d, F32.of(s)) for s in scales[mine]]
        ms = [F32.negate(F32.multiply(e, F32.of(m))) for m in minima[mine]] if minima else []
        found.append((ds, ms, integers[part * 32 : part * 32 + 32]))
    return found


def read_two(b):
    c, t = b[:16], b[16:80]
    return join(half(b, 80), half(b, 82), [byte & 15 for byte in c], [byte >> 4 for byte in c], [two(t, i) for i in range(256)])


def read_three(b):
    h, t, c = b[:32], b[32:96], b[96:108]
    scales = []
    for p in range(16):
        high = c[8 + p % 4] >> 2 * (p // 4) & 3
        scales.append(low_or_high(c[p % 8], p >= 8) + 16 * high - 32)
    return join(half(b, 108), None, scales, None, [two(t, i) + 4 * bit(h, i) - 4 for i in range(256)])


def six_bits(c):
    scales, minima = [], []
    for p in range(8):
        r = p - 4
        scales.append(c[p] % 64 if p < 4 else c[r + 8] % 16 + 16 * (c[r] // 64))
        minima.append(c[p + 4] % 64 if p < 4 else c[r + 8] // 16 + 16 * (c[r + 4] // 64))
    return scales, minima


def read_four(b):
    n = b[16:]
    return join(half(b, 0), half(b, 2), *six_bits(b[4:16]), [nibble(n, i) for i in range(256)])


def read_five(b):
    h, n = b[16:48], b[48:]
    return join(half(b, 0), half(b, 2), *six_bits(b[4:16]), [nibble(n, i) + 16 * bit(h, i) for i in range(256)])


def read_six(b):
    n, t, c = b[:128], b[128:192], b[192:208]
    low = [low_or_high(n[64 * (i // 128) + i % 64], i // 64 % 2) for i in range(256)]
    return join(half(b, 208), None, [signed(byte) for byte in c], None, [low[i] + 16 * two(t, i) - 32 for i in range(256)])


def read_steps(b):
    g, l, n = struct.unpack_from("<H", b, 2)[0], b[4:8], b[8:]
    scales = [low_or_high(l[p // 2], p % 2) + 16 * (g >> 2 * p & 3) - 32 for p in range(8)]
    integers = [STEPS[low_or_high(n[16 * (i // 32) + i % 16], i % 32 >= 16)] for i in range(256)]
    return join(half(b, 0), None, scales, None, integers)


READERS = {
    "Q8_0": lambda b: [([half(b, 0)], [], [signed(byte) for byte in b[2:]])],
    "Q4_0": read_short(2, offset=8),
    "Q4_1": read_short(4, has_minimum=True),
    "Q5_0": read_short(6, fifth_at=2, offset=16),
    "Q5_1": read_short(8, has_minimum=True, fifth_at=4),
    "IQ4_NL": read_short(2, steps=STEPS),
    "IQ4_XS": read_steps,
    **{"Q2_K": read_two, "Q3_K": read_three, "Q4_K": read_four, "Q5_K": read_five, "Q6_K": read_six},
}
