/**
 * The erasure locator of the FFT decoder: at each present point the logarithm of the product of its distances to the
 * lost ones, at each lost point of those to the other lost ones; all at once by Walsh transforms. Spec: coding §3.
 */
import { fieldModulus, fieldOrder, logOf } from './field.ts'

let walshOfLogs: Uint16Array | undefined

/** @param erased 65,536 flags, 1 = lost; @returns 65,536 logarithms */
export function locateErasures(erased: Uint8Array): Uint16Array {
  walshOfLogs ??= transformedLogs()
  const work = Uint16Array.from(erased)
  walsh(work)
  for (let i = 0; i < fieldOrder; i++) work[i] = (work[i]! * walshOfLogs[i]!) % fieldModulus
  walsh(work)
  return work
}

function transformedLogs(): Uint16Array {
  const logs = Uint16Array.from({ length: fieldOrder }, (_, i) => (i === 0 ? 0 : logOf(i)))
  walsh(logs)
  return logs
}

/** Fast Walsh-Hadamard transform modulo 65,535. */
function walsh(values: Uint16Array): void {
  for (let distance = 1; distance < fieldOrder; distance *= 2) {
    for (let start = 0; start < fieldOrder; start += 2 * distance) {
      for (let i = start; i < start + distance; i++) {
        const a = values[i]!
        const b = values[i + distance]!
        const sum = a + b
        const difference = a - b
        values[i] = sum >= fieldModulus ? sum - fieldModulus : sum
        values[i + distance] = difference < 0 ? difference + fieldModulus : difference
      }
    }
  }
}
