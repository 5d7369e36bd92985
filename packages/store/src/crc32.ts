/** CRC-32 (IEEE 802.3, as in zip and PNG): finds every change of up to 32 neighbouring bits. */

/** Continues from `crc`, the checksum of what came before; eight bytes a step ("slicing by 8", Intel 2006). */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let state = ~crc
  let at = 0
  for (const stop = bytes.length - 7; at < stop; at += 8) {
    const low = state ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    state =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) state = (state >>> 8) ^ tables[(state ^ bytes[at]!) & 255]!
  return ~state >>> 0
}

/**
 * Whether one byte of `payload`, zero now, explains that its checksum is `found` and not `expected`. Runs the difference
 * backwards through the register: behind the changed byte it must have stood in the lowest eight bits alone. A
 * difference of another origin is taken for one with a probability of (zero bytes in the payload) / 2^24.
 */
export function isOneByteZeroed(payload: Uint8Array, found: number, expected: number): boolean {
  let state = found ^ expected
  for (let at = payload.length - 1; at >= 0; at--) {
    const low = lowOfTop[state >>> 24]!
    state = ((state ^ tables[low]!) << 8) | low
    if (state > 0 && state < 256 && payload[at] === 0) return true
  }
  return false
}

/** `tables[256 * k + b]` is the checksum of byte b followed by k zero bytes, without the inversions. */
const tables = new Int32Array(8 * 256)
for (let value = 0; value < 256; value++) {
  let state = value
  for (let bit = 0; bit < 8; bit++) state = state & 1 ? (state >>> 1) ^ 0xedb88320 : state >>> 1
  tables[value] = state
}
for (let at = 256; at < tables.length; at++) {
  const before = tables[at - 256]!
  tables[at] = (before >>> 8) ^ tables[before & 255]!
}

/** Which byte a step started from is seen in the register's top byte. */
const lowOfTop = new Uint8Array(256)
for (let low = 0; low < 256; low++) lowOfTop[tables[low]! >>> 24] = low
