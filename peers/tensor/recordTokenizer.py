"""Records what Hugging Face `tokenizers` and `jinja2` make of texts and conversations, for a GGUF's vocabulary and template.

Usage: python recordTokenizer.py MODEL.gguf OUT.json
"""
import hashlib
import json
import random
import sys

import gguf
import jinja2.sandbox
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

TEXTS = [
    "",
    " ",
    "Hello, world!",
    "  leading and trailing  ",
    "I'm sure they've said we'll go, didn't you? It's JOHN'S.",
    "Numbers: 1234567890 3.14159 1e-9 ½ Ⅷ ٣٤٥ 二〇二六",
    "tabs\tand\nnew\r\nlines\n\n\n  indented\u0085nel",
    "naïve café — “quoted” … ellipsis\u00a0nbsp\u200bzero width\ufeffbom",
    "中文字符和日本語のテキスト、한국어도",
    "العربية עברית हिन्दी ไทย",
    "emoji 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e\u0301 combining",
    "def f(x):\n    return x ** 2  # code\n\tif True: pass",
    "https://example.org/path?query=1&b=%20#frag user@example.com",
    "a" * 300,
    " " * 50 + "x" + "\n" * 20,
    "<|im_start|>user\nhi<|im_end|>\n<|endoftext|>",
    "<|im_start|",
    "mixed<|im_end|>text<|im_end|><|im_end|>",
    "Ünïcödé ẞ ǅ ʰ ª º ² ³ ¹",
    "\U00010348 \U0001d54f \U0002a6d6 \U000e0041",
    "\x00\x01\x1f\x7f control",
]
CONVERSATIONS = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?\n"}],
    [
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "{{ messages }} {% raw %} 'quotes' \"double\" \\n ünïcode 👍"},
    ],
]


def random_texts(count):
    rng = random.Random(11)
    blocks = [(0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x5FF), (0x900, 0xDFF), (0x2000, 0x2BFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0x1F300, 0x1FAFF), (0x9, 0xD)]
    texts = []
    for _ in range(count):
        low_high = rng.choices(blocks, k=rng.randint(1, 4))
        texts.append("".join(chr(rng.randint(*rng.choice(low_high))) for _ in range(rng.randint(1, 60))))
    return texts


def main():
    path, out = sys.argv[1:3]
    reader = gguf.GGUFReader(path)
    field = lambda name: reader.fields[f"tokenizer.{name}"].contents()
    tokens, merges, types = field("ggml.tokens"), field("ggml.merges"), field("ggml.token_type")
    vocab = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == 3])
    template = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(field("chat_template"))
    texts = TEXTS + random_texts(120)
    result = {
        "origin": "peers/tensor/recordTokenizer.py (Hugging Face tokenizers 0.23.3, jinja2 on the template in the file)",
        "modelSha256": hashlib.sha256(open(path, "rb").read()).hexdigest(),
        "texts": [{"text": text, "tokens": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts],
        "conversations": [
            {"messages": messages, "prompt": template.render(messages=messages, add_generation_prompt=True)}
            for messages in CONVERSATIONS
        ],
    }
    with open(out, "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


main()
