/** Private files: streamed out and in, at any offset, resumed under the same root, and never handed out raw. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encryptionPublicKey, fileTree, segmentBytes } from '@weightless/crypto'
import fc from 'fast-check'
import { toBlobSource } from './blobSource.ts'
import { checkPlainRoot, decryptBlob, encryptSource, type OpenedBlob, recipeFor } from './index.ts'
import { noise } from './testing/codedNetwork.ts'

const key = noise(32, 1)
const secretKey = noise(32, 2)
const plain = noise(2 * segmentBytes + 77, 3)

async function open(bytes: Uint8Array): Promise<OpenedBlob> {
  return {
    root: '0x',
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    async *stream({ offset = 0 } = {}) {
      for (let at = offset; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
    },
  }
}

async function encrypt(recipe: Parameters<typeof encryptSource>[1]): Promise<Uint8Array> {
  const source = encryptSource(toBlobSource(plain), recipe)
  return source.read(0, source.sizeBytes)
}

const recipes = {
  shared: { key, nonce: noise(16, 4) },
  recipient: {
    recipientPublicKey: encryptionPublicKey(secretKey),
    ephemeralSecretKey: noise(32, 5),
    nonce: noise(16, 6),
  },
}

for (const [name, recipe] of Object.entries(recipes)) {
  test(`any range of a ${name} file is what it was`, async () => {
    const bytes = await encrypt(recipe)
    const opened = await decryptBlob(await open(bytes), { key, secretKey })
    assert.ok(opened.ok)
    const blob = opened.value
    assert.equal(blob.sizeBytes, plain.length)
    const pieces: Uint8Array[] = []
    for await (const piece of blob.stream()) pieces.push(piece)
    assert.ok(Buffer.concat(pieces).equals(plain))
    const source = encryptSource(toBlobSource(plain), recipe)
    await fc.assert(
      fc.asyncProperty(fc.nat(plain.length), fc.nat(70_000), async (offset, length) => {
        assert.deepEqual(await blob.read(offset, length), plain.slice(offset, offset + length))
        const part = Math.min(length, source.sizeBytes - offset)
        assert.deepEqual(await source.read(offset, part), bytes.slice(offset, offset + part))
      }),
      { numRuns: 30 },
    )
    assert.equal((await checkPlainRoot(blob, fileTree(plain).root)).ok, true)
  })
}

test('a wrong key is found by the content root, a missing one and a plain file at once', async () => {
  const shared = await open(await encrypt(recipes.shared))
  const wrong = await decryptBlob(shared, { key: noise(32, 9) })
  assert.ok(wrong.ok)
  const verdict = await checkPlainRoot(wrong.value, fileTree(plain).root)
  assert.equal(verdict.ok ? '' : verdict.code, 'key-wrong')
  const missing = await decryptBlob(shared, { secretKey })
  assert.equal(missing.ok ? '' : missing.code, 'key-missing')
  const sealed = await decryptBlob(await open(await encrypt(recipes.recipient)), { key })
  assert.equal(sealed.ok ? '' : sealed.code, 'key-missing')
  for (const bytes of [new Uint8Array([0, 1]), new Uint8Array([1, 2]), new Uint8Array(17).fill(1)]) {
    const raw = await decryptBlob(await open(bytes), { key, secretKey })
    assert.equal(raw.ok ? '' : raw.code, 'not-encrypted')
  }
})

test('the derived recipe gives the same root again, and another for other content or another key', async () => {
  const source = toBlobSource(plain)
  const rootOf = async (bytes: Uint8Array, with_: Uint8Array) => {
    const hidden = encryptSource(toBlobSource(bytes), await recipeFor(toBlobSource(bytes), with_))
    return Buffer.from(fileTree(await hidden.read(0, hidden.sizeBytes)).root).toString('hex')
  }
  const first = await rootOf(plain, key)
  assert.equal(await rootOf(plain, key), first)
  assert.notEqual(await rootOf(plain, secretKey), first)
  const changed = plain.slice()
  changed[plain.length - 1]! ^= 1
  assert.notEqual((await recipeFor(toBlobSource(changed), key)).nonce, (await recipeFor(source, key)).nonce)
  assert.notEqual(await rootOf(changed, key), first)
})
