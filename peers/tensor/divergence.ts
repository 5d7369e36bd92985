/** How far two next-token distributions, given as logits, lie apart. */
type Logits = Float32Array | Float64Array

/** Σ p·ln(p ÷ q), in nats, of the distributions of two rows of logits. */
export function divergenceOf(p: Logits, q: Logits): number {
  const [a, b] = [logSoftmax(p), logSoftmax(q)]
  let sum = 0
  // A probability of nothing is taken for e^-1000.
  for (let token = 0; token < a.length; token++) sum += Math.exp(a[token]!) * (a[token]! - Math.max(b[token]!, -1e3))
  return sum
}

export function logSoftmax(row: Logits): Float64Array {
  let max = Number.NEGATIVE_INFINITY
  for (const each of row) if (each > max) max = each
  let sum = 0
  for (const each of row) sum += Math.exp(each - max)
  const total = max + Math.log(sum)
  return Float64Array.from(row, (each) => each - total)
}

/** The likeliest token, and by how many nats it is ahead of the next. */
export function firstOf(row: Logits): { token: number; margin: number } {
  let token = 0
  let second = Number.NEGATIVE_INFINITY
  for (let i = 1; i < row.length; i++) {
    if (row[i]! > row[token]!) {
      second = row[token]!
      token = i
    } else if (row[i]! > second) second = row[i]!
  }
  return { token, margin: row[token]! - second }
}

export function largestError(row: Logits, reference: Logits): number {
  let largest = 0
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]! - reference[i]!))
  return largest
}
