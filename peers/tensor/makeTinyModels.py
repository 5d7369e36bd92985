"""Makes the small random-weight GGUF files in vectors/tensor with the Python packages `gguf`, `tokenizers` and `numpy`.

Usage: pip install -r requirements.txt; python makeTinyModels.py
The vocabulary is a byte-level BPE trained on this repository's LICENSE, with SmolLM2's special tokens, pre-tokenizer and
chat template. Weights come from a fixed seed, so the files are reproducible.
"""
import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "vectors" / "tensor"
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a tiny random model.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TYPES = {name: gguf.GGMLQuantizationType[name] for name in ("F32", "F16", "Q8_0", "Q4_0", "Q4_1")}


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


def write(name, shape, pick_type, tied, seed):
    rng = np.random.default_rng(seed)
    bpe = train_tokenizer(shape["vocab"])
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", "llama")
    writer.add_name(name)
    writer.add_license("apache-2.0")
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["keyHeads"])
    writer.add_rope_freq_base(shape["ropeBase"])
    writer.add_rope_dimension_count(shape["headSize"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    if shape["headSize"] * shape["heads"] != shape["width"]:
        writer.add_key_length(shape["headSize"])
        writer.add_value_length(shape["headSize"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) if isinstance(merge, list) else merge for merge in bpe["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def add(tensor_name, dims, scale, center=0.0):
        kind = "F32" if len(dims) == 1 else pick_type(tensor_name)
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
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


MIXED = {"attn_q": "Q4_1", "attn_k": "Q4_0", "attn_v": "Q8_0", "attn_output": "F16", "ffn_gate": "Q4_1", "ffn_up": "Q4_1", "ffn_down": "Q4_0"}
FLOAT = {"attn_q": "F32", "attn_k": "F16", "attn_v": "Q4_1", "attn_output": "Q8_0", "ffn_gate": "F16", "ffn_up": "Q8_0", "ffn_down": "Q4_1", "output": "F16", "token_embd": "Q4_0"}


def part(name):
    return name.split(".")[-2]


write(
    "tiny-random",
    dict(vocab=512, context=2048, width=64, layers=2, hidden=128, heads=4, keyHeads=2, headSize=16, ropeBase=100000.0),
    lambda name: "Q8_0" if name == "token_embd.weight" else MIXED[part(name)],
    tied=True,
    seed=1,
)
write(
    "tiny-untied",
    dict(vocab=389, context=512, width=64, layers=2, hidden=96, heads=4, keyHeads=4, headSize=24, ropeBase=10000.0),
    lambda name: FLOAT[part(name)],
    tied=False,
    seed=2,
)
