/** The root over step digests of a trace: that of RFC 6962 with SHA-256. */
import { hashLeaf, levelAbove, sha256 } from '@weightless/crypto'

/** Root of the steps; the hash of nothing when there are none. */
export function stepRoot(steps: readonly Uint8Array[]): Uint8Array {
  if (steps.length === 0) return sha256(new Uint8Array())
  let level = steps.map(hashLeaf)
  while (level.length > 1) level = levelAbove(level)
  return level[0]!
}
