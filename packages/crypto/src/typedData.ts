/**
 * EIP-712 hashes of structs whose fields are all single words (addresses, integers, fixed bytes): the signed messages of
 * receipts and payments. A general library spends more time on the types of such a message than its signature takes.
 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { keccak256 } from './keccakKernel.ts'

export type TypedField = { readonly name: string; readonly type: string }

export type TypedDomain = { name: string; version: string; chainId: bigint; verifyingContract: Hex }

type Word = Hex | bigint | number

/** The digest to sign, 32 bytes: `keccak256(0x1901 ‖ domain separator ‖ struct hash)`. */
export type TypedHasher<Message> = (message: Message, domain: Pick<TypedDomain, 'chainId' | 'verifyingContract'>) => Hex

const domainFields: readonly TypedField[] = [
  { name: 'name', type: 'bytes32' },
  { name: 'version', type: 'bytes32' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
]
const domainType = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
const separatorsMax = 64

/**
 * Compiles a struct once. The hasher is for well-formed messages: values are checked where they enter the system.
 * @throws {TypeError} a field is not one word, or a value does not fit
 */
export function compileTypedData<Message extends object>(
  domain: Pick<TypedDomain, 'name' | 'version'>,
  primaryType: string,
  fields: readonly TypedField[],
): TypedHasher<Message> {
  const list = fields.map(({ name, type }) => `${type} ${name}`).join(',')
  const hashStruct = structHasher(`${primaryType}(${list})`, fields)
  const hashDomain = structHasher(domainType, domainFields)
  const [name, version] = [domain.name, domain.version].map((text) => bytesToHex(keccak256(textToBytes(text)))) as [
    Hex,
    Hex,
  ]
  const separators = new Map<string, Uint8Array>()
  const message = new Uint8Array(66)
  message.set([0x19, 0x01])

  function separatorOf(chainId: bigint, verifyingContract: Hex): Uint8Array {
    const key = `${chainId}/${verifyingContract}`
    const known = separators.get(key)
    if (known) return known
    if (separators.size >= separatorsMax) separators.clear()
    const made = hashDomain({ name, version, chainId, verifyingContract })
    separators.set(key, made)
    return made
  }

  return (struct, { chainId, verifyingContract }) => {
    const structHash = hashStruct(struct as Record<string, Word>)
    message.set(separatorOf(chainId, verifyingContract), 2)
    message.set(structHash, 34)
    return bytesToHex(keccak256(message))
  }
}

function structHasher(encodedType: string, fields: readonly TypedField[]) {
  const bytes = new Uint8Array(32 * (fields.length + 1))
  const view = new DataView(bytes.buffer)
  bytes.set(keccak256(textToBytes(encodedType)))
  const writers = fields.map(({ name, type }, index) => ({ name, write: writerOf(type), at: 32 * (index + 1) }))
  return (message: Record<string, Word>): Uint8Array => {
    for (const { name, write, at } of writers) write(bytes, view, at, message[name]!)
    return keccak256(bytes)
  }
}

type Writer = (bytes: Uint8Array, view: DataView, at: number, value: Word) => void

function writerOf(type: string): Writer {
  const bits = /^uint(\d+)$/.exec(type)?.[1]
  if (bits !== undefined) return integerWriter(Number(bits))
  if (type === 'address') return hexWriter(20, 12)
  const width = /^bytes(\d+)$/.exec(type)?.[1]
  if (width !== undefined) return hexWriter(Number(width), 0)
  throw new TypeError(`a field of type ${type} is not one word`)
}

function integerWriter(bits: number): Writer {
  const above = 1n << BigInt(bits)
  return (_, view, at, value) => {
    const integer = BigInt(value)
    if (integer < 0n || integer >= above) throw new TypeError(`${integer} is no uint${bits}`)
    const isSmall = integer < 1n << 64n
    for (let word = 0; word < 3; word++) {
      view.setBigUint64(at + 8 * word, isSmall ? 0n : (integer >> BigInt(64 * (3 - word))) & 0xffffffffffffffffn)
    }
    view.setBigUint64(at + 24, integer & 0xffffffffffffffffn)
  }
}

/** Fixed bytes fill a word from the left, addresses from the right. */
function hexWriter(width: number, shift: number): Writer {
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
