/** The combination of a row by its definition: the sum of its elements times powers of the challenge. */
import { coordinates, type Element, multiplyElements } from '../extensionField.ts'
import { toSymbols } from './slowCode.ts'

export function slowCombine(row: Uint8Array | undefined, rowBytes: number, challenge: Element): Element {
  const symbols = toSymbols(row, rowBytes)
  const groups = Math.ceil(symbols.length / 256)
  let sum: Element = new Uint16Array(coordinates)
  for (let i = 32 * groups - 1; i >= 0; i--) {
    sum = multiplyElements(sum, challenge)
    for (let c = 0; c < coordinates; c++) sum[c]! ^= symbols[256 * (i >> 5) + 32 * c + (i & 31)] ?? 0
  }
  return sum
}
