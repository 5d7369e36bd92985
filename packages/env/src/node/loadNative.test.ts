/** The native kernels against WebAssembly, in each of their widths; a wrong argument throws and touches nothing. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { createCoderKernel } from '@weightless/coder/coderKernel'
import { combineRows } from '@weightless/coder/combineRows'
import { decodeRowsOn } from '@weightless/coder/decodeRows'
import { encodeRowsOn } from '@weightless/coder/encodeRows'
import { exponents, logarithms } from '@weightless/coder/field'
import { nodeHeights, sha256 } from '@weightless/crypto'
import { wasmKeccak } from '@weightless/crypto/keccakKernel'
import { wasmPora } from '@weightless/crypto/poraKernel'
import { loadNative } from './loadNative.ts'

const isExpected =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  process.env.WEIGHTLESS_NATIVE !== 'off' &&
  readFileSync('/proc/cpuinfo', 'utf8').includes('avx2')
const native = loadNative()
const challenge = Uint16Array.of(1, 2, 30_000, 4, 555, 6, 7, 65_535)
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

  for (const lanes of [4, 8]) {
    it(`seal, unseal and grow pads in ${lanes} lanes as WebAssembly does`, { skip: !native }, () => {
      if (!native) return
      native.limitLanes(lanes)
      const head = data.slice(5, 101)
      for (const seals of [0, 1, 3, 4, 5, 8, 9, 13, 64]) {
        const sealed = data.slice(0, 4096 * seals)
        const expected = sealed.slice()
        native.sealChains(head, sealed, false)
        wasmPora.sealChains(head, expected, false)
        assert.deepEqual(sealed, expected, `${seals} seals`)
        native.sealChains(head, sealed, true)
        assert.deepEqual(sealed, data.slice(0, 4096 * seals))
      }
      for (const nonces of [0, 1, 4, 5, 8, 11]) {
        const [pads, recalls] = [new Uint8Array(16_384 * nonces), new Uint8Array(32 * nonces)]
        const [expectedPads, expectedRecalls] = [pads.slice(), recalls.slice()]
        native.growPads(data.subarray(0, 64 * nonces), pads, recalls)
        wasmPora.growPads(data.subarray(0, 64 * nonces), expectedPads, expectedRecalls)
        assert.deepEqual(pads, expectedPads)
        assert.deepEqual(recalls, expectedRecalls)
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
      () => native.sealChains(data.subarray(0, 95), new Uint8Array(4096), false),
      () => native.sealChains(data.subarray(0, 96), new Uint8Array(4095), false),
      () => native.sealChains(data.subarray(0, 96), new Uint8Array(4096), 1 as unknown as boolean),
      () => native.growPads(data.subarray(0, 63), new Uint8Array(16_384), target),
      () => native.growPads(data.subarray(0, 128), new Uint8Array(16_384), new Uint8Array(64)),
      () => native.growPads(data.subarray(0, 128), new Uint8Array(32_768), target),
      () => native.combineRows([data], challenge.subarray(1), exponents, logarithms, new Uint8Array(16)),
      () => native.combineRows([data], challenge, exponents.subarray(1), logarithms, new Uint8Array(16)),
      () => native.combineRows([data], challenge, exponents, logarithms.subarray(1), new Uint8Array(16)),
      () => native.combineRows([data], challenge, exponents, logarithms, target),
      () => native.crc32(new Uint16Array(8) as unknown as Uint8Array, 0),
      () => native.crc32(data, '0' as unknown as number),
      () => native.leafPair(data, data.subarray(1), new Uint8Array(64)),
      () => native.leafPair(data, data, target),
      () => native.multiplyRows([data], new Uint16Array(32), [new Uint8Array(262_144)]),
      () => native.multiplyRows([data], new Uint16Array(16), [target]),
      () => native.multiplyRows([target], new Uint16Array(16), [new Uint8Array(32)]),
      () => native.multiplyRows([], new Uint16Array(0), [target]),
      () => native.multiplyRows(new Array(513).fill(data), new Uint16Array(16 * 513), [new Uint8Array(262_144)]),
    ]
    for (const call of wrong) assert.throws(call, TypeError)
    assert.deepEqual(target, new Uint8Array(32))
  })

  it('code and combine what WebAssembly does', { skip: !native?.hasCoder() }, () => {
    if (!native) return
    const kernel = createCoderKernel('plain')
    const [wide, plain] = [native, undefined].map((engine) => ({ kernel, engine }))
    for (const [dataRows, parityRows] of [
      [4, 2],
      [16, 8],
      [3, 9],
      [10, 4],
      [2, 1],
      [7, 15],
      [60, 40],
      [9, 64],
    ] as const) {
      const shape = { dataRows, parityRows }
      const rowBytes = 64 * (5 * dataRows + parityRows)
      const rows = Array.from({ length: dataRows }, (_, r) =>
        r === 1 ? undefined : data.subarray(1000 * r, 1000 * r + rowBytes - (r === 2 ? 100 : 0)),
      )
      const parity = encodeRowsOn(plain!, shape, rows, rowBytes)
      assert.deepEqual(encodeRowsOn(wide!, shape, rows, rowBytes), parity)
      const given = [...rows.map((row, r) => (r % 3 === 0 ? undefined : (row ?? new Uint8Array(0)))), ...parity]
      const wanted = [...given.keys()].filter((r) => !given[r]).slice(0, parityRows)
      const enough = given.map((row, r) => row ?? (wanted.includes(r) ? undefined : rows[r]))
      assert.deepEqual(
        decodeRowsOn(wide!, shape, enough, rowBytes, wanted),
        decodeRowsOn(plain!, shape, enough, rowBytes, wanted),
      )
    }
    const rows = [0, 1, 63, 64, 511, 512, 513, 4096, 262_144].map((length) => data.subarray(0, length))
    assert.deepEqual(combineRows(challenge, rows, wide), combineRows(challenge, rows, plain))
  })

  it('sum as zlib does, whole and in pieces', { skip: !native?.hasCrc32() }, () => {
    for (const length of [0, 1, 15, 16, 63, 64, 65, 79, 80, 127, 128, 1_000, 4_096, 262_143]) {
      const bytes = data.subarray(3, 3 + length)
      assert.equal(native!.crc32(bytes, 0), crc32(bytes))
      const cut = length >> 1
      assert.equal(native!.crc32(bytes.subarray(cut), native!.crc32(bytes.subarray(0, cut), 0)), crc32(bytes))
    }
  })

  it('hash leaves in pairs', { skip: !native?.hasCoder() }, () => {
    for (const length of [0, 1, 54, 55, 56, 62, 63, 64, 118, 119, 126, 127, 128, 191, 1000, 65_536]) {
      const hashes = new Uint8Array(64)
      const [a, b] = [data.subarray(0, length), data.subarray(7, 7 + length)]
      native?.leafPair(a, b, hashes)
      assert.deepEqual(hashes, Uint8Array.from([a, b].flatMap((row) => [...sha256(Uint8Array.of(0, ...row))])))
    }
  })
})
