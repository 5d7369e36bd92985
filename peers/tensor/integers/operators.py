"""Operators of spec/tensor.md by integers, written from that page alone; nothing of Weightless takes part.

Vectors are lists of the bits of binary32 numbers. None stands for a run that fails, since a vector that would be quantised
or committed holds a number that is not finite (section 1).
"""
import struct

from blocks import read_row
from softFloat import F16, F32, F64

add, multiply, divide = F32.add, F32.multiply, F32.divide
ONE = F32.of(1)
ZERO = F32.of(0)


def finite(vector):
    return vector if all(F32.is_finite(value) for value in vector) else None


def largest(a, b):
    """NaN if either is NaN."""
    if F32.is_nan(a) or F32.is_nan(b):
        return F32.nan
    return b if F32.less(a, b) else a


def smallest(a, b):
    return F32.negate(largest(F32.negate(a), F32.negate(b)))


# 3.1


def fold(values):
    sums = []
    for begin in range(0, len(values), 256):
        total = ZERO
        for value in values[begin : begin + 256]:
            total = add(total, value)
        sums.append(total)
    return sums[0] if len(sums) == 1 else fold(sums)


# 3.2

EXP_MOST, EXP_LEAST = F32.constant("88.3"), F32.constant("-87.3")
LOG2_E = F32.constant("1.44269504")
LN2_HIGH, LN2_LOW = F32.constant("0.693359375"), F32.constant("2.1219444e-4")
EXP_FIRST = F32.constant("1.98756915e-4")
EXP_REST = [F32.constant(text) for text in ("1.3981999507e-3", "8.3334519073e-3", "4.1665795894e-2", "1.6666665459e-1", "5.0000001201e-1")]


def exponential(x):
    x = largest(smallest(x, EXP_MOST), EXP_LEAST)
    if F32.is_nan(x):
        return x
    n = F32.nearest(multiply(x, LOG2_E))
    n_float = F32.of(n)
    r = add(F32.subtract(x, multiply(n_float, LN2_HIGH)), multiply(n_float, LN2_LOW))
    p = EXP_FIRST
    for c in EXP_REST:
        p = add(multiply(p, r), c)
    p = add(add(multiply(multiply(p, r), r), r), ONE)
    sign, mantissa, exponent = F32.split(p)
    return F32.round(sign, mantissa, exponent + n)


# 3.3

LEAST_SCALED = F32.round(0, 1, -100)
STEPS = F32.of(32767)


def quantise(vector):
    """Blocks of (scale, integers)."""
    blocks = []
    for begin in range(0, len(vector), 32):
        block = vector[begin : begin + 32]
        most = max(F32.magnitude(value) for value in block)
        if most < LEAST_SCALED:
            blocks.append((ZERO, [0] * len(block)))
            continue
        factor = divide(STEPS, most)
        blocks.append((divide(most, STEPS), [F32.nearest(multiply(value, factor)) for value in block]))
    return blocks


# 2.2 and 3.4

FLOATS = ("F32", "F16", "BF16")


def read_floats(kind, data):
    if kind == "F32":
        return list(struct.unpack(f"<{len(data) // 4}I", data))
    halves = struct.unpack(f"<{len(data) // 2}H", data)
    return [bits << 16 if kind == "BF16" else F32.widen(bits, F16) for bits in halves]


def term(block, scale, integers):
    """32 columns of a row of integers times as many of a vector."""
    scales, minima, weights = block
    size = 32 // len(scales)
    values = []
    for part, d in enumerate(scales):
        q = integers[part * size : (part + 1) * size]
        value = multiply(d, F32.of(sum(w * x for w, x in zip(weights[part * size :], q))))
        values.append(add(value, multiply(minima[part], F32.of(sum(q)))) if minima else value)
    return multiply(scale, values[0] if len(values) == 1 else add(*values))


def matrix_times_vector(kind, rows, matrix, vector):
    """matrix: the bytes of a GGUF tensor, row after row."""
    columns = len(vector)
    if kind in FLOATS:
        weights = read_floats(kind, matrix)
        return finite([fold([multiply(w, x) for w, x in zip(weights[row * columns :], vector)]) for row in range(rows)])
    if finite(vector) is None:
        return None
    blocks, size = quantise(vector), len(matrix) // rows
    output = []
    for row in range(rows):
        weights = read_row(kind, matrix[row * size : (row + 1) * size])
        output.append(fold([term(block, scale, integers) for block, (scale, integers) in zip(weights, blocks)]))
    return finite(output)


def embedding_row(kind, row):
    """Section 5, embed: a row as its weights are."""
    if kind in FLOATS:
        return finite(read_floats(kind, row))
    output = []
    for scales, minima, weights in read_row(kind, row):
        for i, weight in enumerate(weights):
            part = i * len(scales) // 32
            value = multiply(scales[part], F32.of(weight))
            output.append(add(value, minima[part]) if minima else value)
    return finite(output)


# 3.5


def normalise(vector, weight, epsilon):
    e = divide(fold([multiply(x, x) for x in vector]), F32.of(len(vector)))
    k = divide(ONE, F32.square_root(add(e, epsilon)))
    return finite([multiply(multiply(x, k), w) for x, w in zip(vector, weight)])


HALF_PI, HALF_PI_REST = F64.constant("1.5707963267948966"), F64.constant("6.123233995736766e-17")


def root_of(value, degree):
    """Root of a degree by Newton from 1, in binary64."""
    guess = F64.of(1)
    for _ in range(500):
        power = F64.of(1)
        for _ in range(degree - 1):
            power = F64.multiply(power, guess)
        change = F64.divide(F64.subtract(F64.multiply(power, guess), value), F64.multiply(F64.of(degree), power))
        better = F64.subtract(guess, change)
        if not F64.less(better, guess):
            break
        guess = better
    return guess


def angles(base, rotated, divisors):
    """base: bits of binary64; divisors: rope_freqs, bits of binary32, or None."""
    step = root_of(F64.divide(F64.of(1), base), rotated // 2)
    angle = F64.of(1)
    output = []
    for index in range(rotated // 2):
        output.append(angle if divisors is None else F64.divide(angle, F64.widen(divisors[index], F32)))
        angle = F64.multiply(angle, step)
    return output


def sine_and_cosine(angle):
    one, half = F64.of(1), F64.ratio(0, 1, 2)
    if not F64.is_finite(angle):
        return F32.nan, F32.nan
    k = F64.floor(F64.add(F64.divide(angle, HALF_PI), half))
    turns = F64.of(k)
    x = F64.subtract(F64.subtract(angle, F64.multiply(turns, HALF_PI)), F64.multiply(turns, HALF_PI_REST))
    square = F64.multiply(x, x)
    sine = cosine = F64.of(0)
    for i in range(10, 0, -1):
        sine = F64.multiply(F64.add(one, sine), F64.divide(F64.negate(square), F64.of(2 * i * (2 * i + 1))))
        cosine = F64.multiply(F64.add(one, cosine), F64.divide(F64.negate(square), F64.of((2 * i - 1) * 2 * i)))
    sine, cosine = F64.multiply(x, F64.add(one, sine)), F64.add(one, cosine)
    quadrant = [(sine, cosine), (cosine, F64.negate(sine)), (F64.negate(sine), F64.negate(cosine)), (F64.negate(cosine), sine)]
    return tuple(F32.widen(bits, F64) for bits in quadrant[k % 4])


def rotate(head, position, base, rotated, divisors):
    output = list(head)
    for index, angle in enumerate(angles(base, rotated, divisors)):
        sine, cosine = sine_and_cosine(F64.multiply(F64.of(position), angle))
        a, b = head[2 * index], head[2 * index + 1]
        output[2 * index] = add(multiply(a, cosine), multiply(b, F32.negate(sine)))
        output[2 * index + 1] = add(multiply(b, cosine), multiply(a, sine))
    return finite(output)


# 3.6


def attend(queries, keys, values, heads, key_heads, size):
    """queries [heads][size] of the last position; keys and values [positions][key heads][size]."""
    positions = len(keys) // (key_heads * size)
    scale = F32.widen(F64.divide(F64.of(1), F64.square_root(F64.of(size))), F64)
    output = []
    for head in range(heads):
        query = queries[head * size :][:size]
        key_head = head // (heads // key_heads)
        places = [(position * key_heads + key_head) * size for position in range(positions)]
        scores = [multiply(fold([multiply(q, k) for q, k in zip(query, keys[at : at + size])]), scale) for at in places]
        most = scores[0]
        for score in scores:
            most = largest(most, score)
        weights = [exponential(F32.subtract(score, most)) for score in scores]
        total = fold(weights)
        for d in range(size):
            output.append(divide(fold([multiply(p, values[at + d]) for p, at in zip(weights, places)]), total))
    return finite(output)


# 3.7


def gate(gates, ups):
    return finite([multiply(divide(g, add(ONE, exponential(F32.negate(g)))), u) for g, u in zip(gates, ups)])


# 7


def philox(counter, key):
    """Philox4x32-10 of Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011)."""
    c, k, mask = list(counter), list(key), 0xFFFFFFFF
    for turn in range(10):
        if turn > 0:
            k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [second >> 32 ^ c[1] ^ k[0], second & mask, first >> 32 ^ c[3] ^ k[1], first & mask]
    return c


def sample(logits, temperature, top_p, seed, draw):
    """temperature, top_p: bits of binary64; seed: 32 bytes. The record of section 7, 24 bytes."""
    temperature = F32.widen(temperature, F64)
    best = 0
    for token, logit in enumerate(logits):
        if F32.less(logits[best], logit):
            best = token
    if F32.magnitude(temperature) == 0:
        return struct.pack("<IIQII", best, 1, 0, 0, 0)
    weights = []
    for logit in logits:
        power = exponential(divide(F32.subtract(logit, logits[best]), temperature))
        sign, mantissa, exponent = F32.split(power)
        exponent += 31
        weights.append(mantissa << exponent if exponent >= 0 else mantissa >> -exponent)
    kept = list(range(len(weights)))
    if F64.less(top_p, F64.of(1)):
        goal = F64.multiply(top_p, F64.of(sum(weights)))
        ranked = sorted(kept, key=lambda token: (-weights[token], token))
        kept, reached = [], 0
        for token in ranked:
            kept.append(token)
            reached += weights[token]
            if not F64.less(F64.of(reached), goal):
                break
        kept.sort()
    kept = [token for token in kept if weights[token] > 0]
    total = sum(weights[token] for token in kept)
    words = struct.unpack("<8I", seed)
    c = philox([draw, words[2] ^ words[5], words[3] ^ words[6], words[4] ^ words[7]], words[:2])
    uniform = F64.round(0, (c[0] << 21) + (c[1] >> 11), -53)
    goal = F64.multiply(uniform, F64.of(total))
    running = 0
    for token in kept:
        running += weights[token]
        if F64.less(goal, F64.of(running)):
            return struct.pack("<IIQII", token, len(kept), F64.of(total), c[0], c[1])
    raise ValueError("unreachable: the sum of what is kept exceeds every part of it")
