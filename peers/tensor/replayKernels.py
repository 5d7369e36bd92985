"""Makes the calls that recordKernels.ts wrote down, in wasmtime, on the same memory, and compares every digest on the way.

Usage: replayKernels.py RECORD [TARGET]; TARGET "pulley64" has wasmtime interpret them instead of compiling them for this processor.
"""
import base64
import ctypes
import hashlib
import importlib.metadata
import json
import struct
import sys

import wasmtime

PAGE = 4096
# Of the record of a token that was drawn, spec/tensor.md 7.
DRAW_BYTES = 24


class Different(Exception):
    """Wasmtime came to something else."""


class Held:
    """A memory and what looks into it."""

    def __init__(self, store):
        self.store = store
        self.memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(1, 65536)))

    def grow(self, stripes):
        missing = stripes - self.memory.size(self.store)
        if missing > 0:
            self.memory.grow(self.store, missing)
        if self.memory.size(self.store) != stripes:
            raise Different("the memory has another size")

    def view(self, at, length):
        if at + length > self.memory.data_len(self.store):
            raise Different("a digest of what is no memory")
        start = ctypes.addressof(self.memory.data_ptr(self.store).contents) + at
        return (ctypes.c_ubyte * length).from_address(start)

    def put(self, at, data):
        ctypes.memmove(self.view(at, len(data)), data, len(data))

    def digest_pages(self, pages):
        hasher = hashlib.sha256()
        for page in pages:
            hasher.update(self.view(page * PAGE, PAGE))
        return hasher.hexdigest()

    def digest(self, at, length):
        return hashlib.sha256(self.view(at, length)).hexdigest()


def numbers(text):
    data = bytes.fromhex(text)
    return struct.unpack("<%dd" % (len(data) // 8), data)


def to_argument(value, kind):
    """A number as JavaScript gives it to a parameter of this type."""
    if kind == wasmtime.ValType.i32():
        word = int(value) & 0xFFFFFFFF
        return word - (1 << 32) if word >> 31 else word
    return value


def engine(target):
    config = wasmtime.Config()
    config.wasm_relaxed_simd = False
    if target is not None:
        config.target = target
    return wasmtime.Engine(config)


class Replay:
    def __init__(self, target):
        self.engine = engine(target)
        self.store = wasmtime.Store(self.engine)
        self.memories = []
        self.kernels = []
        self.of_memory = set()
        self.messages = {}
        self.counts = {}

    def held(self, record):
        while len(self.memories) <= record["memory"]:
            self.memories.append(Held(self.store))
        held = self.memories[record["memory"]]
        if "size" in record:
            held.grow(record["size"])
        return held

    def equal(self, what, ours, theirs):
        if ours != theirs:
            raise Different("%s: %s in wasmtime, %s in Node" % (what, ours, theirs))

    def take(self, record, read):
        kind = record["t"]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        getattr(self, "take_" + kind)(record, read)

    def take_write(self, record, read):
        held = self.held(record)
        for page in record["pages"]:
            held.put(page * PAGE, read(PAGE))

    def take_module(self, record, read):
        held = self.held(record)
        module = wasmtime.Module(self.engine, base64.b64decode(record["bytes"]))
        linker = wasmtime.Linker(self.engine)
        linker.define(self.store, "env", "memory", held.memory)
        exports = linker.instantiate(self.store, module).exports(self.store)
        self.kernels.append({name: (export, export.type(self.store)) for name, export in exports.items() if isinstance(export, wasmtime.Func)})
        self.equal("a module's data", held.digest_pages(record["changed"]), record["digest"])

    def take_call(self, record, read):
        held = self.held(record)
        name = record["name"]
        kernel, signature = self.kernels[record["module"]][name]
        given = numbers(record["values"])
        if len(given) < len(signature.params):
            raise Different("%s has other parameters" % name)
        made = kernel(self.store, *[to_argument(value, kind) for value, kind in zip(given, signature.params)])
        what = "%s, call %d" % (name, self.counts["call"])
        self.equal(what, struct.pack("<d", made).hex() if made is not None else "", record["result"])
        self.equal(what, held.digest_pages(record["changed"]), record["digest"])

    def take_whole(self, record, read):
        held = self.held(record)
        length = held.memory.data_len(self.store)
        self.equal("the whole memory after call %d" % self.counts.get("call", 0), held.digest(0, length), record["digest"])

    def take_digest(self, record, read):
        digest = self.held(record).digest(record["at"], record["length"])
        self.equal("a digest of memory", digest, record["digest"])
        self.of_memory.add(digest)

    def take_message(self, record, read):
        data = read(record["length"])
        self.messages[hashlib.sha256(data).hexdigest()] = data

    def take_trace(self, record, read):
        """The root of a trace from the digests of operators' outputs, spec/tensor.md 8."""
        steps = []
        for position, (token, text) in enumerate(zip(record["tokens"], record["operators"])):
            digests = bytes.fromhex(text)
            for at in range(0, len(digests), 32):
                self.known(digests[at : at + 32].hex())
            steps.append(hashlib.sha256(b"weightless/step/1" + struct.pack("<II", position, token) + digests).digest())
        self.equal(record["name"], root(steps).hex(), record["root"])
        print("%s: trace %s over %d steps" % (record["name"], record["root"], len(steps)))

    def known(self, digest):
        """Of wasmtime's memory, or of the record of a drawn token, which JavaScript writes."""
        if digest not in self.of_memory and len(self.messages.get(digest, b"")) != DRAW_BYTES:
            raise Different("an operator's digest is of nothing that was computed")

    def take_state(self, record, read):
        """The root of a training's state over the top of its tree, spec/training.md 6.2."""
        message = self.messages.get(record["root"], b"")
        if not message.startswith(b"weightless/train-state/1") or message[-32:].hex() not in self.of_memory:
            raise Different("%s: a root over something else" % record["name"])
        print("%s: state %s" % (record["name"], record["root"]))


def root(steps):
    """RFC 6962."""
    level = [hashlib.sha256(b"\0" + step).digest() for step in steps]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def main(path, target=None):
    replay = Replay(target)
    with open(path, "rb") as file:
        while True:
            length = file.read(4)
            if not length:
                break
            replay.take(json.loads(file.read(struct.unpack("<I", length)[0])), file.read)
    counts = replay.counts
    if counts.get("call", 0) == 0 or counts.get("whole", 0) == 0 or counts.get("trace", 0) == 0 or counts.get("state", 0) == 0:
        raise Different("nothing was compared")
    print("wasmtime %s%s: %d calls, %d digests of whole memories, %d of operators' outputs and states" % (
        importlib.metadata.version("wasmtime"), "" if target is None else " (%s)" % target, counts["call"], counts["whole"], counts.get("digest", 0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
