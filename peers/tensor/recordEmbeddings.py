"""Writes vectors/encoder/*.json: tokens by Hugging Face `tokenizers`, vectors by numpy in f64.

Nothing of Weightless takes part. Usage: recordEmbeddings.py <folder with model.safetensors, tokenizer.json, config.json> <out>
"""

import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import tokenizers

folder, out = Path(sys.argv[1]), Path(sys.argv[2])

TEXTS = [
    "",
    "hello world",
    "The quick brown fox jumps over the lazy dog.",
    "Weightless networks store, run and settle everything.",
    "Crème brûlée déjà vu naïve Ångström ǅ İstanbul ΣΊΣΥΦΟΣ",
    "what's up? don't-stop... $5.00 (a+b)^2 `code` ~tilde~ |pipe|",
    "北京是中国的首都。東京タワー",
    "한국어 문장입니다 각",
    "tab\tnewline\r\nnul\u0000zero\u200bwidth\u00adsoft\ufeffbom\u2028line\u3000wide",
    "emoji 😀 👩‍👩‍👧 🇨🇭 family",
    "[CLS] literal [SEP] tokens [MASK][PAD] [UNK] [cls]",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 100 + " " + "y" * 101 + " z",
    "हिन्दी में लिखा हुआ वाक्य क़",
    "עברית עם נִקּוּד والعربيّة",
    "Ⅷ ½ ℃ ﬁ ligature Ｆｕｌｌ ｗｉｄｔｈ",
    "\u037e\u1fef\u0344 a\u0301\u0327e\u0300 \U0001d15e",
    "A man is eating food. A man is eating a piece of bread.",
    "“Curly” — dash… ¿qué? ¡sí! «guillemets» §5 ©2026 ®™ °C €10 £5",
    "豈更車 \U0002f800 \U00020000",
]

tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_truncation()
tokenizer.no_padding()
tokens = [tokenizer.encode(text).ids for text in TEXTS]
config = json.loads((folder / "config.json").read_text())

data = (folder / "model.safetensors").read_bytes()
(head_bytes,) = struct.unpack("<Q", data[:8])
head = json.loads(data[8 : 8 + head_bytes])


def tensor(name):
    begin, end = (8 + head_bytes + offset for offset in head[name]["data_offsets"])
    return np.frombuffer(data[begin:end], dtype="<f4").reshape(head[name]["shape"]).astype(np.float64)


erf = np.vectorize(math.erf)


def linear(x, name):
    return x @ tensor(name + ".weight").T + tensor(name + ".bias")


def norm(x, name):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    scaled = centred / np.sqrt(variance + config["layer_norm_eps"])
    return scaled * tensor(name + ".weight") + tensor(name + ".bias")


def embed(ids):
    n, heads = len(ids), config["num_attention_heads"]
    x = tensor("embeddings.word_embeddings.weight")[ids] + tensor("embeddings.position_embeddings.weight")[:n]
    x = norm(x + tensor("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."
        q, k, v = (
            linear(x, at + "attention.self." + part).reshape(n, heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(n, -1)
        x = norm(linear(mixed, at + "attention.output.dense") + x, at + "attention.output.LayerNorm")
        hidden = linear(x, at + "intermediate.dense")
        hidden = hidden * 0.5 * (1 + erf(hidden / math.sqrt(2)))
        x = norm(linear(hidden, at + "output.dense") + x, at + "output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


cases = [{"text": text, "tokens": ids} for text, ids in zip(TEXTS, tokens)]
(out / "minilm.tokens.json").write_text(json.dumps(cases, indent=1, ensure_ascii=True) + "\n")
CHOSEN = [1, 2, 4, 5, 6, 8, 17]
long_text = " ".join(f"sentence number {i} is here" for i in range(80))
vectors = [(TEXTS[i], tokens[i]) for i in CHOSEN] + [(long_text, tokenizer.encode(long_text).ids)]
golden = [{"text": text, "tokens": len(ids), "vector": [float(f"{v:.8g}") for v in embed(ids)]} for text, ids in vectors]
(out / "minilm.vectors.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in golden) + "\n]\n")
