/** The file tree under any size and any cut of the stream; forged segments are refused with the network's words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import fc from 'fast-check'
import hashSegments from './hashSegmentsTask.ts'
import {
  buildTree,
  checkSegment,
  closeFileTree,
  createFileHasher,
  createFlowTree,
  createSha256,
  FileSizeInvalidError,
  FlowPositionError,
  fileShape,
  fileTree,
  foldNodes,
  hashPair,
  keccak256,
  segmentBytes,
  segmentDataBytes,
  segmentProof,
  sha256,
  zeroRoot,
} from './index.ts'

function noise(length: number, seed = 1): Uint8Array {
  let state = seed
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state >> 16
  })
}

function dataOf(bytes: Uint8Array, index: number): Uint8Array {
  const data = new Uint8Array(segmentDataBytes(fileShape(bytes.length), index))
  data.set(bytes.subarray(index * segmentBytes, index * segmentBytes + data.length))
  return data
}

test('impossible sizes are refused', () => {
  for (const size of [0, -1, 1.5, Number.NaN, 2 ** 60, Number.POSITIVE_INFINITY]) {
    assert.throws(() => fileShape(size), FileSizeInvalidError)
  }
  assert.throws(() => createFileHasher().finish(), FileSizeInvalidError)
})

test('padding adds under an eighth and splits into at most four nodes within three heights', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (size) => {
      const { sectors, paddedSectors, segments, paddedSegments } = fileShape(size)
      assert.ok(paddedSectors >= sectors && (sectors < 16 || paddedSectors < sectors * 1.125))
      assert.ok(segments <= paddedSegments)
    }),
  )
})

test('a root does not depend on how the stream is cut', () => {
  const bytes = noise(3 * segmentBytes + 700)
  const whole = bytesToHex(fileTree(bytes).root)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
      const hasher = createFileHasher()
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      for (let i = 1; i < edges.length; i++) hasher.update(bytes.subarray(edges[i - 1], edges[i]))
      assert.equal(bytesToHex(hasher.finish().root), whole)
    }),
    { numRuns: 25 },
  )
})

test('every segment of every shape proves itself, and nothing else', () => {
  for (const size of [1, 256, 262_144, 262_145, 786_433, 5_243_003 - 3 * segmentBytes]) {
    const bytes = noise(size)
    const file = fileTree(bytes)
    assert.deepEqual(foldNodes(file.nodes), file.root)
    for (let index = 0; index < file.shape.segments; index++) {
      const data = dataOf(bytes, index)
      const proof = segmentProof(file, index)
      assert.ok(checkSegment(file.root, file.shape, index, data, proof).ok)
      const bad = data.slice()
      bad[index % 256]! ^= 1
      assertRefused('proof', checkSegment(file.root, file.shape, index, bad, proof))
      assertRefused('proof', checkSegment(zeroRoot(3), file.shape, index, data, proof))
      assertRefused('data', checkSegment(file.root, file.shape, index, data.subarray(256), proof))
      if (proof.path.length === 0) continue
      const turned = { lemma: proof.lemma, path: proof.path.map((isLeft) => !isLeft) }
      assertRefused('proof', checkSegment(file.root, file.shape, index, data, turned))
      for (let level = 0; level < proof.lemma.length; level++) {
        const lemma = proof.lemma.map((hash, at) => (at === level ? zeroRoot(7) : hash))
        assertRefused('proof', checkSegment(file.root, file.shape, index, data, { lemma, path: proof.path }))
      }
      assertRefused(
        'proof',
        checkSegment(file.root, file.shape, index, data, { lemma: proof.lemma.slice(1), path: proof.path }),
      )
    }
    for (const index of [-1, file.shape.segments, 0.5, 2 ** 31]) {
      assertRefused('index', checkSegment(file.root, file.shape, index, bytes, segmentProof(file, 0)))
    }
    assertRefused('proof', checkSegment(file.root, file.shape, 0, dataOf(bytes, 0), { lemma: [], path: [] }))
  }
})

test('data in the padding range is refused though its proof leads to the root', () => {
  // 17 data segments pad to 18; a forger hides one more segment of data there.
  const shape = fileShape(17 * segmentBytes)
  const bytes = noise(shape.sizeBytes)
  const honest = fileTree(bytes)
  const leaves = honest.tree.levels[0]!.slice()
  leaves.set(keccak256(bytes), 32 * 17)
  const forged = buildTree(leaves)
  const root = forged.levels[forged.levels.length - 1]!
  const data = dataOf(bytes, 16)
  const proof = segmentProof({ ...honest, root, tree: forged }, 16)
  const verdict = checkSegment(root, shape, 16, data, proof)
  assert.ok(!verdict.ok && verdict.detail === 'invalid proof node value in the padding range')
})

test('the flow refuses what does not fit, and its root equals the naive tree', () => {
  const flow = createFlowTree()
  flow.append(4, [{ root: keccak256(new Uint8Array(1)), height: 2 }])
  assert.throws(() => flow.append(2, []), FlowPositionError)
  assert.throws(() => flow.append(9, [{ root: zeroRoot(1), height: 1 }]), FlowPositionError)
  const gap = createFlowTree()
  gap.append(4, [{ root: zeroRoot(2), height: 2 }])
  const low = hashPair(hashPair(new Uint8Array(32), zeroRoot(0)), zeroRoot(1))
  assert.deepEqual(gap.root(), hashPair(low, zeroRoot(2)))
})

test('keccak-256 and SHA-256 of every length around a block', async () => {
  const { createKeccak, createSHA256 } = await import('hash-wasm')
  const keccak = await createKeccak(256)
  const sha = await createSHA256()
  for (const length of [0, 1, 31, 32, 55, 56, 63, 64, 65, 135, 136, 137, 271, 272, 273, 262_144, 262_145, 600_000]) {
    const bytes = noise(length)
    assert.deepEqual(keccak256(bytes), keccak.init().update(bytes).digest('binary'), `keccak ${length}`)
    const expected = sha.init().update(bytes).digest('binary')
    assert.deepEqual(sha256(bytes), expected)
    const [first, second] = [createSha256(), createSha256()]
    first.update(bytes.subarray(0, length >> 1))
    second.update(noise(100, 2))
    first.update(bytes.subarray(length >> 1))
    assert.deepEqual(first.digest(), expected, `interleaved streams, ${length}`)
    second.digest()
  }
})

function assertRefused(code: string, verdict: ReturnType<typeof checkSegment>): void {
  assert.ok(!verdict.ok)
  assert.equal(verdict.code, code)
}

test('segments hashed elsewhere join to the same tree', () => {
  const bytes = noise(3 * segmentBytes + 700)
  const roots = hashSegments(bytes.subarray(0, 3 * segmentBytes))
  const parts = [0, 32, 64].map((at) => roots.slice(at, at + 32))
  assert.deepEqual(closeFileTree(fileShape(bytes.length), parts, bytes.subarray(3 * segmentBytes)), fileTree(bytes))
})
