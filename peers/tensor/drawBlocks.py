"""Blocks of k-quants of random bytes, and the values that the Python package `gguf` reads from them.

Usage: pip install -r requirements.txt; python drawBlocks.py > ../../vectors/tensor/k-quants.json
Scales are drawn like the other bytes; only infinities and NaN, which the engine refuses, are drawn again. The first block of a type has
a negative scale, the second a scale below the normal halves.
"""
import base64
import json
import sys

import gguf
import numpy as np

BLOCKS = 5
# Where a block has its scales: halves, of which each is finite.
SCALES = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}


def draw(kind, rng):
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]][1]
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for index, block in enumerate(blocks):
        for at in SCALES[kind]:
            while block[at + 1] & 0x7C == 0x7C:
                block[at + 1] = rng.integers(0, 256)
        high = SCALES[kind][0] + 1
        if index == 0:
            block[high] |= 0x80
        elif index == 1:
            block[high] &= 0x83
    return blocks


def main():
    rng = np.random.default_rng(17)
    vectors = {"origin": f"peers/tensor/drawBlocks.py (Python gguf 0.19.0, numpy {np.__version__})"}
    for kind in SCALES:
        blocks = draw(kind, rng)
        values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[kind])
        assert values.dtype == np.float32 and values.shape == (BLOCKS, 256) and np.isfinite(values).all()
        encode = lambda array: base64.b64encode(array.tobytes()).decode()
        vectors[kind] = {"blocks": encode(blocks), "valuesF32": encode(values.astype("<f4"))}
    json.dump(vectors, sys.stdout, indent=1)
    print()


main()
