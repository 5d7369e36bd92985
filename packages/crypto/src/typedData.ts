/**
 * EIP-712 hashes of structs whose fields are single words (addresses, integers, fixed bytes) or texts: the signed messages of
 * receipts and payments. A general library spends more time on the types of such a message than its signature takes.
 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { type Word, wordWriter } from './abiWord.ts'
import { keccak256 } from './keccakKernel.ts'

export type TypedField = { readonly name: string; readonly type: string }

export type TypedDomain = { name: string; version: string; chainId: bigint; verifyingContract: Hex }

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
 * @throws {TypeError} a field is neither one word nor a text, or a value does not fit
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

/** A text stands in a struct as its hash. */
function fieldWriter(type: string): ReturnType<typeof wordWriter> {
  if (type !== 'string') return wordWriter(type)
  return (target, _, at, text) => target.set(keccak256(textToBytes(String(text))), at)
}

function structHasher(encodedType: string, fields: readonly TypedField[]) {
  const bytes = new Uint8Array(32 * (fields.length + 1))
  const view = new DataView(bytes.buffer)
  bytes.set(keccak256(textToBytes(encodedType)))
  const writers = fields.map(({ name, type }, index) => ({ name, write: fieldWriter(type), at: 32 * (index + 1) }))
  return (message: Record<string, Word>): Uint8Array => {
    for (const { name, write, at } of writers) write(bytes, view, at, message[name]!)
    return keccak256(bytes)
  }
}
