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
  return (_, view, at, value) => {
    const integer = BigInt(value)
    if (integer < least || integer >= above) throw new TypeError(`${integer} is no ${signed ? 'int' : 'uint'}${bits}`)
    const isSmall = integer >= -(1n << 63n) && integer < 1n << 63n
    const filling = integer < 0n ? 0xffffffffffffffffn : 0n
    for (let word = 0; word < 3; word++) {
      view.setBigUint64(at + 8 * word, isSmall ? filling : (integer >> BigInt(64 * (3 - word))) & 0xffffffffffffffffn)
    }
    view.setBigUint64(at + 24, integer & 0xffffffffffffffffn)
  }
}

/** Fixed bytes fill a word from the left, addresses from the right. */
function hexWriter(width: number, shift: number): WordWriter {
  return (bytes, _, at, value) => {
    if (typeof value !== 'string' || value.length !== 2 + 2 * width) throw new TypeError(`not ${width} bytes of hex`)
    for (let index = 0; index < width; index++) {
      const high = digitOf(value.charCodeAt(2 + 2 * index))
      const low = digitOf(value.charCodeAt(3 + 2 * index))
      bytes[at + shift + index] = (high << 4) | low
    }
  }
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = (code | 32) - 87
  if (letter >= 10 && letter <= 15) return letter
  throw new TypeError('not hex')
}
