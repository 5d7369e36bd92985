/** Values that take one word of 32 bytes in the ABI of contracts: integers, addresses, fixed bytes. */
import type { Hex } from '@weightless/codec'

export type Word = Hex | bigint | number

export type WordWriter = (bytes: Uint8Array, view: DataView, at: number, value: Word) => void

/** @throws {TypeError} values of this type take more than one word */
export function wordWriter(type: string): WordWriter {
  const integer = /^(u?)int(\d+)$/.exec(type)
  if (integer) return integerWriter(Number(integer[2]), integer[1] === '')
  if (type === 'address') return hexWriter(20, 12)
  const width = /^bytes(\d+)$/.exec(type)?.[1]
  if (width !== undefined) return hexWriter(Number(width), 0)
  throw new TypeError(`a field of type ${type} is not one word`)
}

function integerWriter(bits: number, signed: boolean): WordWriter {
  const [least, above] = signed ? [-(1n << BigInt(bits - 1)), 1n << BigInt(bits - 1)] : [0n, 1n << BigInt(bits)]
  return (bytes, view, at, value) => {
    const integer = BigInt(value)
    if (integer < least || integer >= above) throw new TypeError(`${integer} is no ${signed ? 'int' : 'uint'}${bits}`)
    if (integer >= 0n && integer < 1n << 64n) {
      bytes.fill(0, at, at + 24)
      view.setBigUint64(at + 24, integer)
      return
    }
    // Each field takes its argument modulo 2^64.
    for (let word = 0; word < 4; word++) view.setBigUint64(at + 8 * word, integer >> BigInt(64 * (3 - word)))
  }
}

/** Fixed bytes fill a word from the left, addresses from the right. */
function hexWriter(width: number, shift: number): WordWriter {
  return (bytes, _, at, value) => {
    if (typeof value !== 'string' || value.length !== 2 + 2 * width) throw new TypeError(`not ${width} bytes of hex`)
    for (let index = 0; index < width; index++) {
      const high = digits[value.charCodeAt(2 + 2 * index)] ?? -1
      const low = digits[value.charCodeAt(3 + 2 * index)] ?? -1
      if (high < 0 || low < 0) throw new TypeError('not hex')
      bytes[at + shift + index] = (high << 4) | low
    }
  }
}

/** What a character's code stands for; -1 where it is no digit. */
const digits = Int8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? -1 : value
})
