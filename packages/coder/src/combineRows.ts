/** The linear combination of a row under the stripe's challenge: 16 bytes that stand for the row in the code. Spec: coding §4. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { type CoderEngine, engineRowsMax } from './coderEngine.ts'
import { type Coder, type CoderKernel, currentCoder, factorBytes, factorsAt, workAt } from './coderKernel.ts'
import type { CodeShape } from './codeShape.ts'
import { encodeRows } from './encodeRows.ts'
import {
  bytesToElement,
  coordinates,
  type Element,
  elementToBytes,
  multiplicationMatrix,
  multiplyElements,
} from './extensionField.ts'
import { exponents, fieldModulus, logarithms, logOf, multiplyByLog } from './field.ts'

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

/**
 * Combinations of rows under one challenge, 16 bytes each end to end. A row shorter than others, or `undefined`, counts
 * as filled up with zeros: they add nothing.
 */
export function combineRows(
  challenge: Element,
  rows: readonly (Uint8Array | undefined)[],
  { kernel, engine }: Coder = currentCoder(),
): Uint8Array {
  const combinations = new Uint8Array(combinationBytes * rows.length)
  if (engine) {
    combineOnEngine(engine, challenge, rows, combinations)
    return combinations
  }
  let leap = challenge
  for (let chains = 1; chains < chainCount; chains *= 2) leap = multiplyElements(leap, leap)
  const byTo = transposedMatrix(leap)
  const logs = multiplicationMatrix(challenge).map((row) => Uint16Array.from(row, logOf))
  for (const [r, row] of rows.entries()) {
    if (row) combinations.set(elementToBytes(joinChains(runChains(kernel, row, byTo), logs)), combinationBytes * r)
  }
  return combinations
}

function combineOnEngine(
  engine: CoderEngine,
  challenge: Element,
  rows: readonly (Uint8Array | undefined)[],
  combinations: Uint8Array,
): void {
  const nothing = new Uint8Array(0)
  for (let r = 0; r < rows.length; r += engineRowsMax) {
    const some = rows.slice(r, r + engineRowsMax).map((row) => row ?? nothing)
    const target = combinations.subarray(combinationBytes * r, combinationBytes * (r + some.length))
    engine.combineRows(some, challenge, exponents, logarithms, target)
  }
}

/** Row `to` = that coordinate of x^0, x^1, … times the element. */
function transposedMatrix(element: Element): Uint16Array[] {
  const byFrom = multiplicationMatrix(element)
  return Array.from({ length: coordinates }, (_, to) => Uint16Array.from(byFrom, (row) => row[to]!))
}

const chainCount = 32
const groupBytes = 64 * coordinates
const stateAt = workAt
const sourceAt = workAt + groupBytes
const sourceBytes = 64 * groupBytes

/** The 32 chains' sums, symbol e of coordinate c in chunk c as in a row. */
function runChains(kernel: CoderKernel, row: Uint8Array, byTo: readonly Uint16Array[]): Uint8Array {
  const bytes = kernel.bytes()
  for (const [to, factors] of byTo.entries()) {
    for (const [from, factor] of factors.entries()) {
      kernel.writeFactor(factorsAt + factorBytes * (coordinates * to + from), logOf(factor))
    }
  }
  bytes.fill(0, stateAt, stateAt + groupBytes)
  for (let end = Math.ceil(row.length / groupBytes) * groupBytes; end > 0; ) {
    const start = Math.max(0, end - (end % sourceBytes || sourceBytes))
    const part = row.subarray(start, end)
    bytes.set(part, sourceAt)
    bytes.fill(0, sourceAt + part.length, sourceAt + end - start)
    kernel.calls.combine(stateAt, sourceAt, (end - start) / groupBytes, factorsAt)
    end = start
  }
  return bytes.slice(stateAt, stateAt + groupBytes)
}

/** Sum of the chains times γ^e, again by Horner. */
function joinChains(state: Uint8Array, logs: readonly Uint16Array[]): Element {
  let sum: Element = new Uint16Array(coordinates)
  for (let e = chainCount - 1; e >= 0; e--) {
    const next = Uint16Array.from(
      { length: coordinates },
      (_, c) => state[64 * c + e]! | (state[64 * c + 32 + e]! << 8),
    )
    for (let from = 0; from < coordinates; from++) {
      if (sum[from] === 0) continue
      for (let to = 0; to < coordinates; to++) {
        if (logs[from]![to] !== fieldModulus) next[to]! ^= multiplyByLog(sum[from]!, logs[from]![to]!)
      }
    }
    sum = next
  }
  return sum
}

/** Combinations of the parity rows, `16 * m` bytes, out of those of the data rows, `16 * k`. */
export function extendCombinations(shape: CodeShape, combinations: Uint8Array): Uint8Array {
  const rows = Array.from({ length: shape.dataRows }, (_, r) => toShortRow(combinations.subarray(16 * r, 16 * r + 16)))
  return concatBytes(encodeRows(shape, rows, shortRowBytes).map(fromShortRow))
}

const shortRowBytes = 64

function toShortRow(combination: Uint8Array): Uint8Array {
  const row = new Uint8Array(shortRowBytes)
  for (let c = 0; c < coordinates; c++) {
    row[c] = combination[2 * c]!
    row[32 + c] = combination[2 * c + 1]!
  }
  return row
}

function fromShortRow(row: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: combinationBytes }, (_, i) => row[(i >> 1) + 32 * (i & 1)]!)
}
