/** rsema1d 1.3.0 (Celestia Fibre) as referee of the field, the parity rows, the row tree and the extension. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { bytesToHex, concatBytes } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreeRoot, sha256 } from '@weightless/crypto'
import { type CodeShape, powerOfTwoFrom } from './codeShape.ts'
import { extendCombinations } from './combineRows.ts'
import { encodeRows } from './encodeRows.ts'
import { elementToBytes } from './extensionField.ts'
import { multiply } from './field.ts'
import { rowTree } from './rowTree.ts'
import { toSymbols } from './testing/slowCode.ts'

type Vector = CodeShape & { rowBytes: number; commitment: string }

const file = new URL('../../../vectors/coding/rsema1d.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }

describe('rsema1d', () => {
  for (const { dataRows, parityRows, rowBytes, commitment } of vectors) {
    it(`commits to ${dataRows} + ${parityRows} rows of ${rowBytes} bytes`, () => {
      const rows = Array.from({ length: dataRows }, (_, r) => {
        const row = new Uint8Array(rowBytes)
        row[rowBytes - 1] = r + 1
        return row
      })
      assert.equal(bytesToHex(commit({ dataRows, parityRows }, rows, rowBytes)), `0x${commitment}`)
    })
  }
})

/** Its commitment, with one independent coefficient for each symbol. */
function commit(shape: CodeShape, rows: Uint8Array[], rowBytes: number): Uint8Array {
  const parity = encodeRows(shape, rows, rowBytes)
  const rowRoot = hashTreeRoot(rowTree(shape, rows, parity, rowBytes))
  const seed = sha256(
    concatBytes([rowRoot, littleEndian(shape.dataRows), littleEndian(shape.parityRows), littleEndian(rowBytes)]),
  )
  const coefficients = Array.from({ length: rowBytes / 2 }, (_, i) =>
    fold(sha256(concatBytes([seed, littleEndian(i)]))),
  )
  const combine = (row: Uint8Array) => combination(toSymbols(row, rowBytes), coefficients)
  const combinations = rows.map(combine)
  assert.deepEqual(extendCombinations(shape, concatBytes(combinations)), concatBytes(parity.map(combine)))
  const leaves = new Array<Uint8Array>(powerOfTwoFrom(shape.dataRows)).fill(hashLeaf(new Uint8Array(16)))
  for (const [r, bytes] of combinations.entries()) leaves[r] = hashLeaf(bytes)
  return sha256(concatBytes([rowRoot, hashTreeRoot(buildHashTree(leaves))]))
}

function combination(symbols: Uint16Array, coefficients: Uint16Array[]): Uint8Array {
  const sum = new Uint16Array(8)
  for (const [i, symbol] of symbols.entries()) {
    for (let c = 0; c < 8; c++) sum[c]! ^= multiply(symbol, coefficients[i]![c]!)
  }
  return elementToBytes(sum)
}

function fold(hash: Uint8Array): Uint16Array {
  return Uint16Array.from({ length: 8 }, (_, c) => {
    const at = (i: number) => hash[i]! ^ hash[i + 16]!
    return at(2 * c) | (at(2 * c + 1) << 8)
  })
}

function littleEndian(value: number): Uint8Array {
  return Uint8Array.from({ length: 4 }, (_, i) => value >>> (8 * i))
}
