"""Draws inputs of the operators and says what spec/tensor.md and spec/training.md make of them: one JSON object a line, after one with the origin.

Usage: python3 drawCases.py SEED COUNT [small]
COUNT cases of each operator; `small` draws no long vectors, for a file that is kept. Bytes are base64, little-endian; `output` is
null where the run fails. Nothing beside Python's standard library, and nothing of Weightless, takes part.
"""
import base64
import json
import random
import struct
import sys

import backward
import operators
from blocks import SHAPES
from softFloat import F16, F32, F64

EDGES = [0, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x3F800000, 0x0D7FFFFF, 0x0D800000, 0x0D800001, 0x5F000000, 0x20000000, 0x42B09999, 0x42B0999A, 0x33D6BF95]
HALF_EDGES = [0, 1, 0x03FF, 0x0400, 0x7BFF, 0x3C00]
MOODS = ["plain"] * 5 + ["wide", "small", "edges", "mixed", "sparse"]


class Draws:
    def __init__(self, seed, long):
        self.random = random.Random(seed)
        self.long = long

    def number(self, exponents):
        low, high = exponents
        return self.random.getrandbits(1) << 31 | (self.random.randint(low, high) + 127) << 23 | self.random.getrandbits(23)

    def vector(self, count, mood=None, exponents=(-9, 2)):
        mood = mood or self.random.choice(MOODS)
        draws = {
            "plain": lambda: self.number(exponents),
            "wide": lambda: self.number((-60, 60)),
            "small": lambda: self.random.getrandbits(1) << 31 | self.random.getrandbits(self.random.choice([1, 8, 23, 26])),
            "edges": lambda: self.random.getrandbits(1) << 31 | self.random.choice(EDGES),
            "sparse": lambda: self.number(exponents) if self.random.random() < 0.1 else self.random.getrandbits(1) << 31,
        }
        draws["mixed"] = lambda: draws[self.random.choice(["plain", "wide", "small", "edges", "sparse"])]()
        return [draws[mood]() for _ in range(count)]

    def spoil(self, vector, share=0.02):
        """Puts an infinity or NaN into some vectors."""
        if self.random.random() < share:
            vector[self.random.randrange(len(vector))] = self.random.choice([F32.infinity, F32.infinity | F32.sign, F32.nan])
        return vector

    def half(self):
        if self.random.random() < 0.1:
            return self.random.getrandbits(1) << 15 | self.random.choice(HALF_EDGES)
        bits = self.random.getrandbits(16)
        return bits if F16.is_finite(bits) else bits & 0xBFFF

    def matrix(self, kind, rows, columns):
        if kind == "F32":
            return pack(self.vector(rows * columns))
        if kind == "F16":
            return struct.pack(f"<{rows * columns}H", *(self.half() for _ in range(rows * columns)))
        if kind == "BF16":
            return b"".join(pack([value])[2:] for value in self.vector(rows * columns))
        width, size, halves = SHAPES[kind]
        return b"".join(self.block(size, halves) for _ in range(rows * columns // width))

    def block(self, size, halves):
        """Random bytes with halves at some places."""
        drawn = [struct.pack("<H", self.half()) for _ in halves]
        block = bytearray(self.random.randbytes(size - 2 * len(halves)))
        for at, half in zip(halves, drawn):
            block[at:at] = half
        return bytes(block)

    def columns(self, most, long, width=32):
        return width * (long if self.long and self.random.random() < 0.01 else self.random.randint(1, most))


def pack(vector):
    return struct.pack(f"<{len(vector)}I", *vector)


def pack64(*bits):
    return struct.pack(f"<{len(bits)}Q", *bits)


def width_of(kind):
    return 32 if kind in operators.FLOATS else SHAPES[kind][0]


def product(draws, kind):
    float_kind, width = kind in operators.FLOATS, width_of(kind)
    rows = draws.random.randint(1, 12 if draws.long else 3 if float_kind else 9)
    columns = draws.columns(*((20 if draws.long else 10, 40) if float_kind else (5, 258) if width == 32 else (2, 33)), width)
    matrix, vector = draws.matrix(kind, rows, columns), draws.spoil(draws.vector(columns))
    output = operators.matrix_times_vector(kind, rows, matrix, vector)
    return dict(rows=rows, columns=columns, matrix=matrix, vector=pack(vector)), output


def embed(draws, kind):
    columns = draws.columns(3, 3, width_of(kind))
    row = draws.matrix(kind, 1, columns)
    return dict(columns=columns, matrix=row), operators.embedding_row(kind, row)


def normalise(draws):
    columns = draws.columns(12, 40)
    vector, weight = draws.spoil(draws.vector(columns)), draws.vector(columns, "plain", (-3, 2))
    epsilon = F32.widen(draws.random.choice([F64.constant(text) for text in ("1e-5", "1e-6", "1e-12", "1e-40", "0.5")]), F64)
    output = operators.normalise(vector, weight, epsilon)
    return dict(vector=pack(vector), weight=pack(weight), epsilon=pack([epsilon])), output


def rotate(draws):
    size = draws.random.choice([8, 16, 24, 64, 96, 128])
    rotated = min(size, 4 * draws.random.randint(1, size // 4)) if draws.random.random() < 0.3 else size
    texts = ["1", "1.5", "10000", "100000", "500000", "1000000", "3e38", "1e300"]
    base = F64.constant(draws.random.choice(texts))
    divisors = None
    if draws.random.random() < 0.3:
        divisors = [F32.magnitude(value) | 1 for value in draws.vector(rotated // 2, draws.random.choice(["plain", "plain", "wide", "small"]))]
    position = draws.random.choice([0, 1, draws.random.randrange(8192), draws.random.randrange(1 << 24)])
    head = draws.spoil(draws.vector(size))
    output = operators.rotate(head, position, base, rotated, divisors)
    case = dict(position=position, base=pack64(base), rotated=rotated, head=pack(head))
    return case if divisors is None else dict(case, divisors=pack(divisors)), output


def attend(draws):
    heads, key_heads = draws.random.choice([(1, 1), (2, 1), (3, 1), (4, 2), (7, 1), (9, 3)])
    size = draws.random.choice([8, 16, 24, 40])
    positions = draws.random.randint(1, 24 if draws.long else 9)
    if draws.long and draws.random.random() < 0.02:
        heads, key_heads, size, positions = 4, 1, 8, draws.random.randint(255, 520)
    exponents = (-9, draws.random.choice([0, 2, 6]))
    # At 70 products overflow.
    if draws.random.random() < 0.02:
        exponents = (40, 70)
    queries = draws.vector(heads * size, exponents=exponents)
    keys = draws.vector(positions * key_heads * size, exponents=exponents)
    values = draws.vector(positions * key_heads * size)
    output = operators.attend(queries, keys, values, heads, key_heads, size)
    return dict(heads=heads, keyHeads=key_heads, size=size, queries=pack(queries), keys=pack(keys), values=pack(values)), output


def gate(draws):
    columns = draws.columns(3, 3)
    exponents = (-9, draws.random.choice([2, 7, 126]))
    gates, ups = draws.spoil(draws.vector(columns, exponents=exponents)), draws.spoil(draws.vector(columns))
    return dict(gates=pack(gates), ups=pack(ups)), operators.gate(gates, ups)


def sample(draws):
    count = draws.random.randint(1, 600 if draws.long else 120)
    exponents = (-3, draws.random.choice([1, 3, 5]))
    logits = draws.vector(count, draws.random.choice(["plain"] * 8 + MOODS), exponents)
    for _ in range(draws.random.choice([0, 0, count // 4])):
        # Ties, and tokens that a grammar leaves out.
        other = draws.random.randrange(count)
        logits[draws.random.randrange(count)] = draws.random.choice([logits[other], logits[other], F32.infinity | F32.sign])
    if all(logit == F32.infinity | F32.sign for logit in logits):
        logits[0] = F32.of(1)
    texts = ["0", "1e-60", "1e-45", "0.1", "0.7", "0.7", "1", "1", "1.4", "2"]
    temperature = F64.constant(draws.random.choice(texts))
    top_p = F64.constant(draws.random.choice(["1", "1", "0.95", "0.9", "0.5", "0.1", "1e-300", "0.999999999"]))
    seed, draw = draws.random.randbytes(32), draws.random.choice([0, 1, draws.random.getrandbits(32)])
    output = operators.sample(logits, temperature, top_p, seed, draw)
    return dict(logits=pack(logits), temperature=pack64(temperature), topP=pack64(top_p), seed=seed, draw=draw), output


def normalise_back(draws):
    columns = draws.columns(12, 40)
    vector, weight = draws.spoil(draws.vector(columns)), draws.vector(columns, "plain", (-3, 2))
    gradient, past = draws.vector(columns), draws.vector(columns)
    epsilon = F32.widen(draws.random.choice([F64.constant(text) for text in ("1e-5", "1e-6")]), F64)
    output = backward.normalise_back(vector, weight, gradient, past, epsilon)
    inputs = dict(vector=vector, weight=weight, gradient=gradient, past=past, epsilon=[epsilon])
    return {name: pack(value) for name, value in inputs.items()}, output


def gate_back(draws):
    columns = draws.columns(3, 3)
    gates = draws.spoil(draws.vector(columns, exponents=(-9, draws.random.choice([2, 7, 126]))))
    ups, gradient = draws.vector(columns), draws.vector(columns)
    inputs = dict(gates=gates, ups=ups, gradient=gradient)
    return {name: pack(value) for name, value in inputs.items()}, backward.gate_back(gates, ups, gradient)


def optimise(draws):
    columns = draws.columns(2, 2)
    vectors = dict(values=draws.vector(columns), means=draws.vector(columns), gradient=draws.vector(columns))
    vectors["squares"] = [F32.magnitude(value) for value in draws.vector(columns)]
    options = dict(
        beta1=draws.random.choice(["0", "0.9", "0.95"]),
        beta2=draws.random.choice(["0.95", "0.99", "0.999"]),
        epsilon=draws.random.choice(["1e-8", "1e-6"]),
        weightDecay=draws.random.choice(["0", "0.01", "0.1"]),
        rate=draws.random.choice(["1e-4", "3e-3", "1"]),
        clipNorm=draws.random.choice(["0", "1", "0.3"]),
    )
    options = {name: F64.constant(text) for name, text in options.items()}
    norm, step = F64.constant(draws.random.choice(["0.2", "0.7", "3.3e4"])), draws.random.choice([1, 2, 77, 100000])
    output = backward.optimise(**vectors, norm=norm, options=options, step=step)
    case = {**{name: pack(value) for name, value in vectors.items()}, **{name: pack64(bits) for name, bits in options.items()}}
    return dict(case, norm=pack64(norm), step=step), output


TYPES = [*SHAPES, *operators.FLOATS]
OPERATORS = {
    **{f"product {kind}": lambda draws, kind=kind: product(draws, kind) for kind in TYPES},
    **{f"embed {kind}": lambda draws, kind=kind: embed(draws, kind) for kind in TYPES},
    "normalise": normalise,
    "rotate": rotate,
    "attend": attend,
    "gate": gate,
    "sample": sample,
    "normaliseBack": normalise_back,
    "gateBack": gate_back,
    "optimise": optimise,
}


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    long = "small" not in sys.argv[3:]
    origin = "peers/tensor/integers/drawCases.py: Python's integers alone, written from spec/tensor.md and spec/training.md"
    print(json.dumps({"origin": origin, "seed": seed, "countOfEach": count}))
    for name, draw in OPERATORS.items():
        draws = Draws(f"{seed} {name}", long)
        for _ in range(count):
            case, output = draw(draws)
            case["output"] = pack(output) if isinstance(output, list) else output
            text = {key: base64.b64encode(value).decode() if isinstance(value, bytes) else value for key, value in case.items()}
            print(json.dumps({"operator": name, **text}, separators=(",", ":")))


main()
