/** The binary Merkle tree of RFC 6962 over step digests, with SHA-256. */
import { sha256 } from '@weightless/crypto'

/** Root of the steps; the hash of nothing when there are none. */
export function stepRoot(steps: readonly Uint8Array[]): Uint8Array {
  if (steps.length === 0) return sha256(new Uint8Array())
  let level = steps.map((step) => hashNode(0, step))
  while (level.length > 1) {
    const above: Uint8Array[] = []
    // An odd node rises unchanged, which is RFC 6962's split at the largest power of two.
    for (let i = 0; i < level.length; i += 2) {
      above.push(i + 1 < level.length ? hashNode(1, level[i]!, level[i + 1]!) : level[i]!)
    }
    level = above
  }
  return level[0]!
}

function hashNode(prefix: number, left: Uint8Array, right: Uint8Array = new Uint8Array()): Uint8Array {
  const message = new Uint8Array(1 + left.length + right.length)
  message[0] = prefix
  message.set(left, 1)
  message.set(right, 1 + left.length)
  return sha256(message)
}
