"""Writes vectors/envelope/sealedFiles.json: files sealed by HPKE (RFC 9180) as written here over the primitives of `cryptography`.

Spec: ENVELOPE 7. Run: python3 peers/compute/python/recordSealedFileVectors.py
"""

import hashlib
import json
import pathlib

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEM = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(i.to_bytes(2, "big") for i in (0x0020, 0x0001, 0x0003))
INFO = b"weightless/sealed-file/v1"
PIECE = 1 << 20


def extract(salt, suite, label, key):
    mac = HMAC(salt or bytes(32), hashes.SHA256())
    mac.update(b"HPKE-v1" + suite + label + key)
    return mac.finalize()


def expand(key, suite, label, info, length):
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(hashes.SHA256(), length, labelled).derive(key)


def derive_private(seed):
    return X25519PrivateKey.from_private_bytes(expand(extract(b"", KEM, b"dkp_prk", seed), KEM, b"sk", b"", 32))


def raw(key):
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def seal(plain, recipient, ephemeral_seed, provider, user):
    sender = derive_private(ephemeral_seed)
    enc, to = raw(sender.public_key()), raw(recipient)
    shared = expand(extract(b"", KEM, b"eae_prk", sender.exchange(recipient)), KEM, b"shared_secret", enc + to, 32)
    psk_hash = extract(b"", SUITE, b"psk_id_hash", b"")
    schedule = b"\0" + psk_hash + extract(b"", SUITE, b"info_hash", INFO)
    secret = extract(shared, SUITE, b"secret", b"")
    aead = ChaCha20Poly1305(expand(secret, SUITE, b"key", schedule, 32))
    base = int.from_bytes(expand(secret, SUITE, b"base_nonce", schedule, 12), "big")
    head = b"WLE1" + hashlib.sha256(to).digest()[:8] + provider + user + enc
    count = max(1, -(-len(plain) // PIECE))
    pieces = [
        aead.encrypt((base ^ i).to_bytes(12, "big"), plain[i * PIECE : (i + 1) * PIECE], head + bytes([i == count - 1]))
        for i in range(count)
    ]
    return head + b"".join(pieces)


def main():
    provider, user, seed, ephemeral = bytes([0xAB] * 20), bytes([0xCD] * 20), bytes([7] * 32), bytes([9] * 32)
    recipient = derive_private(seed)
    public: X25519PublicKey = recipient.public_key()
    vectors = []
    for length in (0, 45, PIECE, 2 * PIECE + 1):
        plain = bytes(i % 251 for i in range(length))
        sealed = seal(plain, public, ephemeral, provider, user)
        vector = {"plainLength": length, "sealedSha256": "0x" + hashlib.sha256(sealed).hexdigest()}
        vectors.append({**vector, **({"sealed": "0x" + sealed.hex()} if length < 100 else {})})
    document = {
        "origin": f"peers/compute/python/recordSealedFileVectors.py with cryptography {cryptography.__version__}",
        "plain": "byte i is i mod 251",
        "provider": "0x" + provider.hex(),
        "user": "0x" + user.hex(),
        "recipientSeed": "0x" + seed.hex(),
        "publicKey": "0x" + raw(public).hex(),
        "ephemeralSeed": "0x" + ephemeral.hex(),
        "vectors": vectors,
    }
    out = pathlib.Path(__file__).parents[3] / "vectors/envelope/sealedFiles.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
