/**
 * Cuts bytes where their content says so, so that an insertion moves no cut but its neighbours: FastCDC (Xia et al., USENIX
 * ATC 2016) with a gear hash and two masks around the wanted length. Cuts are part of the format: spec/checkpoint.md §1.
 */
import { readUint32 } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'

export const chunkBytesMin = 64 * 1024
const chunkBytesWanted = 256 * 1024
export const chunkBytesMax = 1024 * 1024

/** 256 pseudo-random 32-bit words: the first four bytes of SHA-256 of each byte value. */
const gear = new Uint32Array(256)
for (let value = 0; value < 256; value++) {
  gear[value] = readUint32(sha256(new Uint8Array([value])), 0)
}

/**
 * Where the chunk that begins at `start` ends. `bytes` must hold `chunkBytesMax` bytes from there on, or all that is left.
 * The first `chunkBytesMin` bytes are not looked at, but for the 32 that the hash remembers.
 */
export function findCut(bytes: Uint8Array, start: number, end = bytes.length): number {
  const left = end - start
  if (left <= chunkBytesMin) return end
  const wantedAt = start + Math.min(left, chunkBytesWanted)
  const last = start + Math.min(left, chunkBytesMax)
  let hash = 0
  let at = start + chunkBytesMin - windowBytes
  for (const begin = start + chunkBytesMin; at < begin; at++) hash = ((hash << 1) + gear[bytes[at]!]!) | 0
  for (; at < wantedAt; at++) {
    hash = ((hash << 1) + gear[bytes[at]!]!) | 0
    if ((hash & strictMask) === 0) return at + 1
  }
  for (; at < last; at++) {
    hash = ((hash << 1) + gear[bytes[at]!]!) | 0
    if ((hash & looseMask) === 0) return at + 1
  }
  return last
}

const windowBytes = 32
/** Below the wanted length a cut needs 20 zero bits, above it 16: lengths gather around it. The upper bits have seen most bytes. */
const strictMask = 0xfffff000 | 0
const looseMask = 0xffff0000 | 0

/** Chunks of a source, one after another, read in pieces; the bytes are valid until the next is asked for. */
export async function* splitChunks(source: {
  sizeBytes: number
  read(offset: number, length: number): Promise<Uint8Array>
}): AsyncGenerator<{ offset: number; bytes: Uint8Array }> {
  let held: Uint8Array = new Uint8Array(0)
  let heldAt = 0
  let at = 0
  while (at < source.sizeBytes) {
    if (heldAt + held.length - at < chunkBytesMax && heldAt + held.length < source.sizeBytes) {
      held = await source.read(at, Math.min(readBytes, source.sizeBytes - at))
      heldAt = at
    }
    const start = at - heldAt
    const end = findCut(held, start)
    yield { offset: at, bytes: held.subarray(start, end) }
    at = heldAt + end
  }
}

const readBytes = 8 * 1024 * 1024
