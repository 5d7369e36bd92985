"""Makes the small random-weight GGUF files in vectors/tensor, reproducibly.

Usage: pip install -r requirements.txt; python makeTinyModels.py [FOLDER]
"""
import sys
from pathlib import Path

from randomModel import ROOT, llama3_factors, part, write_model

OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "vectors" / "tensor"

MIXED = {"attn_q": "Q4_1", "attn_k": "Q4_0", "attn_v": "Q8_0", "attn_output": "F16", "ffn_gate": "Q4_1", "ffn_up": "Q4_1", "ffn_down": "Q4_0"}
MORE = [
    {"attn_q": "Q4_K", "attn_k": "Q6_K", "attn_v": "Q2_K", "attn_output": "Q5_1", "ffn_gate": "Q5_K", "ffn_up": "IQ4_XS", "ffn_down": "IQ4_NL"},
    {"attn_q": "Q5_0", "attn_k": "BF16", "attn_v": "Q8_0", "attn_output": "Q4_1", "ffn_gate": "Q4_0", "ffn_up": "Q6_K", "ffn_down": "Q5_0"},
]
FLOAT = {"attn_q": "F32", "attn_k": "F16", "attn_v": "Q4_1", "attn_output": "Q8_0", "ffn_gate": "F16", "ffn_up": "Q8_0", "ffn_down": "Q4_1", "output": "F16", "token_embd": "Q4_0"}

write_model(
    OUT / "tiny-random.gguf",
    dict(vocab=512, context=2048, width=64, layers=2, hidden=128, heads=4, keyHeads=2, headSize=16, ropeBase=100000.0),
    lambda name: "Q8_0" if name == "token_embd.weight" else MIXED[part(name)],
    tied=True,
    seed=1,
)
write_model(
    OUT / "tiny-untied.gguf",
    dict(vocab=389, context=512, width=64, layers=2, hidden=96, heads=4, keyHeads=4, headSize=24, ropeBase=10000.0),
    lambda name: FLOAT[part(name)],
    tied=False,
    seed=2,
)
write_model(
    OUT / "tiny-scaled.gguf",
    dict(
        **dict(vocab=300, context=131072, width=32, layers=3, hidden=288, heads=4, keyHeads=1, headSize=40, ropeBase=500000.0),
        **dict(epsilon=1e-6, pre="llama-bpe", addBegin=True, alignment=64, ropeFactors=llama3_factors(500000.0, 40)),
    ),
    lambda name: "F32" if part(name) == "ffn_down" else "Q4_0" if part(name) == "attn_q" else "Q8_0",
    tied=True,
    seed=3,
)
write_model(
    OUT / "tiny-types.gguf",
    dict(vocab=290, context=512, width=256, layers=2, hidden=32, heads=2, keyHeads=1, headSize=32, ropeBase=10000.0),
    lambda name: "Q3_K" if name == "token_embd.weight" else MORE[int(name.split(".")[1])][part(name)],
    tied=True,
    seed=4,
)
# One of each family that is not Llama but Gemma 1, whose parts Gemma 2 has: windows shorter than the positions that tests run.
write_model(
    OUT / "tiny-qwen2.gguf",
    dict(
        **dict(architecture="qwen2", vocab=300, context=512, width=64, layers=2, hidden=64, heads=4, keyHeads=2, headSize=16),
        **dict(ropeBase=1e6, epsilon=1e-6, pre="qwen2", ropeDivisor=2.0),
    ),
    lambda name: "Q8_0" if name == "token_embd.weight" else MIXED[part(name)],
    tied=True,
    seed=5,
)
write_model(
    OUT / "tiny-qwen3.gguf",
    dict(
        **dict(architecture="qwen3", vocab=300, context=512, width=32, layers=2, hidden=64, heads=4, keyHeads=1, headSize=24),
        **dict(ropeBase=1e6, epsilon=1e-6, pre="qwen2"),
    ),
    lambda name: FLOAT[part(name)],
    tied=False,
    seed=6,
)
write_model(
    OUT / "tiny-gemma2.gguf",
    dict(
        **dict(architecture="gemma2", vocab=120, context=512, width=32, layers=2, hidden=64, heads=4, keyHeads=2, headSize=16),
        **dict(ropeBase=1e4, epsilon=1e-6, window=5, scoreCap=2.0, logitCap=4.0),
        **dict(pieces=True, scoring="ties", spacePrefix=True, tellsTurnEnd=False),
    ),
    lambda name: "Q8_0" if name == "token_embd.weight" else MIXED[part(name)],
    tied=True,
    seed=7,
)
write_model(
    OUT / "tiny-gemma3.gguf",
    dict(
        **dict(architecture="gemma3", vocab=200, context=512, width=32, layers=7, hidden=32, heads=3, keyHeads=1, headSize=32),
        **dict(ropeBase=1e6, epsilon=1e-6, window=6, ropeDivisor=8.0, pieces=True, scoring="ranks"),
    ),
    lambda name: "Q8_0" if name == "token_embd.weight" else MIXED[part(name)],
    tied=True,
    seed=8,
)
