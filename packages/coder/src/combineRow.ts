/** The linear combination of a row under the stripe's challenge: 16 bytes that stand for the row in the code. Spec: coding §4. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { CodeShape } from './codeShape.ts'
import { encodeRows } from './encodeRows.ts'
import { bytesToElement, type Element, elementToBytes } from './extensionField.ts'
import { slowCombine } from './testing/slowCombine.ts'

export const combinationBytes = 16

const domain = textToBytes('weightless/coding/1')

/** γ: known only after the rows are fixed, and different for every shape. */
export function challengeOf(shape: CodeShape, rowBytes: number, rowRoot: Uint8Array): Element {
  const numbers = new Uint8Array(12)
  for (const [i, value] of [shape.dataRows, shape.parityRows, rowBytes].entries()) {
    for (let byte = 0; byte < 4; byte++) numbers[4 * i + byte] = value >>> (8 * byte)
  }
  return bytesToElement(sha256(concatBytes([domain, rowRoot, numbers])))
}

/** @param row shorter than `rowBytes` or `undefined` counts as filled up with zeros */
export function combineRow(row: Uint8Array | undefined, rowBytes: number, challenge: Element): Uint8Array {
  return elementToBytes(slowCombine(row, rowBytes, challenge))
}

/** Combinations of the parity rows, `16 * m` bytes, out of those of the data rows, `16 * k`. */
export function extendCombinations(shape: CodeShape, combinations: Uint8Array): Uint8Array {
  const rows = Array.from({ length: shape.dataRows }, (_, r) => toShortRow(combinations.subarray(16 * r, 16 * r + 16)))
  return concatBytes(encodeRows(shape, rows, shortRowBytes).map(fromShortRow))
}

const shortRowBytes = 64

function toShortRow(combination: Uint8Array): Uint8Array {
  const row = new Uint8Array(shortRowBytes)
  for (let c = 0; c < 8; c++) {
    row[c] = combination[2 * c]!
    row[32 + c] = combination[2 * c + 1]!
  }
  return row
}

function fromShortRow(row: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: combinationBytes }, (_, i) => row[(i >> 1) + 32 * (i & 1)]!)
}
