/** Gives layer 0 the machine's own Ed25519 (tens of times faster than JavaScript); imported for its effect by every thread. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { setEd25519 } from '@weightless/crypto'

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const publicKeys = new Map<string, KeyObject>()
const publicKeysMax = 4_096

setEd25519({
  publicKey(secretKey) {
    const der = createPublicKey(privateKeyOf(secretKey)).export({ format: 'der', type: 'spki' })
    return new Uint8Array(der.subarray(spkiPrefix.length))
  },
  sign: (message, secretKey) => new Uint8Array(sign(null, message, privateKeyOf(secretKey))),
  verify(signature, message, publicKey) {
    try {
      return verify(null, message, publicKeyOf(publicKey), signature)
    } catch {
      return false
    }
  },
})

function privateKeyOf(secretKey: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secretKey]), format: 'der', type: 'pkcs8' })
}

/** Making a key costs as much as using it, and a node sees the same few peers all day. */
function publicKeyOf(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString('latin1')
  const known = publicKeys.get(name)
  if (known) return known
  const made = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' })
  if (publicKeys.size >= publicKeysMax) publicKeys.clear()
  publicKeys.set(name, made)
  return made
}
