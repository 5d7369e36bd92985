/** Operands that arithmetic goes wrong at: every exponent, ties, edges of the format, close numbers; drawn from a seed. */

/** mulberry32: numbers in [0, 2^32), the same from the same seed. */
export function createDraw(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

export type Format = { fractionBits: number; exponentBits: number }

export const binary32: Format = { fractionBits: 23, exponentBits: 8 }
export const binary64: Format = { fractionBits: 52, exponentBits: 11 }

/** Zeros, the least and the largest, ones and their neighbours, of both signs. */
export function corners({ fractionBits, exponentBits }: Format): bigint[] {
  const p = BigInt(fractionBits)
  const one = ((1n << BigInt(exponentBits - 1)) - 1n) << p
  const infinity = ((1n << BigInt(exponentBits)) - 1n) << p
  const least = 1n << p
  const places = [
    0n,
    least,
    2n * least,
    one - least,
    one,
    one + least,
    one + (p << p),
    one + ((p + 1n) << p),
    infinity >> 1n,
  ]
  const near = places.flatMap((place) => [-2n, -1n, 0n, 1n, 2n, 3n].map((step) => place + step))
  const halves = [
    one + (1n << (p - 1n)),
    one + (1n << (p - 1n)) + 1n,
    (1n << (p - 1n)) - 1n,
    1n << (p - 1n),
    infinity - 1n,
    infinity - 2n,
    infinity - least,
  ]
  const sign = infinity + least
  return [...near.filter((bits) => bits >= 0n), ...halves].flatMap((bits) => [bits, bits | sign])
}

/** A finite number of any exponent; its fraction is at random one of few bits, of runs of ones, or of any bits. */
export function drawNumber(draw: () => number, { fractionBits, exponentBits }: Format): bigint {
  const p = BigInt(fractionBits)
  const word = (BigInt(draw()) << 32n) | BigInt(draw())
  const everyBit = word & ((1n << p) - 1n)
  const [kind, place] = [draw() % 4, BigInt(draw() % fractionBits)]
  const fraction =
    kind === 0 ? 1n << place : kind === 1 ? (1n << p) - (1n << place) : kind === 2 ? (1n << place) - 1n : everyBit
  const exponent = BigInt(draw() % (2 ** exponentBits - 1))
  return (BigInt(draw() & 1) << (p + BigInt(exponentBits))) | (exponent << p) | fraction
}

/** Two numbers: of any exponents, of close ones, or with products about the edge of the format. */
export function drawPair(draw: () => number, format: Format): [bigint, bigint] {
  const [a, b] = [drawNumber(draw, format), drawNumber(draw, format)]
  const p = BigInt(format.fractionBits)
  const top = (1n << BigInt(format.exponentBits)) - 1n
  const field = (bits: bigint) => (bits >> p) & top
  const kind = draw() % 4
  if (kind === 0) return [a, b]
  const shift = BigInt(draw() % (format.fractionBits + 5)) - (p + 4n) / 2n
  const wanted =
    kind === 1
      ? field(a) + shift
      : kind === 2
        ? top / 2n - p / 2n - field(a) + shift
        : top + top / 2n - field(a) + shift / 8n
  const fitting = wanted < 0n ? 0n : wanted >= top ? top - 1n : wanted
  return [a, (b & ~(top << p)) | (fitting << p)]
}

const view = new DataView(new ArrayBuffer(8))

export function singleOf(bits: bigint): number {
  view.setUint32(0, Number(bits))
  return view.getFloat32(0)
}

export function bitsOfSingle(value: number): bigint {
  view.setFloat32(0, value)
  return BigInt(view.getUint32(0))
}

export function doubleOf(bits: bigint): number {
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

export function bitsOfDouble(value: number): bigint {
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}
