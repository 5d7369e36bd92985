/** A kept file is read through its segment roots: the right bytes wherever they are asked for, and none that were changed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, concatBytes } from '@weightless/codec'
import { segmentBytes, segmentPaddedSectors } from './fileShape.ts'
import { fileTree } from './fileTree.ts'
import { openProven, SegmentDamagedError, SegmentRootsForeignError } from './provenSource.ts'
import { segmentRoot } from './segmentRoot.ts'

function makeFile(sizeBytes: number) {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
  const { shape, root } = fileTree(bytes)
  const roots = concatBytes(
    Array.from({ length: shape.segments }, (_, i) =>
      segmentRoot(bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes), segmentPaddedSectors(shape, i)),
    ),
  )
  let reads = 0
  const file = {
    sizeBytes,
    read: async (offset: number, length: number) => {
      reads++
      return bytes.subarray(offset, offset + length)
    },
  }
  return { bytes, root: bytesToHex(root), roots, file, reads: () => reads }
}

describe('a file read through its segment roots', () => {
  test('gives what was asked for, at every border', async () => {
    for (const size of [1, 256, segmentBytes, 2 * segmentBytes + 300]) {
      const { bytes, root, roots, file } = makeFile(size)
      const source = openProven(root, roots, file)
      for (const offset of [0, 255, segmentBytes - 1, segmentBytes, size - 1].filter((at) => at < size)) {
        for (const length of [0, 1, 257, segmentBytes, size].filter((count) => offset + count <= size)) {
          assert.deepEqual(await source.read(offset, length), bytes.subarray(offset, offset + length))
        }
      }
    }
  })

  test('reads a segment once for many small questions', async () => {
    const { root, roots, file, reads } = makeFile(segmentBytes + 1)
    const source = openProven(root, roots, file)
    for (let at = 0; at < 100; at++) await source.read(at, 8)
    assert.equal(reads(), 1)
  })

  test('reads no segment again when more is asked for from the same place on', async () => {
    const { bytes, root, roots, file } = makeFile(5 * segmentBytes + 9)
    const asked: [number, number][] = []
    const source = openProven(root, roots, {
      ...file,
      read: (offset, length) => {
        asked.push([offset / segmentBytes, length])
        return file.read(offset, length)
      },
    })
    await source.read(0, 2 * segmentBytes)
    await source.read(3 * segmentBytes + 1, 1)
    assert.deepEqual(await source.read(5, 5 * segmentBytes), bytes.subarray(5, 5 + 5 * segmentBytes))
    const expected = [
      [0, 2 * segmentBytes],
      [3, segmentBytes],
      [2, segmentBytes],
      [4, segmentBytes + 9],
    ]
    assert.deepEqual(asked, expected)
  })

  test('gives no byte of a changed segment, and all of the others', async () => {
    const { bytes, root, roots, file } = makeFile(3 * segmentBytes)
    bytes[segmentBytes + 5]! ^= 1
    const source = openProven(root, roots, file)
    await source.read(0, segmentBytes)
    await source.read(2 * segmentBytes, 1)
    await assert.rejects(source.read(segmentBytes, 1), SegmentDamagedError)
    await assert.rejects(source.read(0, 3 * segmentBytes), SegmentDamagedError)
  })

  test('takes no roots but those of the file', () => {
    const { root, roots, file } = makeFile(2 * segmentBytes)
    const changed = roots.slice()
    changed[40]! ^= 1
    for (const wrong of [changed, roots.subarray(32), concatBytes([roots, roots]), new Uint8Array()]) {
      assert.throws(() => openProven(root, wrong, file), SegmentRootsForeignError)
    }
  })
})
