"""Writes vectors/receipt/batches.json with a second implementation: eth_account (EIP-712). RECEIPT 3.1.

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install eth-account==0.14.0
    /tmp/peer/bin/python peers/compute/python/recordBatchVectors.py > vectors/receipt/batches.json
"""
import json
import random

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak


def hexed(value):
    return "0x" + value.hex()


def parent(a, b):
    return keccak(min(a, b) + max(a, b))


def root_and_proofs(leaves):
    """An odd last node goes up unchanged."""
    proofs = [[] for _ in leaves]
    level = [(leaf, [index]) for index, leaf in enumerate(leaves)]
    while len(level) > 1:
        above = []
        for at in range(0, len(level) - 1, 2):
            (left, lefts), (right, rights) = level[at], level[at + 1]
            for index in lefts:
                proofs[index].append(right)
            for index in rights:
                proofs[index].append(left)
            above.append((parent(left, right), lefts + rights))
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0][0], proofs


def vector(seed, size):
    rng = random.Random(seed)
    key, settlement, chain_id = rng.randbytes(32), hexed(rng.randbytes(20)), rng.choice([31337, 16602, 2**255])
    digests = [rng.randbytes(32) for _ in range(size)]
    root, proofs = root_and_proofs(digests)
    signable = encode_typed_data(full_message={
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                             {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "ReceiptBatch": [{"name": "root", "type": "bytes32"}],
        },
        "primaryType": "ReceiptBatch",
        "domain": {"name": "Weightless Receipt", "version": "1", "chainId": chain_id, "verifyingContract": settlement},
        "message": {"root": root},
    })
    signature = bytes(Account.sign_message(signable, key).signature)
    return {
        "privateKey": hexed(key), "signer": Account.from_key(key).address.lower(), "chainId": str(chain_id), "settlement": settlement,
        "receipts": [{"digest": hexed(leaf), "signature": hexed(signature + b"".join(proof))} for leaf, proof in zip(digests, proofs)],
    }


print(json.dumps({
    "origin": "peers/compute/python/recordBatchVectors.py with eth_account 0.14.0",
    "batches": [vector(size, size) for size in (2, 3, 4, 5, 7, 16, 21)],
}, indent=1))
