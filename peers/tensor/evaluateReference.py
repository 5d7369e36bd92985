"""An independent evaluation of a llama-family GGUF: weights dequantised by the Python package `gguf`, arithmetic in f64.

Usage: python evaluateReference.py MODEL.gguf OUT.json TOKENS [TOPK]
TOKENS is a comma-separated list, or `random:SEED:COUNT`. Without TOPK all logits are written (as base64 f32), with it only
the TOPK largest of each position, their log-probabilities, and 32 tokens picked by the seed. Where OUT is `-`, TOKENS may be
several lists with `/` between, each a text of its own, and all logits go to standard output, f64 little-endian, row after row.
"""
import base64
import functools
import hashlib
import json
import sys

import gguf
import numpy as np


def load(path):
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.ggml.")}
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    @functools.cache
    def matrix(name):
        tensor = tensors[name]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        return values.reshape(tuple(int(n) for n in reversed(tensor.shape)))

    return fields, tensors, matrix


def rms_norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def rotate(x, base, size, divisors):
    positions = np.arange(x.shape[0])[:, None, None]
    angles = positions * (base ** (-2.0 * np.arange(size // 2) / size) / divisors)
    turned = x.copy()
    even, odd = x[..., 0:size:2], x[..., 1:size:2]
    turned[..., 0:size:2] = even * np.cos(angles) - odd * np.sin(angles)
    turned[..., 1:size:2] = even * np.sin(angles) + odd * np.cos(angles)
    return turned


def evaluate(loaded, tokens):
    fields, tensors, matrix = loaded
    get = lambda name, fallback=None: fields.get(f"llama.{name}", fallback)
    heads = get("attention.head_count")
    key_heads = get("attention.head_count_kv", heads)
    size = get("attention.key_length", get("embedding_length") // heads)
    epsilon = get("attention.layer_norm_rms_epsilon")
    base = float(get("rope.freq_base", 10000.0))
    rotated = get("rope.dimension_count", size)
    divisors = matrix("rope_freqs.weight") if "rope_freqs.weight" in tensors else 1.0
    embedding = matrix("token_embd.weight")
    x = embedding[tokens]
    count = len(tokens)
    mask = np.triu(np.full((count, count), -np.inf), 1)
    for layer in range(get("block_count")):
        of = lambda name: matrix(f"blk.{layer}.{name}.weight")
        y = rms_norm(x, of("attn_norm"), epsilon)
        q = rotate((y @ of("attn_q").T).reshape(count, heads, size), base, rotated, divisors)
        k = rotate((y @ of("attn_k").T).reshape(count, key_heads, size), base, rotated, divisors)
        v = (y @ of("attn_v").T).reshape(count, key_heads, size)
        k, v = (np.repeat(t, heads // key_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(size) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(count, heads * size)
        x = x + mixed @ of("attn_output").T
        y = rms_norm(x, of("ffn_norm"), epsilon)
        gate = y @ of("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ of("ffn_up").T)) @ of("ffn_down").T
    x = rms_norm(x, matrix("output_norm.weight"), epsilon)
    output = matrix("output.weight") if "output.weight" in tensors else embedding
    return x @ output.T


def main():
    path, out, spec = sys.argv[1:4]
    if out == "-":
        loaded = load(path)
        for text in spec.split("/"):
            sys.stdout.buffer.write(evaluate(loaded, [int(token) for token in text.split(",")]).astype("<f8").tobytes())
        return
    topk = int(sys.argv[4]) if len(sys.argv) > 4 else None
    vocab = next(int(t.shape[1]) for t in gguf.GGUFReader(path).tensors if t.name == "token_embd.weight")
    seed = 0
    if spec.startswith("random:"):
        seed, count = (int(part) for part in spec.split(":")[1:])
        tokens = np.random.default_rng(seed).integers(0, vocab, count).tolist()
    else:
        tokens = [int(token) for token in spec.split(",")]
    logits = evaluate(load(path), tokens)
    result = {
        "origin": "peers/tensor/evaluateReference.py (numpy f64 on weights dequantised by the Python package gguf)",
        "modelSha256": hashlib.sha256(open(path, "rb").read()).hexdigest(),
        "tokens": tokens,
    }
    if topk is None:
        result["logitsF32"] = base64.b64encode(logits.astype("<f4").tobytes()).decode()
    else:
        top = np.argsort(-logits, axis=-1, kind="stable")[:, :topk]
        total = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
        picked = np.sort(np.random.default_rng(seed).choice(vocab, 32, replace=False))
        result["top"] = top.tolist()
        result["topLogits"] = np.take_along_axis(logits, top, -1).round(6).tolist()
        result["logSumExp"] = total.round(6).tolist()
        result["picked"] = picked.tolist()
        result["pickedLogits"] = logits[:, picked].round(6).tolist()
    with open(out, "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


main()
