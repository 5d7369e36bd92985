"""Vocabularies for drawn models, trained on this repository's LICENSE: a byte-level BPE, and pieces with scores as SentencePiece's."""
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a tiny random model.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TURNS = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' + message['content'] | trim"
    " + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def lines():
    return (ROOT / "LICENSE").read_text().splitlines(keepends=True)


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
    tokenizer.train_from_iterator(lines(), trainer)
    return json.loads(tokenizer.to_str())["model"]


def draw_words(shape):
    """@returns how many tokens there are, and what writes them."""
    bpe = train_tokenizer(shape["vocab"])
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)

    def write(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(shape.get("pre", "smollm"))
        writer.add_token_list(tokens)
        writer.add_token_types([CONTROL if token in SPECIALS else NORMAL for token in tokens])
        merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in bpe["merges"]]
        dropped = shape.get("mergesDropped", 0)
        writer.add_token_merges([merge for index, merge in enumerate(merges) if not dropped or index % dropped != dropped - 1])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(shape.get("addBegin", False))
        writer.add_chat_template(TEMPLATE)

    return len(tokens), write


def draw_pieces(vocab_size, rng, scoring):
    """Tokens, types and scores: special ones, bytes, texts that the user defined, pieces. Some letters of LICENSE have none."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False)
    tokenizer.train_from_iterator([line + "naïve façade 中文 👍🏽\t\n" for line in lines()], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    letters, longer = [p for p in pieces if len(p) == 1], [p for p in pieces if len(p) > 1]
    kept = [letter for letter in letters if letter not in "qz7文"]
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    types = [CONTROL, CONTROL, CONTROL, UNKNOWN, CONTROL, CONTROL]
    for text in ("\n\n", "\n\n\n", "  ", "   ", "<table>", "</table>", "\n \n"):
        tokens.append(text)
        types.append(USER)
    tokens.append("<unused0>")
    types.append(UNUSED)
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    types += [BYTE] * 256
    start = len(tokens)
    tokens += longer + kept
    types += [NORMAL] * (len(longer) + len(kept))
    count = len(tokens) - start
    if scoring == "ranks":
        scores = [0.0] * start + [-float(i) for i in range(count)]
    else:
        scores = [0.0] * start + [-float(x) / 4 for x in rng.integers(0, 40, count)]
    return tokens, types, scores


def draw_scored(shape, rng):
    """@returns how many tokens there are, and what writes them."""
    tokens, types, scores = draw_pieces(shape["vocab"], rng, shape.get("scoring", "ranks"))

    def write(writer):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        writer.add_token_scores(scores)
        writer.add_bos_token_id(2)
        writer.add_eos_token_id(1)
        writer.add_unk_token_id(3)
        if shape.get("tellsTurnEnd", True):
            writer.add_eot_token_id(5)
        writer.add_add_bos_token(shape.get("addBegin", True))
        writer.add_add_space_prefix(shape.get("spacePrefix", False))
        writer.add_chat_template(TURNS)

    return len(tokens), write
