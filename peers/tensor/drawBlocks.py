"""Blocks of random bytes of every quantised type that the engine reads, and the values that the Python package `gguf` reads from them.

Usage: pip install -r requirements.txt; python drawBlocks.py > ../../vectors/tensor/blocks.json
Scales are drawn like the other bytes; only infinities and NaN, which the engine refuses, are drawn again. The first block of a type has
a negative scale, the second a scale below the normal halves.
"""
import base64
import json
import sys

import gguf
import numpy as np

BLOCKS = 5
# Where a block has its scales and minima: halves, of which each is finite.
HALVES = {
    **{"Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q8_0": (0,), "IQ4_NL": (0,), "IQ4_XS": (0,)},
    **{"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)},
}


def draw(kind, size, rng):
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for index, block in enumerate(blocks):
        for at in HALVES[kind]:
            while block[at + 1] & 0x7C == 0x7C:
                block[at + 1] = rng.integers(0, 256)
        high = HALVES[kind][0] + 1
        if index == 0:
            block[high] |= 0x80
        elif index == 1:
            block[high] &= 0x83
    return blocks


def encode(array):
    return base64.b64encode(array.tobytes()).decode()


def main():
    rng = np.random.default_rng(17)
    vectors = []
    for kind, halves in HALVES.items():
        number = gguf.GGMLQuantizationType[kind]
        count, size = gguf.GGML_QUANT_SIZES[number]
        blocks = draw(kind, size, rng)
        values = gguf.quants.dequantize(blocks, number)
        assert values.dtype == np.float32 and values.shape == (BLOCKS, count) and np.isfinite(values).all()
        vectors.append({"type": kind, "halves": halves, "blocks": encode(blocks), "valuesF32": encode(values.astype("<f4"))})
    origin = f"peers/tensor/drawBlocks.py (Python gguf 0.19.0, numpy {np.__version__})"
    json.dump({"origin": origin, "vectors": vectors}, sys.stdout, indent=1)
    print()


main()
