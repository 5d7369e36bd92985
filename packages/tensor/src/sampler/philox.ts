/** Philox4x32-10, the counter-based random generator of Salmon et al. (2011): random access, integers only. */

const multiplier0 = 0xd2511f53
const multiplier1 = 0xcd9e8d57
const weyl0 = 0x9e3779b9
const weyl1 = 0xbb67ae85

/** Four random 32-bit words for a counter of four words and a key of two. */
export function philox4x32(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter as [number, number, number, number]
  let [k0, k1] = key as [number, number]
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiplyWide(multiplier0, c0)
    const [high1, low1] = multiplyWide(multiplier1, c2)
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + weyl0) >>> 0
    k1 = (k1 + weyl1) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** High and low word of a product of two words, from partial products that f64 holds exactly. */
function multiplyWide(a: number, b: number): [number, number] {
  const [aLow, aHigh] = [a & 0xffff, a >>> 16]
  const [bLow, bHigh] = [b & 0xffff, b >>> 16]
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const other = aLow * bHigh + (middle % 65_536)
  const high = aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(other / 65_536)
  return [high >>> 0, Math.imul(a, b) >>> 0]
}

/**
 * Words for draw `index` of a 32-byte seed: key = words 0–1, counter = (index, words 2–4 XOR words 5–7), little-endian.
 */
export function drawWords(seed32: Uint8Array, index: number): [number, number, number, number] {
  const view = new DataView(seed32.buffer, seed32.byteOffset, 32)
  const word = (i: number) => view.getUint32(i * 4, true)
  const counter = [index, (word(2) ^ word(5)) >>> 0, (word(3) ^ word(6)) >>> 0, (word(4) ^ word(7)) >>> 0]
  return philox4x32(counter, [word(0), word(1)])
}

/** Four words for block `index` of stream `stream` in a domain: a seed may serve several purposes without repeating a word. */
export function streamWords(
  seed32: Uint8Array,
  domain: number,
  stream: number,
  index: number,
): [number, number, number, number] {
  const view = new DataView(seed32.buffer, seed32.byteOffset, 32)
  const word = (i: number) => view.getUint32(i * 4, true)
  const counter = [index, (word(2) ^ word(5) ^ stream) >>> 0, (word(3) ^ word(6) ^ domain) >>> 0, word(4) ^ word(7)]
  return philox4x32([counter[0]!, counter[1]!, counter[2]!, counter[3]! >>> 0], [word(0), word(1)])
}
