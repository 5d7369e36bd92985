"""Makes random-weight GGUF files of drawn shapes and types, all that the engine is meant to take.

Usage: python makeModels.py FOLDER SEED COUNT; prints one JSON object a file: its name and what was drawn. Types go round, so that
seven files have every one; every third file is one whose matrices each draw a type of their own.
"""
import json
import random
import sys
from pathlib import Path

from randomModel import TYPES, llama3_factors, write_model

KINDS = ["F32", "Q4_1", "mixed", "F16", "Q4_0", "mixed", "Q8_0"]
PRE = ["smollm", "gpt-2", "llama-bpe", "qwen2", "default"]


def draw_shape(draws):
    size = draws.choice([16, 24, 32, 40, 64, 80, 96, 128])
    key_heads = draws.choice([1, 1, 2, 3, 4])
    heads = key_heads * draws.choice([1, 2, 3, 4, 8])
    # All heads together are a multiple of 32.
    while heads * size % 32 or heads * size > 1024:
        heads, size = key_heads * draws.choice([1, 2, 4]), draws.choice([16, 32, 64])
    base = draws.choice([3162.0, 1e4, 1e5, 5e5, 1e6])
    shape = dict(
        vocab=draws.randint(280, 900),
        context=draws.choice([512, 2048, 131072]),
        width=draws.choice([heads * size if heads * size <= 256 else 64, 32 * draws.randint(1, 8)]),
        layers=draws.randint(1, 6),
        hidden=32 * draws.randint(1, 14),
        heads=heads,
        keyHeads=key_heads,
        headSize=size,
        ropeBase=base,
        epsilon=draws.choice([1e-5, 1e-6]),
        pre=draws.choice(PRE),
        addBegin=draws.random() < 0.5,
        mergesDropped=draws.choice([0, 7]),
        alignment=draws.choice([32, 32, 64, 256]),
    )
    if draws.random() < 0.3:
        shape["ropeFactors"] = llama3_factors(base, size)
    return shape


def main():
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for index in range(count):
        draws = random.Random(f"{seed} {index}")
        kind, shape, tied = KINDS[index % len(KINDS)], draw_shape(draws), draws.random() < 0.5
        drawn = {}

        def pick(name):
            drawn[name] = draws.choice(list(TYPES)) if kind == "mixed" else kind
            return drawn[name]

        name = f"model-{index}.gguf"
        write_model(folder / name, shape, pick, tied, seed * 1000 + index)
        if "ropeFactors" in shape:
            shape["ropeFactors"] = "llama3"
        print(json.dumps({"file": name, "kind": kind, "tied": tied, **shape}), flush=True)


main()
