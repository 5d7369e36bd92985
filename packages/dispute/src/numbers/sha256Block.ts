/** The compression function of SHA-256 (FIPS 180-4 §6.2.2) from any chaining value, so that a part of a hash can be shown alone. */

/** FIPS 180-4 §5.3.3 */
export const initialState: Uint32Array = Uint32Array.from([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
])

/** §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const constants = cubeRootFractions()

/** @param bytes - whole blocks of 64 bytes */
export function compress(state: Uint32Array, bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const result = state.slice()
  for (let at = 0; at < bytes.length; at += 64) compressBlock(result, view, at)
  return result
}

const schedule = new Uint32Array(64)

function compressBlock(state: Uint32Array, view: DataView, at: number): void {
  const w = schedule
  for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + i * 4)
  for (let i = 16; i < 64; i++) {
    const [x, y] = [w[i - 15]!, w[i - 2]!]
    const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
    const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
    w[i] = w[i - 16]! + s0 + w[i - 7]! + s1
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i++) {
    const t1 = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[i]! + w[i]!) | 0
    const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  const next = [a, b, c, d, e, f, g, h]
  for (let i = 0; i < 8; i++) state[i]! += next[i]!
}

/** The state after the rest of a message of `totalBytes`, whose beginning `state` stands for: the digest, as eight words. */
export function finish(state: Uint32Array, rest: Uint8Array, totalBytes: number): Uint32Array {
  const padded = new Uint8Array(Math.ceil((rest.length + 9) / 64) * 64)
  padded.set(rest)
  padded[rest.length] = 0x80
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(totalBytes) * 8n)
  return compress(state, padded)
}

function turn(x: number, bits: number): number {
  return (x >>> bits) | (x << (32 - bits))
}

/** By integers: the largest r with r³ ≤ p·2⁹⁶ has the fraction's 32 bits last. */
function cubeRootFractions(): Uint32Array {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < 64; n++) if (primes.every((p) => n % p !== 0n)) primes.push(n)
  return Uint32Array.from(primes, (p) => {
    let root = 0n
    for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) if ((root + bit) ** 3n <= p << 96n) root += bit
    return Number(root & 0xffffffffn)
  })
}
