/**
 * Rotary position tables from exactly rounded f64 operations alone, since the engine's own sine differs between machines.
 * Spec: spec/tensor.md §3.5.
 */

const halfPi = 1.5707963267948966
const halfPiTail = 6.123233995736766e-17

export type RopeRows = { cosines: Float32Array; sines: Float32Array }

/** For `positions` from `first`: cosines and sines of the pairs, `rotated`/2 f32 per position. */
export function halfRopeRows(angles: Float64Array, first: number, positions: number): RopeRows {
  const cosines = new Float32Array(positions * angles.length)
  const sines = new Float32Array(positions * angles.length)
  for (let at = 0; at < cosines.length; at++) {
    const pair = at % angles.length
    const { sine, cosine } = sineCosine((first + (at - pair) / angles.length) * angles[pair]!)
    cosines[at] = cosine
    sines[at] = sine
  }
  return { cosines, sines }
}

/** For `positions` from `first`: cosines [c₀ c₀ c₁ c₁ …] and sines [−s₀ s₀ −s₁ s₁ …], `rotated` f32 per position. */
export function ropeRows(angles: Float64Array, first: number, positions: number): RopeRows {
  const rotated = angles.length * 2
  const cosines = new Float32Array(positions * rotated)
  const sines = new Float32Array(positions * rotated)
  for (let i = 0; i < positions; i++) {
    for (let pair = 0; pair < angles.length; pair++) {
      const { sine, cosine } = sineCosine((first + i) * angles[pair]!)
      const at = i * rotated + pair * 2
      cosines[at] = cosine
      cosines[at + 1] = cosine
      sines[at] = -sine
      sines[at + 1] = sine
    }
  }
  return { cosines, sines }
}

/** Angle per position of each pair: base^(−2·pair / rotated), divided by the file's factors when it has them, or by `divisor`. */
export function ropeAngles(rotated: number, base: number, factors?: Float32Array, divisor = 1): Float64Array {
  const angles = new Float64Array(rotated / 2)
  const ratio = root(1 / base, rotated / 2)
  let angle = 1
  for (let pair = 0; pair < angles.length; pair++) {
    angles[pair] = angle / (factors?.[pair] ?? divisor)
    angle *= ratio
  }
  return angles
}

/** The degree-th root of a value in (0, 1] by Newton from 1; stops where it no longer falls, at most 500 steps. */
function root(value: number, degree: number): number {
  let guess = 1
  for (let step = 0; step < 500; step++) {
    let power = 1
    for (let i = 1; i < degree; i++) power *= guess
    const next = guess - (power * guess - value) / (degree * power)
    if (!(next < guess)) return guess
    guess = next
  }
  return guess
}

/** Sine and cosine of an angle ≥ 0: reduction by multiples of π/2 in two parts, then Taylor series on ±π/4. */
export function sineCosine(angle: number): { sine: number; cosine: number } {
  const turns = Math.floor(angle / halfPi + 0.5)
  const x = angle - turns * halfPi - turns * halfPiTail
  const square = x * x
  let sine = 0
  let cosine = 0
  for (let k = 10; k >= 1; k--) {
    sine = (1 + sine) * (-square / (2 * k * (2 * k + 1)))
    cosine = (1 + cosine) * (-square / ((2 * k - 1) * (2 * k)))
  }
  sine = x * (1 + sine)
  cosine = 1 + cosine
  const quarter = turns % 4
  if (quarter === 0) return { sine, cosine }
  if (quarter === 1) return { sine: cosine, cosine: -sine }
  if (quarter === 2) return { sine: -sine, cosine: -cosine }
  return { sine: -cosine, cosine: sine }
}
