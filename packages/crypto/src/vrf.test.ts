import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, hexToBytes, textToBytes } from '@weightless/codec'
import { vrfProve, vrfPublicKey, vrfVerify, vrfWitness } from './vrf.ts'

const secret = '0xc9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721'

// RFC 9381, B.1, examples 10 to 12.
const rfc = [
  {
    ...{ secret, alpha: 'sample' },
    proof:
      '0x035b5c726e8c0e2c488a107c600578ee75cb702343c153cb1eb8dec77f4b5071b4a53f0a46f018bc2c56e58d383f2305e0975972c26feea0eb122fe7893c15af376b33edf7de17c6ea056d4d82de6bc02f',
    beta: '0xa3ad7b0ef73d8fc6655053ea22f9bede8c743f08bbed3d38821f0e16474b505e',
  },
  {
    ...{ secret, alpha: 'test' },
    proof:
      '0x034dac60aba508ba0c01aa9be80377ebd7562c4a52d74722e0abae7dc3080ddb56c19e067b15a8a8174905b13617804534214f935b94c2287f797e393eb0816969d864f37625b443f30f1a5a33f2b3c854',
    beta: '0xa284f94ceec2ff4b3794629da7cbafa49121972671b466cab4ce170aa365f26d',
  },
]

describe('ECVRF', () => {
  for (const { secret: key, alpha, proof, beta } of rfc) {
    test(`over P-256 gives "${alpha}" of RFC 9381`, () => {
      const message = textToBytes(alpha)
      const made = vrfProve(hexToBytes(key), message, 'P-256')
      assert.equal(bytesToHex(made.proof), proof)
      assert.equal(bytesToHex(made.beta), beta)
      const shown = vrfVerify(vrfPublicKey(hexToBytes(key), 'P-256'), message, made.proof, 'P-256')
      assert.equal(shown && bytesToHex(shown), beta)
    })
  }

  // Vectors of this suite from the tests of sedaprotocol/vrf-go.
  test('over secp256k1 agrees with another implementation', () => {
    const least = hexToBytes('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140')
    const made = vrfProve(least, textToBytes('sample'))
    assert.equal(
      bytesToHex(made.proof),
      '0x03cc8a4f11c8dde5cbaad50f523c43389aa9eb407288570cf2bcd2e524ac0cbf88123d52707735b2ecff030dbdd71ac3a20166e4fb77f254dae61c6a35c694e539ae2d51e2ffce166cc455386aadb28bad',
    )
    const publicKey = hexToBytes('0x032c8c31fc9f990c6b55e3865a184a4ce50e09481f2eaeb3e60ec1cea13a6ae645')
    const proof = hexToBytes(
      '0x0338ec99b5d0f94ebcc2c704c04af3de8b4289df8798e5fb9f920d7f5d77ac03d7718b9677d1c9348649ac2ec4f7ecbe519b30dd10c4eb5efc21dd5944709f2f3b7e97a25f6f095334593502d05103bc5b',
    )
    const beta = vrfVerify(publicKey, textToBytes('sample'), proof)
    assert.equal(beta && bytesToHex(beta), '0xd466c22e14dc3b7fd169668dd3ee9ac6351429a24aebc5e8af61a0f0de89b65a')
  })

  test('shows nothing for another key, message or a flipped bit anywhere', () => {
    const alpha = textToBytes('round')
    const publicKey = vrfPublicKey(hexToBytes(secret))
    const { proof, beta } = vrfProve(hexToBytes(secret), alpha)
    assert.deepEqual(vrfVerify(publicKey, alpha, proof), beta)
    assert.equal(vrfVerify(publicKey, textToBytes('rounds'), proof), undefined)
    assert.equal(vrfVerify(vrfPublicKey(new Uint8Array(32).fill(7)), alpha, proof), undefined)
    assert.equal(vrfVerify(publicKey, alpha, proof.subarray(1)), undefined)
    assert.equal(vrfVerify(publicKey.subarray(1), alpha, proof), undefined)
    assert.equal(vrfVerify(publicKey, alpha, new Uint8Array(81)), undefined)
    for (let byte = 0; byte < proof.length; byte += 4) {
      assert.equal(vrfVerify(publicKey, alpha, proof.with(byte, proof[byte]! ^ 1)), undefined, `byte ${byte}`)
    }
    assert.throws(() => vrfProve(new Uint8Array(31), alpha))
    assert.throws(() => vrfProve(new Uint8Array(32), alpha))
    assert.throws(() => vrfWitness(publicKey, alpha, new Uint8Array(81)))
  })
})
