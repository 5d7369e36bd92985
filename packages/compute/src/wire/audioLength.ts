/** Seconds of sound, as far as they can be known without decoding it. Spec: COMPUTE §11.2 */

/** The lowest rate of speech codecs in use, in bytes a second: nothing shorter holds more sound. */
const bytesPerSecondMin = 1_000
/** A usual rate, 128 kbit/s: what is billed where neither the file nor the upstream tells. */
const bytesPerSecondLikely = 16_000
/** Of speech, at some 150 words a minute. */
const charactersPerSecond = 15

/** At most so many: exact for WAV, else by the size. */
export function audioSecondsMax(file: Uint8Array): number {
  return wavSeconds(file) ?? Math.max(1, Math.ceil(file.length / bytesPerSecondMin))
}

export function likelySeconds(file: Uint8Array): number {
  return wavSeconds(file) ?? Math.max(1, Math.ceil(file.length / bytesPerSecondLikely))
}

/** Speech is priced by its text: the same text costs the same, whatever voice and speed. */
export function speechSeconds(input: unknown): number {
  return typeof input === 'string' ? Math.max(1, Math.ceil(input.length / charactersPerSecond)) : 1
}

/** Whole seconds of an uncompressed RIFF/WAVE file, rounded up; undefined when it is none. */
export function wavSeconds(file: Uint8Array): number | undefined {
  if (file.length < 44 || tagAt(file, 0) !== 'RIFF' || tagAt(file, 8) !== 'WAVE') return undefined
  let byteRate = 0
  // Chunks are at least eight bytes, so the loop ends.
  for (let at = 12; at + 8 <= file.length; ) {
    const size = wordAt(file, at + 4)
    if (tagAt(file, at) === 'fmt ' && at + 24 <= file.length) byteRate = rateOf(file, at + 8)
    if (tagAt(file, at) === 'data') {
      if (byteRate === 0) return undefined
      // A recorder that does not know the length in advance writes the largest number.
      return Math.max(1, Math.ceil(Math.min(size, file.length - at - 8) / byteRate))
    }
    at += 8 + size + (size % 2)
  }
  return undefined
}

/** From what decoders go by, not from the field that nobody reads. */
function rateOf(file: Uint8Array, at: number): number {
  const [format, channels, bits] = [halfAt(file, at), halfAt(file, at + 2), halfAt(file, at + 14)]
  return format === 1 || format === 3 ? wordAt(file, at + 4) * channels * Math.ceil(bits / 8) : 0
}

const halfAt = (file: Uint8Array, at: number): number => file[at]! | (file[at + 1]! << 8)

const tagAt = (file: Uint8Array, at: number): string => String.fromCharCode(...file.subarray(at, at + 4))

const wordAt = (file: Uint8Array, at: number): number =>
  (file[at]! | (file[at + 1]! << 8) | (file[at + 2]! << 16) | (file[at + 3]! << 24)) >>> 0
