/** Gives layer 0 the machine's own ECDSA over the NIST curves (tens of times faster than JavaScript); imported for its effect. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { type NistCurve, setNistEcdsa } from '@weightless/crypto'

/** SubjectPublicKeyInfo up to the point. */
const spkiPrefixes: { readonly [curve in NistCurve]: Buffer } = {
  'P-256': Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  'P-384': Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
}
const digests: { readonly [curve in NistCurve]: string } = { 'P-256': 'sha256', 'P-384': 'sha384' }

setNistEcdsa({
  verify(curve, signature, message, publicKey) {
    try {
      const key = publicKeyOf(curve, publicKey)
      return verify(digests[curve], message, { key, dsaEncoding: 'ieee-p1363' }, signature)
    } catch {
      // A point that is not on the curve: whoever sent it, the answer is no.
      return false
    }
  },
})

function publicKeyOf(curve: NistCurve, publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefixes[curve], publicKey]), format: 'der', type: 'spki' })
}
