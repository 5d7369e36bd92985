/** From the values at each position to one vector of length one, every operation rounded to f32. Spec: TENSOR §10.4 */

const runLength = 256
const lengthMin = Math.fround(1e-12)

/** The mean over all positions of a text, normalised. */
export function poolRows(values: Float32Array, width: number): Float32Array {
  const positions = values.length / width
  const pooled = new Float32Array(width)
  const run = new Float32Array(width)
  for (let start = 0; start < positions; start += runLength) {
    run.fill(0)
    for (let position = start; position < Math.min(start + runLength, positions); position++) {
      const at = position * width
      // Stored as f32, so every sum is rounded at once.
      for (let i = 0; i < width; i++) run[i] = run[i]! + values[at + i]!
    }
    for (let i = 0; i < width; i++) pooled[i] = start === 0 ? run[i]! : pooled[i]! + run[i]!
  }
  for (let i = 0; i < width; i++) pooled[i] = pooled[i]! / positions
  return normalise(pooled)
}

/** The first `dimensions` values as a vector of length one. */
export function shorten(vector: Float32Array, dimensions: number): Float32Array {
  return dimensions === vector.length ? vector : normalise(vector.subarray(0, dimensions))
}

function normalise(vector: Float32Array): Float32Array {
  let squares = 0
  for (let start = 0; start < vector.length; start += runLength) {
    let run = 0
    for (const value of vector.subarray(start, start + runLength)) run = Math.fround(run + Math.fround(value * value))
    squares = start === 0 ? run : Math.fround(squares + run)
  }
  const length = Math.max(Math.fround(Math.sqrt(squares)), lengthMin)
  return vector.map((value) => value / length)
}
