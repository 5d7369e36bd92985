/** The native kernels against WebAssembly, in each of their widths; a wrong argument throws and touches nothing. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { nodeHeights } from '@weightless/crypto'
import { wasmKeccak } from '@weightless/crypto/keccakKernel'
import { loadNative } from './loadNative.ts'

const isExpected =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  process.env.WEIGHTLESS_NATIVE !== 'off' &&
  readFileSync('/proc/cpuinfo', 'utf8').includes('avx2')
const native = loadNative()
const data = Uint8Array.from({ length: 262_144 }, (_, i) => Math.imul(i, 2654435761) >>> 9)

describe('native kernels', () => {
  after(() => native?.limitLanes(8))

  it('are there where they should be', () => assert.equal(native !== undefined, isExpected))

  for (const lanes of [4, 8]) {
    it(`hash in ${lanes} lanes what WebAssembly hashes`, { skip: !native }, () => {
      if (!native) return
      native.limitLanes(lanes)
      for (const sectors of [1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 100, 640, 1000, 1023, 1024]) {
        for (const missing of [0, 1, 256, 300, 5000]) {
          const part = data.subarray(0, Math.max(0, 256 * sectors - missing))
          const roots = new Uint8Array(32 * nodeHeights(sectors).length)
          const expected = roots.slice()
          native.sectorTrees(part, sectors, roots)
          wasmKeccak.sectorTrees(part, sectors, expected)
          assert.deepEqual(roots, expected, `${sectors} sectors, ${missing} bytes missing`)
        }
      }
      for (const pairs of [0, 1, 3, 4, 5, 8, 11, 513, 4096]) {
        const hashes = new Uint8Array(32 * pairs)
        const expected = new Uint8Array(32 * pairs)
        native.hashPairs(data, pairs, hashes)
        wasmKeccak.hashPairs(data, pairs, expected)
        assert.deepEqual(hashes, expected)
      }
    })
  }

  it('refuse what does not fit', { skip: !native }, () => {
    if (!native) return
    const target = new Uint8Array(32)
    const wrong: (() => void)[] = [
      () => native.sectorTrees(data, 1023, target),
      () => native.sectorTrees(data.subarray(0, 768), 3, target),
      () => native.sectorTrees(data, 1025, target),
      () => native.sectorTrees(data, 0, target),
      () => native.sectorTrees(new Uint16Array(8) as unknown as Uint8Array, 1, target),
      () => native.hashPairs(data.subarray(0, 127), 2, new Uint8Array(64)),
      () => native.hashPairs(data, 2, target),
      () => native.limitLanes(5),
    ]
    for (const call of wrong) assert.throws(call, TypeError)
    assert.deepEqual(target, new Uint8Array(32))
  })
})
