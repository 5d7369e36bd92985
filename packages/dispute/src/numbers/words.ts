/** Words of a working as what they stand for, and as bytes. Spec: spec/dispute.md §2. */

/** The same memory as f32. */
export function floats(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer, words.byteOffset, words.length)
}

/** The same memory as i32. */
export function signed(words: Uint32Array): Int32Array {
  return new Int32Array(words.buffer, words.byteOffset, words.length)
}

/** Pairs of words as f64, low half first. */
export function doubles(words: Uint32Array): Float64Array {
  return new Float64Array(words.slice().buffer)
}

export function doubleWords(value: number): Uint32Array {
  return new Uint32Array(Float64Array.of(value).buffer)
}

/** Little-endian, as chunks are hashed and operators' outputs digested. */
export function wordBytes(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => {
    view.setUint32(i * 4, word, true)
  })
  return bytes
}

/** @param bytes - whole words */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true))
}

/** Eight words of a state of SHA-256 as the 32 bytes of a digest: big-endian. */
export function digestBytes(state: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  state.forEach((word, i) => {
    view.setUint32(i * 4, word)
  })
  return bytes
}
