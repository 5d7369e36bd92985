"""Writes GGUF files of the llama family with random weights, by the Python packages `gguf`, `tokenizers` and `numpy`.

The vocabulary is a byte-level BPE trained on this repository's LICENSE, with SmolLM2's special tokens and a chat template.
"""
import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a tiny random model.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WRITTEN = ("F32", "F16", "BF16", "Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1")
# `gguf` reads k-quants and IQ types and does not write them: their blocks are drawn. Where a block has its scales, and how much larger
# than the scale that of the minima is, so that the values' mean is about zero.
BLOCK_SCALES = {
    **{"Q2_K": (80, 82, 1.5), "Q3_K": (108, None, 0), "Q4_K": (0, 2, 7.5), "Q5_K": (0, 2, 15.5), "Q6_K": (208, None, 0)},
    **{"IQ4_NL": (0, None, 0), "IQ4_XS": (0, None, 0)},
}
TYPES = {name: gguf.GGMLQuantizationType[name] for name in (*WRITTEN, *BLOCK_SCALES)}
# Types whose blocks are 256 wide.
WIDE = [name for name, number in TYPES.items() if gguf.GGML_QUANT_SIZES[number][0] == 256]


def draw_blocks(rng, kind, dims, deviation):
    """Rows of such a type: random bytes, with scales by which the values deviate from zero as wanted, some more and some less."""
    count, size = gguf.GGML_QUANT_SIZES[TYPES[kind]]
    blocks = rng.integers(0, 256, (dims[0] * dims[1] // count, size), dtype=np.uint8)
    scale_at, minimum_at, ratio = BLOCK_SCALES[kind]

    def set_scales(scales):
        halves = scales.astype("<f2")
        blocks[:, scale_at : scale_at + 2] = halves.view(np.uint8).reshape(-1, 2)
        if minimum_at is not None:
            blocks[:, minimum_at : minimum_at + 2] = (halves * np.float16(ratio)).view(np.uint8).reshape(-1, 2)

    set_scales(np.full(len(blocks), 2.0**-6))
    unit = gguf.quants.dequantize(blocks, TYPES[kind]).std() * 2.0**6
    set_scales(deviation / unit * rng.uniform(0.5, 1.5, len(blocks)))
    return blocks.reshape(dims[0], -1)


def train_tokenizer(vocab_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((ROOT / "LICENSE").read_text().splitlines(keepends=True), trainer)
    return json.loads(tokenizer.to_str())["model"]


def part(name):
    """`attn_q` of `blk.0.attn_q.weight`."""
    return name.split(".")[-2]


def llama3_factors(base, size):
    """Divisors of angles as Llama 3.1 scales a context of 8,192 by 8: 1 for short waves, 8 for long ones, between them a blend."""
    factors = []
    for index in range(size // 2):
        waves = 8192 / (2 * 3.141592653589793 * base ** (2 * index / size))
        blend = min(max((waves - 1) / (4 - 1), 0), 1)
        factors.append(1 / (blend + (1 - blend) / 8))
    return factors


def write_model(path, shape, pick_type, tied, seed):
    """`pick_type` gives the type of a matrix by its name. Of `shape`, pre, addBegin, epsilon, alignment,
    ropeFactors and mergesDropped (every n-th is) may be left out."""
    rng = np.random.default_rng(seed)
    bpe = train_tokenizer(shape["vocab"])
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)
    writer = gguf.GGUFWriter(path, "llama")
    if "alignment" in shape:
        writer.add_custom_alignment(shape["alignment"])
    writer.add_name(path.stem)
    writer.add_license("apache-2.0")
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["keyHeads"])
    writer.add_rope_freq_base(shape["ropeBase"])
    writer.add_rope_dimension_count(shape["headSize"])
    writer.add_layer_norm_rms_eps(shape.get("epsilon", 1e-5))
    writer.add_vocab_size(len(tokens))
    if shape["headSize"] * shape["heads"] != shape["width"]:
        writer.add_key_length(shape["headSize"])
        writer.add_value_length(shape["headSize"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(shape.get("pre", "smollm"))
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in bpe["merges"]]
    dropped = shape.get("mergesDropped", 0)
    writer.add_token_merges([merge for index, merge in enumerate(merges) if not dropped or index % dropped != dropped - 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(shape.get("addBegin", False))
    writer.add_chat_template(TEMPLATE)

    def add(tensor_name, dims, scale, center=0.0):
        kind = "F32" if len(dims) == 1 else pick_type(tensor_name)
        if kind in BLOCK_SCALES:
            writer.add_tensor(tensor_name, draw_blocks(rng, kind, dims, scale), raw_dtype=TYPES[kind])
            return
        data = (rng.standard_normal(dims) * scale + center).astype(np.float32)
        writer.add_tensor(tensor_name, gguf.quants.quantize(data, TYPES[kind]), raw_dtype=TYPES[kind])

    width, hidden = shape["width"], shape["hidden"]
    queries, keys = shape["heads"] * shape["headSize"], shape["keyHeads"] * shape["headSize"]
    add("token_embd.weight", (len(tokens), width), 0.4)
    for layer in range(shape["layers"]):
        block = f"blk.{layer}"
        add(f"{block}.attn_norm.weight", (width,), 0.2, 1.0)
        add(f"{block}.attn_q.weight", (queries, width), 1.5 * width**-0.5)
        add(f"{block}.attn_k.weight", (keys, width), 1.5 * width**-0.5)
        add(f"{block}.attn_v.weight", (keys, width), width**-0.5)
        add(f"{block}.attn_output.weight", (width, queries), queries**-0.5)
        add(f"{block}.ffn_norm.weight", (width,), 0.2, 1.0)
        add(f"{block}.ffn_gate.weight", (hidden, width), 1.5 * width**-0.5)
        add(f"{block}.ffn_up.weight", (hidden, width), 1.5 * width**-0.5)
        add(f"{block}.ffn_down.weight", (width, hidden), hidden**-0.5)
    add("output_norm.weight", (width,), 0.2, 1.0)
    if not tied:
        add("output.weight", (len(tokens), width), 0.4)
    if "ropeFactors" in shape:
        writer.add_tensor("rope_freqs.weight", np.asarray(shape["ropeFactors"], dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
