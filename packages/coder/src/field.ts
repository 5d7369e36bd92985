/**
 * GF(2^16) in Leopard's representation: elements are 16-bit vectors over the Cantor basis, so that the additive FFT has
 * subspaces of plain indices. Polynomial 0x1002D. Spec: coding §1.
 */
export const fieldOrder = 65_536
/** Order of the multiplicative group; as a logarithm it stands for the element 0. */
export const fieldModulus = 65_535
const polynomial = 0x1002d
const cantorBasis = [
  0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8, 0xfb34,
  0xff38, 0x991e,
]

/** 65,536 entries each; `exponents[65535]` is `exponents[0]`. */
export const { exponents, logarithms } = buildTables()

export function multiply(a: number, b: number): number {
  return multiplyByLog(a, logarithms[b]!)
}

/** Product with the element whose logarithm is `log`; `fieldModulus` as the logarithm of zero is left to the caller. */
export function multiplyByLog(a: number, log: number): number {
  if (a === 0 || log === fieldModulus) return 0
  return exponents[addLogs(logarithms[a]!, log)]!
}

/** @param a not zero */
export function invert(a: number): number {
  return exponents[(fieldModulus - logarithms[a]!) % fieldModulus]!
}

export function logOf(a: number): number {
  return logarithms[a]!
}

export function expOf(log: number): number {
  return exponents[log]!
}

/** Sum of two logarithms, modulo 65535, in 0..65534 or 65535 as a second name of 0. */
export function addLogs(a: number, b: number): number {
  const sum = a + b
  return sum > fieldModulus ? sum - fieldModulus : sum
}

function buildTables(): { exponents: Uint16Array; logarithms: Uint16Array } {
  const exponents = new Uint16Array(fieldOrder)
  const logarithms = new Uint16Array(fieldOrder)
  let state = 1
  for (let power = 0; power < fieldModulus; power++) {
    exponents[state] = power
    state <<= 1
    if (state >= fieldOrder) state ^= polynomial
  }
  exponents[0] = fieldModulus
  for (let bit = 0; bit < 16; bit++) {
    const width = 1 << bit
    for (let i = 0; i < width; i++) logarithms[i + width] = logarithms[i]! ^ cantorBasis[bit]!
  }
  for (let i = 0; i < fieldOrder; i++) logarithms[i] = exponents[logarithms[i]!]!
  for (let i = 0; i < fieldOrder; i++) exponents[logarithms[i]!] = i
  exponents[fieldModulus] = exponents[0]!
  return { exponents, logarithms }
}
