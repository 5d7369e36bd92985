/** The linear combination of a row under the stripe's challenge: 16 bytes that stand for the row in the code. Spec: coding §4. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { type CoderKernel, factorBytes, factorsAt, loadCoderKernel, workAt } from './coderKernel.ts'
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
import { fieldModulus, logOf, multiplyByLog } from './field.ts'

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

/** Combines rows under one challenge. A row shorter than others counts as filled up with zeros: they add nothing. */
export function createCombiner(
  challenge: Element,
  kernel: CoderKernel = loadCoderKernel(),
): (row: Uint8Array) => Uint8Array {
  const logs = multiplicationMatrix(challenge).map((row) => Uint16Array.from(row, logOf))
  let leap = challenge
  for (let chains = 1; chains < chainCount; chains *= 2) leap = multiplyElements(leap, leap)
  const leapLogs = multiplicationMatrix(leap).map((row) => Uint16Array.from(row, logOf))
  return (row) => {
    for (let to = 0; to < coordinates; to++) {
      for (let from = 0; from < coordinates; from++) {
        kernel.writeFactor(factorsAt + factorBytes * (coordinates * to + from), leapLogs[from]![to]!)
      }
    }
    return elementToBytes(joinChains(runChains(kernel, row), logs))
  }
}

const chainCount = 32
const groupBytes = 64 * coordinates
const stateAt = workAt
const sourceAt = workAt + groupBytes
const sourceBytes = 64 * groupBytes

/** The 32 chains' sums, symbol e of coordinate c in chunk c as in a row. */
function runChains(kernel: CoderKernel, row: Uint8Array): Uint8Array {
  const bytes = kernel.bytes()
  bytes.fill(0, stateAt, stateAt + groupBytes)
  const paddedBytes = Math.ceil(row.length / groupBytes) * groupBytes
  for (let end = paddedBytes; end > 0; ) {
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
