/** Natural logarithm from exactly rounded f64 operations, alike on every machine; relative error below 1e-14. */

/** @param value - positive and finite */
export function naturalLog(value: number): number {
  let mantissa = value
  let exponent = 0
  while (mantissa > Math.SQRT2) {
    mantissa /= 2
    exponent++
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2
    exponent--
  }
  const t = (mantissa - 1) / (mantissa + 1)
  const square = t * t
  let series = 0
  for (let k = 21; k >= 1; k -= 2) series = series * square + 1 / k
  return exponent * Math.LN2 + 2 * t * series
}
