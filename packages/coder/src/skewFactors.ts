/** The twiddle factors of the additive FFT, as logarithms: the butterfly at `position` uses factor `position - 1`. Spec: coding §2. */
import { addLogs, fieldModulus, fieldOrder, logOf, multiply, multiplyByLog } from './field.ts'

let factors: Uint16Array | undefined

/** Logarithms of the 65,535 factors; `fieldModulus` stands for the factor zero. Built at the first call. */
export function skewFactors(): Uint16Array {
  factors ??= buildFactors()
  return factors
}

function buildFactors(): Uint16Array {
  const skew = new Uint16Array(fieldOrder)
  const bits = 16
  const temp = Array.from({ length: bits - 1 }, (_, i) => 1 << (i + 1))
  for (let m = 0; m < bits - 1; m++) {
    const step = 1 << (m + 1)
    skew[(1 << m) - 1] = 0
    for (let i = m; i < bits - 1; i++) {
      const span = 1 << (i + 1)
      for (let j = (1 << m) - 1; j < span; j += step) skew[j + span] = skew[j]! ^ temp[i]!
    }
    temp[m] = fieldModulus - logOf(multiply(temp[m]!, temp[m]! ^ 1))
    for (let i = m + 1; i < bits - 1; i++) {
      temp[i] = multiplyByLog(temp[i]!, addLogs(logOf(temp[i]! ^ 1), temp[m]!))
    }
  }
  for (let i = 0; i < fieldModulus; i++) skew[i] = logOf(skew[i]!)
  return skew.subarray(0, fieldModulus)
}
