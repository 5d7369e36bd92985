"""Writes vectors/receipt/receipts.json with a second implementation: eth_account (EIP-712) and eth_abi.

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install eth-account==0.14.0
    /tmp/peer/bin/python peers/compute/python/recordReceiptVectors.py > vectors/receipt/receipts.json
"""
import json
import random
import struct

from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data, _hash_eip191_message
from eth_utils import keccak

FIELDS = [
    ("version", "uint16"), ("serviceClass", "uint8"), ("check", "uint8"), ("chainId", "uint256"),
    ("user", "address"), ("provider", "address"), ("modelRoot", "bytes32"), ("programId", "bytes32"),
    ("tokenizerRoot", "bytes32"), ("sampler", "bytes32"), ("seed", "bytes32"), ("inputHash", "bytes32"),
    ("outputHash", "bytes32"), ("traceRoot", "bytes32"), ("promptTokens", "uint64"), ("completionTokens", "uint64"),
    ("priceId", "bytes32"), ("fee", "uint256"), ("jobNonce", "uint256"), ("timestamp", "uint64"),
]


def tag(name):
    return keccak(text="weightless/receipt/v1/" + name)


def digest(types, values):
    return keccak(encode(types, values))


def bits(value):
    return struct.unpack(">Q", struct.pack(">d", value))[0]


def hexed(value):
    return "0x" + value.hex()


def vector(rng, index):
    key = rng.randbytes(32)
    provider = Account.from_key(key).address.lower()
    settlement = hexed(rng.randbytes(20))
    salt = rng.randbytes(32)
    texts = ["", "What is the capital of France?", "naïve café 😀 日本", "x" * 100, 'a "quoted"\nline\u0000']
    messages = [{"role": rng.choice(["system", "user", "assistant"]), "content": rng.choice(texts)} for _ in range(index % 4)]
    stop = [rng.choice(texts[1:]) for _ in range(index % 3)]
    parameters = {"temperature": rng.choice([0.0, 0.7, 1.0, 0.1]), "topP": rng.choice([1.0, 0.9]), "maxTokens": rng.randrange(4096)}
    tokens = [rng.randrange(49152) for _ in range(index * 3)]
    text = rng.choice(texts)
    finish = rng.choice(["stop", "length", "cancelled"])
    model = rng.choice(["smollm2-135m-instruct", "tiny"])
    prices = (rng.randrange(10**15), rng.randrange(2**200))
    updated_at = rng.randrange(2**33)
    sampler = digest(["bytes32", "uint64", "uint64", "uint32"],
                     [tag("sampler"), bits(parameters["temperature"]), bits(parameters["topP"]), parameters["maxTokens"]])
    request = digest(["bytes32", "(string,string)[]", "string[]", "bytes32"],
                     [tag("request"), [(m["role"], m["content"]) for m in messages], stop, sampler])
    if index % 2:
        value = rng.randrange(-2**63, 2**63)
        source, seed = {"kind": "seed", "value": str(value)}, digest(["bytes32", "int64"], [tag("seed-value"), value])
    else:
        nonce = rng.randbytes(32)
        source, seed = {"kind": "nonce", "nonce": hexed(nonce)}, digest(["bytes32"] * 3, [tag("seed-nonce"), nonce, request])
    prompt_tokens = rng.randrange(2**20)
    receipt = {
        "version": 1, "serviceClass": 1, "check": index % 2, "chainId": rng.choice([31337, 16602, 2**255]),
        "user": hexed(rng.randbytes(20)), "provider": provider,
        "modelRoot": hexed(rng.randbytes(32)), "programId": hexed(rng.randbytes(32)), "tokenizerRoot": hexed(rng.randbytes(32)),
        "sampler": hexed(sampler), "seed": hexed(seed),
        "inputHash": hexed(digest(["bytes32"] * 3, [tag("input"), salt, request])),
        "outputHash": hexed(digest(["bytes32", "bytes32", "uint32[]", "string", "string"], [tag("output"), salt, tokens, text, finish])),
        "traceRoot": hexed(rng.randbytes(32) if index % 3 else bytes(32)),
        "promptTokens": prompt_tokens, "completionTokens": len(tokens),
        "priceId": hexed(digest(["address", "bytes32", "uint256", "uint256", "uint256"], [provider, keccak(text=model), *prices, updated_at])),
        "fee": prompt_tokens * prices[0] + len(tokens) * prices[1],
        "jobNonce": rng.randrange(2**64), "timestamp": 1_790_000_000 + index,
    }
    typed = {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                             {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "Receipt": [{"name": name, "type": kind} for name, kind in FIELDS],
        },
        "primaryType": "Receipt",
        "domain": {"name": "Weightless Receipt", "version": "1", "chainId": receipt["chainId"], "verifyingContract": settlement},
        "message": receipt,
    }
    signable = encode_typed_data(full_message=typed)
    wide = {"chainId", "promptTokens", "completionTokens", "fee", "jobNonce", "timestamp"}
    return {
        "privateKey": hexed(key),
        "requestHash": hexed(request),
        "receiptHash": hexed(_hash_eip191_message(signable)),
        "bundle": {
            "version": 1, "settlement": settlement,
            "receipt": {name: str(receipt[name]) if name in wide else receipt[name] for name, _ in FIELDS},
            "signature": hexed(bytes(Account.sign_message(signable, key).signature)),
            "opening": {"salt": hexed(salt), "messages": messages, "stop": stop, "sampler": parameters, "seed": source,
                        "outputTokens": tokens, "outputText": text, "finishReason": finish,
                        "price": {"model": model, "inputWeiPerToken": str(prices[0]), "outputWeiPerToken": str(prices[1]),
                                  "updatedAt": str(updated_at)}},
        },
    }


rng = random.Random(20260920)
print(json.dumps({
    "origin": "peers/compute/python/recordReceiptVectors.py with eth_account 0.14.0 and eth_abi 6.0.0",
    "vectors": [vector(rng, index) for index in range(12)],
}, indent=1))
