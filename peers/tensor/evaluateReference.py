"""An independent evaluation of a GGUF of the families that the engine runs: weights dequantised by the Python package `gguf`, arithmetic in f64.

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


def rotate(x, base, size, divisors, halves):
    """Neighbours turn together, or with `halves` value i and value i + size/2."""
    positions = np.arange(x.shape[0])[:, None, None]
    angles = positions * (base ** (-2.0 * np.arange(size // 2) / size) / divisors)
    turned = x.copy()
    first, second = (slice(0, size // 2), slice(size // 2, size)) if halves else (slice(0, size, 2), slice(1, size, 2))
    even, odd = x[..., first], x[..., second]
    turned[..., first] = even * np.cos(angles) - odd * np.sin(angles)
    turned[..., second] = even * np.sin(angles) + odd * np.cos(angles)
    return turned


def cap(x, limit):
    return np.tanh(x / limit) * limit if limit else x


def evaluate(loaded, tokens):
    fields, tensors, matrix = loaded
    family = fields["general.architecture"]
    get = lambda name, fallback=None: fields.get(f"{family}.{name}", fallback)
    gemma = family.startswith("gemma")
    heads = get("attention.head_count")
    key_heads = get("attention.head_count_kv", heads)
    width = get("embedding_length")
    size = get("attention.key_length", width // heads)
    layers = get("block_count")
    epsilon = get("attention.layer_norm_rms_epsilon")
    base = float(get("rope.freq_base", 10000.0))
    rotated = get("rope.dimension_count", size)
    divisors = matrix("rope_freqs.weight") if "rope_freqs.weight" in tensors else get("rope.scaling.factor", 1.0)
    period = {"gemma2": 2, "gemma3": 6}.get(family)
    score_cap = get("attn_logit_softcapping", 50.0) if family == "gemma2" else 0
    wide = {"gemma2": 46, "gemma3": 62}.get(family) == layers
    embedding = matrix("token_embd.weight")
    x = embedding[tokens] * (np.sqrt(width) if gemma else 1)
    count = len(tokens)
    mask = np.triu(np.full((count, count), -np.inf), 1)
    for layer in range(layers):
        of = lambda name, kind="weight": matrix(f"blk.{layer}.{name}.{kind}")
        has = lambda name, kind="weight": f"blk.{layer}.{name}.{kind}" in tensors
        project = lambda name, y: y @ of(name).T + (of(name, "bias") if has(name, "bias") else 0)
        norm_head = lambda name, y: rms_norm(y, of(name), epsilon) if has(name) else y
        norm_output = lambda name, y: rms_norm(y, of(name), epsilon) if has(name) else y
        local = period is not None and layer % period < period - 1
        turns = (10000.0, rotated, 1.0, True) if local and family == "gemma3" else (base, rotated, divisors, family != "llama")
        y = rms_norm(x, of("attn_norm"), epsilon)
        q = rotate(norm_head("attn_q_norm", project("attn_q", y).reshape(count, heads, size)), *turns)
        k = rotate(norm_head("attn_k_norm", project("attn_k", y).reshape(count, key_heads, size)), *turns)
        v = project("attn_v", y).reshape(count, key_heads, size)
        k, v = (np.repeat(t, heads // key_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(width // heads if wide else size)
        scores = cap(scores, score_cap) + mask
        if local:
            scores = scores + np.tril(np.full((count, count), -np.inf), -get("attention.sliding_window"))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(count, heads * size)
        x = x + norm_output("post_attention_norm", mixed @ of("attn_output").T)
        y = rms_norm(x, of("ffn_norm"), epsilon)
        gate = y @ of("ffn_gate").T
        if gemma:
            gate = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        else:
            gate = gate / (1 + np.exp(-gate))
        x = x + norm_output("post_ffw_norm", (gate * (y @ of("ffn_up").T)) @ of("ffn_down").T)
    x = rms_norm(x, matrix("output_norm.weight"), epsilon)
    output = matrix("output.weight") if "output.weight" in tensors else embedding
    return cap(x @ output.T, get("final_logit_softcapping", 0) if gemma else 0)


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
