/** Polynomials over the integers modulo 65497, the largest prime that TOPLOC found room for in 16 bits. Spec: spec/fingerprint.md §2 */

export const prime = 65_497

/** @returns what gives 1 when multiplied with `value`, which is not 0 modulo the prime */
function inverse(value: number): number {
  let [r, nextR, s, nextS] = [value, prime, 1, 0]
  while (nextR !== 0) {
    const quotient = Math.floor(r / nextR)
    ;[r, nextR] = [nextR, r - quotient * nextR]
    ;[s, nextS] = [nextS, s - quotient * nextS]
  }
  return mod(s)
}

const mod = (value: number): number => ((value % prime) + prime) % prime

/**
 * The polynomial of least degree through the points, by Newton's divided differences. Products stay below 2^32.
 *
 * @param x - n different numbers, 0 to 65496
 * @param y - n numbers, 0 to 65496
 * @returns n coefficients, the constant one first
 */
export function interpolate(x: readonly number[], y: readonly number[]): Uint16Array {
  const count = x.length
  const newton = y.map(mod)
  for (let k = 1; k < count; k++) {
    for (let i = count - 1; i >= k; i--) {
      newton[i] = (mod(newton[i]! - newton[i - 1]!) * inverse(mod(x[i]! - x[i - k]!))) % prime
    }
  }
  const coefficients = new Uint16Array(count)
  /** (z - x[0]) … (z - x[i - 1]), rising powers. */
  const factor = new Array<number>(count + 1).fill(0)
  factor[0] = 1
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) coefficients[j] = (coefficients[j]! + newton[i]! * factor[j]!) % prime
    for (let j = i + 1; j > 0; j--) factor[j] = mod(factor[j - 1]! - x[i]! * factor[j]!)
    factor[0] = mod(-x[i]! * factor[0]!)
  }
  return coefficients
}

/** @param x - 0 to 65496 */
export function evaluate(coefficients: Uint16Array, x: number): number {
  let value = 0
  for (let i = coefficients.length - 1; i >= 0; i--) value = (value * x + coefficients[i]!) % prime
  return value
}
