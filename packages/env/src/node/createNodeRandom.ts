/** The machine's randomness. Small numbers are taken from a pool: a call of the system costs more than hashing a message. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../env.ts'

const poolBytes = 4_096
const pooledMax = 64

export function createNodeRandom(): Random {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  return {
    bytes(count) {
      if (count > pooledMax) return randomFillSync(new Uint8Array(count))
      if (used + count > poolBytes) {
        randomFillSync(pool)
        used = 0
      }
      const bytes = pool.slice(used, used + count)
      // What was handed out may be a secret, and is nobody's twice.
      pool.fill(0, used, used + count)
      used += count
      return bytes
    },
  }
}
