"""One step after another of a small llama in PyTorch on one thread; each line on standard input asks for one, each line out is its CPU seconds.

Usage: python3 torchStep.py VOCAB WIDTH LAYERS HEADS HIDDEN TOKENS ROWS
The same work as our step: forward, backward, clipping by the norm, AdamW with decay on matrices.
"""
import math
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import torch

VOCAB, WIDTH, LAYERS, HEADS, HIDDEN, TOKENS, ROWS = map(int, sys.argv[1:])
SIZE = WIDTH // HEADS
EPSILON = 1e-5
torch.set_num_threads(1)
torch.manual_seed(1)


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * weight


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def matrix(rows, columns):
    return torch.nn.Parameter(torch.randn(rows, columns) * columns**-0.5)


names = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "o": (WIDTH, WIDTH)}
names |= {"gate": (HIDDEN, WIDTH), "up": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN)}
embedding = torch.nn.Parameter(torch.randn(VOCAB, WIDTH) * 0.02)
layers = [{name: matrix(*shape) for name, shape in names.items()} for _ in range(LAYERS)]
norms = [torch.nn.Parameter(torch.ones(WIDTH)) for _ in range(2 * LAYERS + 1)]
matrices = [embedding] + [weight for layer in layers for weight in layer.values()]
groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
angles = torch.arange(TOKENS)[:, None] * 10000.0 ** (-2.0 * torch.arange(SIZE // 2) / SIZE)
COS, SIN = angles.cos(), angles.sin()
MASK = torch.full((TOKENS, TOKENS), -math.inf).triu(1)
# PyTorch 2 has a fused attention; version 1 has not.
fused = getattr(torch.nn.functional, "scaled_dot_product_attention", None)


def split(x):
    return x.view(ROWS, TOKENS, HEADS, SIZE).transpose(1, 2)


def forward(tokens):
    x = embedding[tokens]
    for i, layer in enumerate(layers):
        y = norm(x, norms[2 * i])
        q, k = (rotate(split(y @ layer[name].T), COS, SIN) for name in "qk")
        v = split(y @ layer["v"].T)
        if fused:
            mixed = fused(q, k, v, is_causal=True)
        else:
            mixed = (q @ k.transpose(-1, -2) / math.sqrt(SIZE) + MASK).softmax(-1) @ v
        x = x + mixed.transpose(1, 2).reshape(ROWS, TOKENS, WIDTH) @ layer["o"].T
        y = norm(x, norms[2 * i + 1])
        x = x + (torch.nn.functional.silu(y @ layer["gate"].T) * (y @ layer["up"].T)) @ layer["down"].T
    return norm(x, norms[-1]) @ embedding.T


def step():
    tokens = torch.randint(0, VOCAB, (ROWS, TOKENS + 1))
    logits = forward(tokens[:, :-1])
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), tokens[:, 1:].reshape(-1))
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(matrices + norms, 1.0)
    optimiser.step()


print(torch.__version__, sum(p.numel() for p in matrices + norms), flush=True)
for line in sys.stdin:
    began = time.process_time()
    step()
    print(time.process_time() - began, flush=True)
