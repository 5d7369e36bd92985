/** FileSector in the EVM against the file trees that storage nodes build. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { fileShape, fileTree, segmentBytes } from '@weightless/crypto'
import { proveSectors, type SectorRange, sectorsMax } from '@weightless/crypto/sectorRange'
import { bytesToHex, type Hex } from 'viem'
import { createDraw } from '../scripts/floatOperands.ts'
import { type Harness, openHarness } from '../scripts/openHarness.ts'

type File = { bytes: Uint8Array; root: Hex; prove: (from: number, count: number) => SectorRange }

/** Sizes about every kind of border: sector, segment, the padding of powers of two, a padding that is a segment itself. */
const sizes = [
  1, 255, 256, 257, 511, 513, 1025, 4096, 4097, 5000, 65_537, 262_143, 262_144, 262_145, 300_000, 524_288, 790_001,
  4_456_449,
]

describe('FileSector', () => {
  let harness: Harness
  const files = new Map<number, File>()
  before(async () => {
    harness = await openHarness('SectorHarness')
    for (const size of sizes) files.set(size, makeFile(size))
  })

  const open = (
    file: File,
    from: number,
    count: number,
    { sectors, siblings }: SectorRange,
    fileBytes = file.bytes.length,
  ) =>
    harness.call(
      'open',
      file.root,
      BigInt(fileBytes),
      BigInt(from),
      BigInt(count),
      bytesToHex(sectors),
      siblings.map((node) => bytesToHex(node)),
    )

  it('opens bytes anywhere in files of every shape', () => {
    const draw = createDraw(5)
    for (const [size, file] of files) {
      for (let i = 0; i < 30; i++) {
        const count = 1 + (draw() % Math.min(size, 1024))
        const last = size - count
        const from = i === 0 ? 0 : i === 1 ? last : i === 2 ? Math.min(last, segmentBytes - 3) : draw() % (last + 1)
        const opened = open(file, from, count, file.prove(from, count))
        assert.ok(opened.ok, `${size} bytes, ${count} from ${from}: ${opened.ok || opened.error}`)
        assert.equal((opened.value as [Hex])[0], bytesToHex(file.bytes.subarray(from, from + count)))
      }
    }
  })

  it('pads as the network does', () => {
    const draw = createDraw(6)
    for (let i = 0; i < 500; i++) {
      const size = 1 + (draw() % 2 ** (1 + (i % 31)))
      assert.equal(harness.must('paddedSectors', BigInt(size)), BigInt(fileShape(size).paddedSectors), `${size}`)
    }
  })

  it('refuses other bytes, places, sizes, roots and siblings', () => {
    const file = files.get(300_000)!
    const [from, count] = [262_100, 100]
    const proof = file.prove(from, count)
    assert.ok(open(file, from, count, proof).ok)
    const wrong = { ok: false, error: 'SectorProofWrong' }
    for (const byte of [0, 255, 300, 511]) {
      const sectors = proof.sectors.slice()
      sectors[byte]! ^= 1
      assert.deepEqual(open(file, from, count, { ...proof, sectors }), wrong)
    }
    for (const index of proof.siblings.keys()) {
      const siblings = proof.siblings.map((node, i) => (i === index ? node.map((byte) => byte ^ 128) : node))
      assert.deepEqual(open(file, from, count, { ...proof, siblings }), wrong)
    }
    assert.deepEqual(open(file, from, count, { ...proof, siblings: proof.siblings.slice(1) }), wrong)
    assert.deepEqual(open(file, from, count, { ...proof, siblings: [...proof.siblings, proof.siblings[0]!] }), wrong)
    assert.deepEqual(open(file, from + 512, count, proof), wrong)
    assert.deepEqual(open(file, from, count, proof, 400_000), wrong)
    assert.deepEqual(open({ ...file, root: files.get(256)!.root }, from, count, proof), wrong)
  })

  it('refuses what is not in the file, and sectors that were not asked for', () => {
    const file = files.get(1025)!
    const range = { ok: false, error: 'SectorRangeWrong' }
    assert.deepEqual(open(file, 1000, 26, file.prove(1000, 25)), range)
    assert.deepEqual(open(file, 1000, 0, file.prove(1000, 1)), range)
    assert.deepEqual(open(file, 2 ** 50, 1, file.prove(0, 1)), range)
    assert.deepEqual(open(file, 0, 1, file.prove(0, 257)), range)
    assert.deepEqual(open(file, 0, 257, file.prove(0, 1)), range)
    assert.deepEqual(open(file, 0, 1, file.prove(0, 1), 2 ** 49), range)
    for (const [from, count] of [
      [0, 0],
      [-1, 1],
      [1025, 1],
      [0.5, 1],
      [Number.NaN, 1],
    ] as const) {
      assert.throws(() => file.prove(from, count), { code: 'crypto/sector-range-invalid' })
    }
    const large = files.get(300_000)!
    assert.throws(() => large.prove(0, sectorsMax * 256 + 1), { code: 'crypto/sector-range-invalid' })
  })
})

function makeFile(size: number): File {
  const draw = createDraw(size)
  const bytes = Uint8Array.from({ length: size }, () => draw() & 255)
  const file = fileTree(bytes)
  const segment = (index: number) => bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes)
  return { bytes, root: bytesToHex(file.root), prove: (from, count) => proveSectors(file, segment, from, count) }
}
