/** The salted hashes inside a receipt, and how they follow from the opening. Spec: RECEIPT §4. */
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { type AbiParameter, encodeAbiParameters, parseAbiParameters } from 'viem'

export type Message = { role: string; content: string }

export type SamplerParameters = { temperature: number; topP: number; maxTokens: number }

export type SeedSource =
  /** The user asked for this seed: the same request gives the same answer. */
  | { kind: 'seed'; value: bigint }
  /** A number used once, of the user's or, without one, the job nonce. */
  | { kind: 'nonce'; nonce: Hex }

/** The price that was agreed: the service's entry in the registry at `updatedAt`, `model` being its registered name. */
export type Price = { model: string; inputWeiPerToken: bigint; outputWeiPerToken: bigint; updatedAt: bigint }

/** Domain tags keep one hash from being taken for another. RECEIPT §4.1 */
const tag = (name: string): Hex => bytesToHex(keccak256(textToBytes(`weightless/receipt/v1/${name}`)))
const tags = {
  sampler: tag('sampler'),
  request: tag('request'),
  input: tag('input'),
  output: tag('output'),
  bodyRequest: tag('body-request'),
  bodyOutput: tag('body-output'),
  seedValue: tag('seed-value'),
  seedNonce: tag('seed-nonce'),
}

/** RECEIPT §4.2; floats are committed by their IEEE-754 bits, so that no rounding rule is involved. */
export function samplerHash({ temperature, topP, maxTokens }: SamplerParameters): Hex {
  return hash('bytes32, uint64, uint64, uint32', [tags.sampler, doubleBits(temperature), doubleBits(topP), maxTokens])
}

/** RECEIPT §4.3; unsalted, so it never leaves the opening's holders. */
export function requestHash(messages: readonly Message[], stop: readonly string[], sampler: Hex): Hex {
  return hash('bytes32, (string role, string content)[], string[], bytes32', [tags.request, messages, stop, sampler])
}

/** RECEIPT §4.4 */
export function inputHash(request: Hex, salt: Hex): Hex {
  return hash('bytes32, bytes32, bytes32', [tags.input, salt, request])
}

/** RECEIPT §4.5 */
export function outputHash(tokens: readonly number[], text: string, finishReason: string, salt: Hex): Hex {
  return hash('bytes32, bytes32, uint32[], string, string', [tags.output, salt, tokens, text, finishReason])
}

/**
 * RECEIPT §4.8: takes the place of `requestHash` in `inputHash` where a receipt is about bytes and not about a chat.
 * `path` is the canonical one, such as `/v1/embeddings`.
 */
export function bodyRequestHash(path: string, requestSha256: Hex): Hex {
  return hash('bytes32, string, bytes32', [tags.bodyRequest, path, requestSha256])
}

/** RECEIPT §4.8: takes the place of `outputHash`. */
export function bodyOutputHash(responseSha256: Hex, finishReason: string, salt: Hex): Hex {
  return hash('bytes32, bytes32, bytes32, string', [tags.bodyOutput, salt, responseSha256, finishReason])
}

/** Sampler and seed of a receipt of the body class; other words that say nothing are the same. RECEIPT §4.8 */
export const zeroWord: Hex = `0x${'00'.repeat(32)}`

/** RECEIPT §4.6: the provider can choose neither the request nor the nonce, so it cannot grind the seed. */
export function seedOf(source: SeedSource, request: Hex): Hex {
  if (source.kind === 'seed') return hash('bytes32, int64', [tags.seedValue, source.value])
  return hash('bytes32, bytes32, bytes32', [tags.seedNonce, source.nonce, request])
}

/** RECEIPT §4.7; the settlement contract computes the same from a price that it is shown. */
export function priceId(provider: Hex, { model, inputWeiPerToken, outputWeiPerToken, updatedAt }: Price): Hex {
  const modelHash = bytesToHex(keccak256(textToBytes(model)))
  return hash('address, bytes32, uint256, uint256, uint256', [
    provider,
    modelHash,
    inputWeiPerToken,
    outputWeiPerToken,
    updatedAt,
  ])
}

/** RECEIPT §5 */
export function feeOf(price: Price, usage: { promptTokens: bigint; completionTokens: bigint }): bigint {
  return usage.promptTokens * price.inputWeiPerToken + usage.completionTokens * price.outputWeiPerToken
}

/** Parsed once each: there are ten or so, and every request needs five. */
const parsedTypes = new Map<string, readonly AbiParameter[]>()

function hash(types: string, values: readonly unknown[]): Hex {
  let parameters = parsedTypes.get(types)
  if (!parameters) {
    parameters = parseAbiParameters(types) as readonly AbiParameter[]
    parsedTypes.set(types, parameters)
  }
  return bytesToHex(keccak256(hexToBytes(encodeAbiParameters(parameters, values as never))))
}

function doubleBits(value: number): bigint {
  // -0 and 0 mean the same to a sampler, therefore they commit alike.
  const double = Float64Array.of(value === 0 ? 0 : value)
  return new BigUint64Array(double.buffer)[0]!
}
