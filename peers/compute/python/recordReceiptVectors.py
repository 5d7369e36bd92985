"""Writes vectors/receipt/receipts.json with a second implementation: eth_account (EIP-712) and eth_abi.

Chats (`vectors`), chats with a changed sampler, a shape or several answers (`shaped`), receipts about bytes (`bodies`), and about
trainings (`trainings`).

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


def sign_form(receipt, settlement):
    return encode_typed_data(full_message={
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                             {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "Receipt": [{"name": name, "type": kind} for name, kind in FIELDS],
        },
        "primaryType": "Receipt",
        "domain": {"name": "Weightless Receipt", "version": "1", "chainId": receipt["chainId"], "verifyingContract": settlement},
        "message": receipt,
    })


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
    signable = sign_form(receipt, settlement)
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


def body_vector(rng, index):
    """The same receipt, about bytes: RECEIPT 4.8."""
    made = vector(rng, index)
    key, salt = bytes.fromhex(made["privateKey"][2:]), rng.randbytes(32)
    path = rng.choice(["/v1/chat/completions", "/v1/embeddings", "/v1/audio/speech", "/v1/images/generations"])
    request, response = rng.randbytes(32), rng.randbytes(32)
    finish = ["stop", "cancelled", "upstream_failed"][index % 3]
    price, receipt = made["bundle"]["opening"]["price"], made["bundle"]["receipt"]
    body = digest(["bytes32", "string", "bytes32"], [tag("body-request"), path, request])
    completion = rng.randrange(2**40)
    receipt.update({
        "serviceClass": 2, "check": 0, "sampler": hexed(bytes(32)), "seed": hexed(bytes(32)), "traceRoot": hexed(bytes(32)),
        "modelRoot": hexed(bytes(32)), "programId": hexed(bytes(32)), "tokenizerRoot": hexed(bytes(32)),
        "inputHash": hexed(digest(["bytes32"] * 3, [tag("input"), salt, body])),
        "outputHash": hexed(digest(["bytes32", "bytes32", "bytes32", "string"], [tag("body-output"), salt, response, finish])),
        "completionTokens": str(completion),
        "fee": str(int(receipt["promptTokens"]) * int(price["inputWeiPerToken"]) + completion * int(price["outputWeiPerToken"])),
    })
    integers = {name: int(receipt[name]) if kind.startswith("uint") else receipt[name] for name, kind in FIELDS}
    signable = sign_form(integers, made["bundle"]["settlement"])
    made["requestHash"], made["receiptHash"] = hexed(body), hexed(_hash_eip191_message(signable))
    made["bundle"]["signature"] = hexed(bytes(Account.sign_message(signable, key).signature))
    made["bundle"]["opening"] = {"kind": "body", "salt": hexed(salt), "path": path, "requestSha256": hexed(request),
                                 "responseSha256": hexed(response), "finishReason": finish, "price": price}
    return made


def shaped_vector(rng, index):
    """The same chat with penalties and biases, a schema or tools, several answers: RECEIPT 4.2, 4.3.1, 4.5.1, 4.6.1."""
    made = vector(rng, index)
    receipt, opening = made["bundle"]["receipt"], made["bundle"]["opening"]
    word = lambda text: bytes.fromhex(text[2:])
    salt, sampler = word(opening["salt"]), word(receipt["sampler"])
    if index % 4 != 3:
        parameters = opening["sampler"]
        penalties = {name: rng.choice([-2.0, -0.1, 0.5, 1.75]) for name in ("presencePenalty", "frequencyPenalty") if rng.random() < 0.5}
        bias = [[token, rng.choice([-100, -0.5, 1, 7.25, 100])] for token in sorted(rng.sample(range(49152), index % 4))]
        parameters.update({**penalties, **({"logitBias": bias} if bias else {})})
        if penalties or bias:
            sampler = digest(["bytes32", "bytes32", "uint64", "uint64", "uint32[]", "uint64[]"],
                             [tag("sampler-adjusted"), sampler, bits(float(penalties.get("presencePenalty", 0))),
                              bits(float(penalties.get("frequencyPenalty", 0))), [token for token, _ in bias],
                              [bits(float(value)) for _, value in bias]])
    request = digest(["bytes32", "(string,string)[]", "string[]", "bytes32"],
                     [tag("request"), [(m["role"], m["content"]) for m in opening["messages"]], opening["stop"], sampler])
    choices = 1 + index % 3
    schema = ["", '{"type":"object"}', '{"enum":["naïve",1]}'][index % 3]
    tools = '[{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{}}}}]' if index % 2 else ""
    if choices > 1 or schema or tools:
        shape = {"choices": choices, "schema": schema, "tools": tools,
                 "toolChoice": rng.choice(["auto", "required", "function:look"]) if tools else "", "callsMax": 16 if tools else 0}
        opening["shape"] = shape
        request = digest(["bytes32", "bytes32", "uint32", "uint16", "string", "string", "string", "uint32"],
                         [tag("request-shaped"), request, choices, 1, schema, tools, shape["toolChoice"], shape["callsMax"]])
    source = opening["seed"]
    seed = (digest(["bytes32", "int64"], [tag("seed-value"), int(source["value"])]) if source["kind"] == "seed"
            else digest(["bytes32"] * 3, [tag("seed-nonce"), word(source["nonce"]), request]))
    outputs = [opening]
    if choices > 1:
        opening["more"] = [{"outputTokens": [rng.randrange(49152) for _ in range(at)], "outputText": f"answer {at}",
                            "finishReason": rng.choice(["stop", "length"])} for at in range(1, choices)]
        outputs += opening["more"]
        roots = [rng.randbytes(32) for _ in outputs]
        opening["traceRoots"] = [hexed(root) for root in roots]
        receipt["traceRoot"] = hexed(digest(["bytes32", "bytes32[]"], [tag("trace-roots"), roots]))
    hashes = [digest(["bytes32", "bytes32", "uint32[]", "string", "string"],
                     [tag("output"), salt, o["outputTokens"], o["outputText"], o["finishReason"]]) for o in outputs]
    completion = sum(len(o["outputTokens"]) for o in outputs)
    price = opening["price"]
    receipt.update({
        "check": 1, "sampler": hexed(sampler), "seed": hexed(seed), "completionTokens": str(completion),
        "inputHash": hexed(digest(["bytes32"] * 3, [tag("input"), salt, request])),
        "outputHash": hexed(hashes[0] if choices == 1 else digest(["bytes32", "bytes32", "bytes32[]"], [tag("outputs"), salt, hashes])),
        "fee": str(int(receipt["promptTokens"]) * int(price["inputWeiPerToken"]) + completion * int(price["outputWeiPerToken"])),
    })
    integers = {name: int(receipt[name]) if kind.startswith("uint") else receipt[name] for name, kind in FIELDS}
    signable = sign_form(integers, made["bundle"]["settlement"])
    made["requestHash"], made["receiptHash"] = hexed(request), hexed(_hash_eip191_message(signable))
    made["choiceSeeds"] = [hexed(seed if at == 0 else digest(["bytes32", "bytes32", "uint32"], [tag("seed-choice"), seed, at]))
                           for at in range(choices)]
    made["bundle"]["signature"] = hexed(bytes(Account.sign_message(signable, word(made["privateKey"])).signature))
    return made


def training_vector(rng, index):
    """The same receipt, about a training: RECEIPT 9."""
    made = vector(rng, index)
    receipt, salt = made["bundle"]["receipt"], rng.randbytes(32)
    dataset, plain, adapter, program, state = (rng.randbytes(32) for _ in range(5))
    parameters = rng.choice(['{}', '{"num_train_epochs":3,"note":"naïve 😀"}', '{"seed":7}'])
    price = {**made["bundle"]["opening"]["price"], "outputWeiPerToken": "0", "updatedAt": "0"}
    sampler = digest(["bytes32", "string"], [tag("training-parameters"), parameters])
    request = digest(["bytes32"] * 4, [tag("training-request"), dataset, plain, sampler])
    words = [digest(["bytes32", "bytes32", "uint16"], [tag("training-program"), program, 2]), rng.randbytes(32), state]
    program_id, tokenizer, trace = words if index % 2 else [bytes(32)] * 3
    receipt.update({
        "serviceClass": 3, "check": index % 2, "sampler": hexed(sampler), "traceRoot": hexed(trace),
        "programId": hexed(program_id), "tokenizerRoot": hexed(tokenizer),
        "inputHash": hexed(digest(["bytes32"] * 3, [tag("input"), salt, request])),
        "outputHash": hexed(digest(["bytes32"] * 3, [tag("training-output"), salt, adapter])),
        "completionTokens": "0", "fee": str(int(receipt["promptTokens"]) * int(price["inputWeiPerToken"])),
        "priceId": hexed(digest(["address", "bytes32", "uint256", "uint256", "uint256"],
                                [receipt["provider"], keccak(text=price["model"]), int(price["inputWeiPerToken"]), 0, 0])),
    })
    integers = {name: int(receipt[name]) if kind.startswith("uint") else receipt[name] for name, kind in FIELDS}
    signable = sign_form(integers, made["bundle"]["settlement"])
    made["requestHash"], made["receiptHash"] = hexed(request), hexed(_hash_eip191_message(signable))
    made["modelProgramId"] = hexed(program)
    made["bundle"]["signature"] = hexed(bytes(Account.sign_message(signable, bytes.fromhex(made["privateKey"][2:])).signature))
    made["bundle"]["opening"] = {"kind": "training", "salt": hexed(salt), "datasetRoot": hexed(dataset), "plainRoot": hexed(plain),
                                 "parameters": parameters, "adapterRoot": hexed(adapter), "price": price}
    return made


rng = random.Random(20260920)
print(json.dumps({
    "origin": "peers/compute/python/recordReceiptVectors.py with eth_account 0.14.0 and eth_abi 6.0.0",
    "vectors": [vector(rng, index) for index in range(12)],
    "shaped": [shaped_vector(random.Random(1_000 + index), index) for index in range(12)],
    "bodies": [body_vector(random.Random(index), index) for index in range(6)],
    "trainings": [training_vector(random.Random(2_000 + index), index) for index in range(6)],
}, indent=1))
