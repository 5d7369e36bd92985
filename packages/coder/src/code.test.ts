/** Encoding and recovery by the kernels, both builds, against the plain code, over many shapes and patterns of loss. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { bytesToHex, concatBytes } from '@weightless/codec'
import fc from 'fast-check'
import { createCoderKernel } from './coderKernel.ts'
import { type CodeShape, checkShape } from './codeShape.ts'
import { decodeRowsOn } from './decodeRows.ts'
import { encodeRowsOn } from './encodeRows.ts'
import { CodeShapeInvalidError, decodeRows, encodeRows, TooFewRowsError } from './index.ts'
import { multiplyRows } from './multiplyRows.ts'
import { recoverByTransform } from './recoverByTransform.ts'
import { solveLoss } from './solveLoss.ts'
import { slowDecode, slowEncode } from './testing/slowCode.ts'

const coders = {
  plain: { kernel: createCoderKernel('plain'), engine: undefined },
  relaxed: { kernel: createCoderKernel('relaxed'), engine: undefined },
}
const shapes: readonly [number, number][] = [
  [4, 2],
  [16, 8],
  [32, 16],
  [10, 4],
  [1, 2],
  [3, 9],
  [2, 1],
  [7, 1],
  [5, 3],
  [17, 5],
  [6, 0],
  [12, 33],
]

/** Deterministic, all different, some short, one absent. */
function makeRows({ dataRows }: CodeShape, rowBytes: number, seed: number): (Uint8Array | undefined)[] {
  let state = seed | 1
  return Array.from({ length: dataRows }, (_, r) => {
    if (dataRows > 4 && r === 3) return undefined
    return Uint8Array.from({ length: r % 5 === 4 ? rowBytes - 40 : rowBytes }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    })
  })
}

function fillUp(row: Uint8Array | undefined, rowBytes: number): Uint8Array {
  const filled = new Uint8Array(rowBytes)
  if (row) filled.set(row)
  return filled
}

for (const [name, coder] of Object.entries(coders)) {
  describe(`${name} kernel`, () => {
    for (const [dataRows, parityRows] of shapes) {
      const shape = { dataRows, parityRows }
      it(`makes the parity of ${dataRows} + ${parityRows} and recovers from any ${dataRows}`, () => {
        const rowBytes = 64 * (1 + ((dataRows * 7 + parityRows) % 21))
        const rows = makeRows(shape, rowBytes, 17 * dataRows + parityRows)
        const parity = encodeRowsOn(coder, shape, rows, rowBytes)
        assert.deepEqual(parity, slowEncode(shape, rows, rowBytes))
        const all = [...rows.map((row) => fillUp(row, rowBytes)), ...parity]
        const losses = fc.shuffledSubarray([...all.keys()], { minLength: 0, maxLength: parityRows })
        fc.assert(
          fc.property(losses, (lost) => {
            const given = all.map((row, r) => (lost.includes(r) ? undefined : row))
            const expected = lost.map((r) => all[r])
            assert.deepEqual(decodeRowsOn(coder, shape, given, rowBytes, lost), expected)
            if (dataRows === 1 || lost.length === 0) return
            const present = [...all.keys()].filter((r) => !lost.includes(r))
            const { sources, factors } = solveLoss(shape, present, lost)
            const solved = multiplyRows(
              coder,
              factors,
              sources.map((r) => given[r]),
              rowBytes,
            )
            assert.deepEqual(solved, expected)
            assert.deepEqual(recoverByTransform(coder.kernel, shape, given, rowBytes, lost), expected)
          }),
          { numRuns: 8, seed: 5 },
        )
      })
    }
  })
}

describe('code', () => {
  it('recovers a large code from parity alone', () => {
    const shape = { dataRows: 200, parityRows: 300 }
    const rows = makeRows(shape, 128, 9)
    const parity = encodeRows(shape, rows, 128)
    const given = [...rows.map(() => undefined), ...parity.map((row, p) => (p % 3 === 2 ? undefined : row))]
    const wanted = [0, 3, 199, 202]
    const expected = wanted.map((r) => fillUp(r < 200 ? rows[r] : parity[r - 200], 128))
    assert.deepEqual(decodeRows(shape, given, 128, wanted), expected)
  })

  it('agrees with the plain recovery where more rows than needed are there', () => {
    const shape = { dataRows: 5, parityRows: 4 }
    const rows = makeRows(shape, 192, 3)
    const all = [...rows.map((row) => fillUp(row, 192)), ...encodeRows(shape, rows, 192)]
    const given = all.map((row, r) => (r === 1 || r === 6 ? undefined : row))
    assert.deepEqual(decodeRows(shape, given, 192, [6, 1, 0]), slowDecode(shape, given, 192, [6, 1, 0]))
  })

  it('gives rows in buffers of their own, never those that it was given', () => {
    for (const shape of [
      { dataRows: 1, parityRows: 2 },
      { dataRows: 3, parityRows: 2 },
    ]) {
      const rows = makeRows(shape, 128, 3)
      const all = [...rows, ...encodeRows(shape, rows, 128)]
      const given = all.map((row, r) => (r === 0 ? undefined : row))
      const made = [...encodeRows(shape, rows, 128), ...decodeRows(shape, given, 128, [...all.keys()])]
      const buffers = [...made, ...all].map((row) => row?.buffer)
      assert.equal(new Set(buffers).size, buffers.length)
      for (const row of made) assert.equal(row.buffer.byteLength, 128)
    }
  })

  it('goes through rows that need many blocks', () => {
    const shape = { dataRows: 3, parityRows: 2 }
    const rowBytes = 1024 * 1024 + 64
    const rows = Array.from({ length: 3 }, (_, r) => new Uint8Array(rowBytes).fill(r + 1))
    rows[2]![rowBytes - 1] = 77
    const parity = encodeRows(shape, rows, rowBytes)
    const ends = rows.map((row) => row.slice(-64))
    assert.deepEqual(
      parity.map((row) => row.slice(-64)),
      slowEncode(shape, ends, 64),
    )
    assert.deepEqual(decodeRows(shape, [undefined, undefined, rows[2], ...parity], rowBytes, [0, 1]), rows.slice(0, 2))
  })

  it('says that too few rows are there, and which shapes there are not', () => {
    const shape = { dataRows: 4, parityRows: 2 }
    const row = new Uint8Array(64)
    assert.throws(() => decodeRows(shape, [row, undefined, undefined, row, undefined, row], 64, [1]), TooFewRowsError)
    const wrong: [number, number][] = [
      [0, 2],
      [4, -1],
      [1.5, 2],
      [65_537, 0],
      [40_000, 20_000],
      [65_535, 2],
      [Number.NaN, 1],
    ]
    for (const [dataRows, parityRows] of wrong) {
      assert.equal(checkShape({ dataRows, parityRows }).ok, false)
      assert.throws(() => encodeRows({ dataRows, parityRows }, [], 64), CodeShapeInvalidError)
    }
    for (const rowBytes of [0, 63, 65, -64, 2 ** 25]) {
      assert.throws(() => encodeRows(shape, [row, row, row, row], rowBytes), CodeShapeInvalidError)
    }
  })

  const vectorFile = new URL('../../../vectors/coding/reedSolomonSimd.json', import.meta.url)
  const { vectors } = JSON.parse(readFileSync(vectorFile, 'utf8')) as { vectors: ParityVector[] }
  for (const { dataRows, parityRows, rowBytes, fnv1a, parity } of vectors) {
    it(`makes the parity that reed-solomon-simd makes of ${dataRows} + ${parityRows}`, () => {
      let state = 1
      const rows = Array.from({ length: dataRows }, () =>
        Uint8Array.from({ length: rowBytes }, () => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0
          return state >>> 24
        }),
      )
      for (const coder of Object.values(coders)) {
        const made = concatBytes(encodeRowsOn(coder, { dataRows, parityRows }, rows, rowBytes))
        assert.equal(made.reduce((sum, byte) => Math.imul(sum ^ byte, 16777619), 2166136261) >>> 0, fnv1a)
        if (parity) assert.equal(bytesToHex(made), `0x${parity}`)
      }
    })
  }
})

type ParityVector = CodeShape & { rowBytes: number; fnv1a: number; parity?: string }
