"""Makes random-weight GGUF files of drawn shapes and types, all that the engine is meant to take.

Usage: python makeModels.py FOLDER SEED COUNT; prints one JSON object a file: its name and what was drawn. Types go round, so that
twenty files have every one, and families, six of them; of the mixed ones each matrix draws a type of its own, of `wide-mixed` those
of 256 columns among them.
"""
import json
import random
import sys
from pathlib import Path

from randomModel import TYPES, WIDE, llama3_factors, write_model

KINDS = [
    *["F32", "Q4_1", "mixed", "F16", "Q4_0", "mixed", "Q8_0", "Q4_K", "wide-mixed", "Q6_K", "Q5_K", "wide-mixed", "Q3_K", "Q2_K"],
    *["BF16", "Q5_0", "IQ4_NL", "Q5_1", "IQ4_XS", "mixed"],
]
FAMILIES = ["llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3"]
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


def draw_block_shape(draws):
    """As `draw_shape`, with rows that are whole blocks of 256."""
    shape = draw_shape(draws)
    size = draws.choice([32, 64, 128])
    heads = 256 * draws.randint(1, 2) // size
    key_heads = draws.choice([count for count in (1, 2, 4) if heads % count == 0])
    shape |= dict(width=256 * draws.randint(1, 2), hidden=256 * draws.randint(1, 3), heads=heads, keyHeads=key_heads, headSize=size)
    if "ropeFactors" in shape:
        shape["ropeFactors"] = llama3_factors(shape["ropeBase"], size)
    return shape


def draw_family(draws, family, shape):
    """What the family has of its own, with windows and bounds small enough to matter."""
    shape["architecture"] = family
    if family != "llama":
        shape.pop("ropeFactors", None)
        if draws.random() < 0.3:
            shape["ropeDivisor"] = draws.choice([2.0, 8.0])
    if family.startswith("qwen"):
        shape["pre"] = draws.choice(["qwen2", "qwen2", "default"])
    if family == "qwen2":  # llama.cpp has its heads as wide as the model
        shape["width"] = shape["heads"] * shape["headSize"]
    if family.startswith("gemma") or (family == "llama" and draws.random() < 0.4):
        shape |= dict(pieces=True, scoring=draws.choice(["ranks", "ties"]), tellsTurnEnd=draws.random() < 0.5)
        shape["spacePrefix"] = draws.random() < (0.2 if family.startswith("gemma") else 0.8)
    if family in ("gemma2", "gemma3"):
        shape["window"] = draws.choice([1, 3, 16, 100, 261, 4096])
        shape["logitCap"] = draws.choice([5.0, 12.0, 30.0])
        shape["layers"] = draws.randint(3, 8)
    if family == "gemma2":
        shape["scoreCap"] = draws.choice([1.5, 4.0, 50.0])


def main():
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for index in range(count):
        draws = random.Random(f"{seed} {index}")
        kind = KINDS[index % len(KINDS)]
        is_wide = kind in WIDE or kind == "wide-mixed"
        shape, tied = (draw_block_shape if is_wide else draw_shape)(draws), draws.random() < 0.5
        # Types go round in twenties, so families in threes of each: every pair comes within sixty.
        family = FAMILIES[(index + index // len(KINDS)) % len(FAMILIES)]
        draw_family(draws, family, shape)
        tied = tied or family.startswith("gemma")
        types = [name for name in TYPES if is_wide or name not in WIDE]
        drawn = {}

        def pick(name):
            drawn[name] = draws.choice(types) if kind.endswith("mixed") else kind
            return drawn[name]

        name = f"model-{index}.gguf"
        write_model(folder / name, shape, pick, tied, seed * 1000 + index)
        if "ropeFactors" in shape:
            shape["ropeFactors"] = "llama3"
        print(json.dumps({"file": name, "kind": kind, "tied": tied, **shape}), flush=True)


main()
