/** Files sealed by another implementation of HPKE, and everything that must not open. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { EnvelopeInvalidError } from './envelope.ts'
import { isSealedFile, openSealedFile, sealedExtraBytes, sealFile } from './sealedFile.ts'
import { deriveKeyPair } from './suite.ts'

type Recorded = {
  provider: Hex
  user: Hex
  recipientSeed: Hex
  publicKey: Hex
  ephemeralSeed: Hex
  vectors: { plainLength: number; sealedSha256: Hex; sealed?: Hex }[]
}

const path = new URL('../../../vectors/envelope/sealedFiles.json', import.meta.url)
const recorded = JSON.parse(readFileSync(path, 'utf8')) as Recorded
const key = await deriveKeyPair(hexToBytes(recorded.recipientSeed))
const { provider, user } = recorded
const to = { recipient: key.publicKey, provider, user }
const plainOf = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251)

test('files are sealed as by another implementation, and opened', async () => {
  assert.equal(bytesToHex(key.publicKey), recorded.publicKey)
  for (const { plainLength, sealedSha256, sealed } of recorded.vectors) {
    const plain = plainOf(plainLength)
    const made = await sealFile(plain, { ...to, ephemeralSeed: hexToBytes(recorded.ephemeralSeed) })
    if (sealed) assert.equal(bytesToHex(made), sealed)
    assert.equal(bytesToHex(sha256(made)), sealedSha256)
    assert.equal(made.length, plainLength + sealedExtraBytes(plainLength))
    assert.ok(isSealedFile(made))
    assert.deepEqual(await openSealedFile(made, key, { provider, user }), plain)
  }
})

test('a file is sealed anew each time', async () => {
  const [one, other] = await Promise.all([sealFile(plainOf(9), to), sealFile(plainOf(9), to)])
  assert.notDeepEqual(one, other)
})

test('what is for others, changed or cut off does not open', async () => {
  const size = 2 ** 20 + 100
  const sealed = await sealFile(plainOf(size), to)
  const other = `0x${'12'.repeat(20)}` as const
  const mine = { provider, user }
  const refused = (file: Uint8Array, whose = mine, with_ = key) =>
    assert.rejects(openSealedFile(file, with_, whose), EnvelopeInvalidError)
  await refused(sealed, { provider, user: other })
  await refused(sealed, { provider: other, user })
  await refused(sealed, mine, await deriveKeyPair(new Uint8Array(32).fill(8)))
  // Somebody else's name written over that of the account that sealed it.
  const renamed = sealed.slice()
  renamed.set(hexToBytes(other), 32)
  await refused(renamed, { provider, user: other })
  for (const at of [0, 5, 13, 33, 53, 84, 84 + 2 ** 20, sealed.length - 1]) {
    const bent = sealed.slice()
    bent[at]! ^= 1
    await refused(bent)
  }
  const firstPieceEnds = 84 + 2 ** 20 + 16
  for (const length of [0, 3, 84, 99, firstPieceEnds, firstPieceEnds + 10, sealed.length - 1]) {
    await refused(sealed.subarray(0, length))
  }
  const longer = new Uint8Array(sealed.length + 1)
  longer.set(sealed)
  await refused(longer)
})
