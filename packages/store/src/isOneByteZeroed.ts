/** Tells a changed byte from a torn write, by the checksum alone. */
import { crcTables } from '@weightless/codec'

/**
 * Whether one byte of `payload`, zero now, explains that its CRC-32 is `found` and not `expected`. Runs the difference
 * backwards through the register: behind the changed byte it must have stood in the lowest eight bits alone. A
 * difference of another origin is taken for one with a probability of (zero bytes in the payload) / 2^24.
 */
export function isOneByteZeroed(payload: Uint8Array, found: number, expected: number): boolean {
  let state = found ^ expected
  for (let at = payload.length - 1; at >= 0; at--) {
    const low = lowOfTop[state >>> 24]!
    state = ((state ^ crcTables[low]!) << 8) | low
    if (state > 0 && state < 256 && payload[at] === 0) return true
  }
  return false
}

/** Which byte a step started from is seen in the register's top byte. */
const lowOfTop = new Uint8Array(256)
for (let low = 0; low < 256; low++) lowOfTop[crcTables[low]! >>> 24] = low
