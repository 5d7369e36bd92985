"""Writes GGUF files of the families that the engine runs, with random weights, by the Python packages `gguf` and `numpy`."""
import gguf
import numpy as np

from drawVocabulary import ROOT, draw_scored, draw_words

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


# What tensors a family has beside Llama's.
BIASES, HEAD_NORMS, OUTPUT_NORMS = {"qwen2"}, {"qwen3", "gemma3"}, {"gemma2", "gemma3"}


def write_model(path, shape, pick_type, tied, seed):
    """`pick_type` gives the type of a matrix by its name. Of `shape`, architecture, pre, pieces, addBegin, epsilon, alignment,
    ropeFactors and mergesDropped (every n-th is), window, windowPeriod, scoreCap, logitCap, localRopeBase and ropeDivisor may be left out."""
    rng = np.random.default_rng(seed)
    family = shape.get("architecture", "llama")
    vocab, write_tokenizer = draw_scored(shape, rng) if shape.get("pieces") else draw_words(shape)
    writer = gguf.GGUFWriter(path, family)
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
    if family == "llama":
        writer.add_rope_dimension_count(shape["headSize"])
    writer.add_layer_norm_rms_eps(shape.get("epsilon", 1e-5))
    writer.add_vocab_size(vocab)
    if shape["headSize"] * shape["heads"] != shape["width"]:
        writer.add_key_length(shape["headSize"])
        writer.add_value_length(shape["headSize"])
    if "ropeDivisor" in shape:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(shape["ropeDivisor"])
    if "window" in shape:
        writer.add_sliding_window(shape["window"])
    if "scoreCap" in shape:
        writer.add_attn_logit_softcapping(shape["scoreCap"])
    if "logitCap" in shape:
        writer.add_final_logit_softcapping(shape["logitCap"])
    write_tokenizer(writer)

    def add(tensor_name, dims, scale, center=0.0):
        kind = "F32" if len(dims) == 1 else pick_type(tensor_name)
        if kind in BLOCK_SCALES:
            writer.add_tensor(tensor_name, draw_blocks(rng, kind, dims, scale), raw_dtype=TYPES[kind])
            return
        data = (rng.standard_normal(dims) * scale + center).astype(np.float32)
        writer.add_tensor(tensor_name, gguf.quants.quantize(data, TYPES[kind]), raw_dtype=TYPES[kind])

    width, hidden = shape["width"], shape["hidden"]
    queries, keys = shape["heads"] * shape["headSize"], shape["keyHeads"] * shape["headSize"]
    add("token_embd.weight", (vocab, width), 0.4 if not family.startswith("gemma") else 2 * width**-0.5)
    for layer in range(shape["layers"]):
        block = f"blk.{layer}"
        add(f"{block}.attn_norm.weight", (width,), 0.2, 1.0)
        add(f"{block}.attn_q.weight", (queries, width), 1.5 * width**-0.5)
        add(f"{block}.attn_k.weight", (keys, width), 1.5 * width**-0.5)
        add(f"{block}.attn_v.weight", (keys, width), width**-0.5)
        if family in BIASES:
            for name, rows in (("q", queries), ("k", keys), ("v", keys)):
                add(f"{block}.attn_{name}.bias", (rows,), 0.5)
        if family in HEAD_NORMS:
            add(f"{block}.attn_q_norm.weight", (shape["headSize"],), 0.2, 1.2)
            add(f"{block}.attn_k_norm.weight", (shape["headSize"],), 0.2, 1.2)
        if family in OUTPUT_NORMS:
            add(f"{block}.post_attention_norm.weight", (width,), 0.2, 1.0)
            add(f"{block}.post_ffw_norm.weight", (width,), 0.2, 1.0)
        add(f"{block}.attn_output.weight", (width, queries), queries**-0.5)
        add(f"{block}.ffn_norm.weight", (width,), 0.2, 1.0)
        add(f"{block}.ffn_gate.weight", (hidden, width), 1.5 * width**-0.5)
        add(f"{block}.ffn_up.weight", (hidden, width), 1.5 * width**-0.5)
        add(f"{block}.ffn_down.weight", (width, hidden), hidden**-0.5)
    add("output_norm.weight", (width,), 0.2, 1.0)
    if not tied:
        add("output.weight", (vocab, width), 0.4)
    if "ropeFactors" in shape:
        writer.add_tensor("rope_freqs.weight", np.asarray(shape["ropeFactors"], dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
