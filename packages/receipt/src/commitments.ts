/** The salted hashes inside a receipt, and how they follow from the opening. Spec: RECEIPT §4. */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { type AbiEncoder, compileAbi, keccak256 } from '@weightless/crypto'
import { parseAbiParameters } from 'viem'

export type Message = { role: string; content: string }

export type SamplerParameters = {
  temperature: number
  topP: number
  maxTokens: number
  /** What is taken from the logit of a token that the answer has already. Absent: 0. */
  presencePenalty?: number
  /** The same for each time that the answer has it. Absent: 0. */
  frequencyPenalty?: number
  /** Token and what is added to its logit, by rising token, none of them 0. Absent: none. */
  logitBias?: LogitBias
}

export type LogitBias = readonly (readonly [token: number, bias: number])[]

/** What a request asks for beyond one free answer; a request that asks for none of it has no shape. RECEIPT §4.3.1 */
export type RequestShape = {
  /** Answers to the same prompt. */
  choices: number
  /** JSON Schema that the answer obeys, as JSON text; empty: none. */
  schema: string
  /** Functions that the model may call, OpenAI's `tools` as JSON text; empty: none. */
  tools: string
  /** `auto`, `required`, or `function:` and the name of the one to call; empty without tools. */
  toolChoice: string
  /** Calls at most; 0 without tools. */
  callsMax: number
}

export type SeedSource =
  /** The user asked for this seed: the same request gives the same answer. */
  | { kind: 'seed'; value: bigint }
  /** A number used once, of the user's or, without one, the job nonce. */
  | { kind: 'nonce'; nonce: Hex }

/** The price that was agreed: the service's entry in the registry at `updatedAt`, `model` being its registered name. */
export type Price = { model: string; inputWeiPerToken: bigint; outputWeiPerToken: bigint; updatedAt: bigint }

/** Domain tags keep one hash from being taken for another. RECEIPT §4.1 */
export const tag = (name: string): Hex => bytesToHex(keccak256(textToBytes(`weightless/receipt/v1/${name}`)))
const tags = {
  sampler: tag('sampler'),
  samplerAdjusted: tag('sampler-adjusted'),
  request: tag('request'),
  requestShaped: tag('request-shaped'),
  input: tag('input'),
  output: tag('output'),
  outputs: tag('outputs'),
  traceRoots: tag('trace-roots'),
  bodyRequest: tag('body-request'),
  bodyOutput: tag('body-output'),
  seedValue: tag('seed-value'),
  seedNonce: tag('seed-nonce'),
  seedChoice: tag('seed-choice'),
}

/** RECEIPT §4.2; floats are committed by their IEEE-754 bits, so that no rounding rule is involved. */
export function samplerHash(parameters: SamplerParameters): Hex {
  const { temperature, topP, maxTokens, presencePenalty = 0, frequencyPenalty = 0, logitBias = [] } = parameters
  const base = hash('bytes32, uint64, uint64, uint32', [
    tags.sampler,
    doubleBits(temperature),
    doubleBits(topP),
    maxTokens,
  ])
  if (!changesLogits(parameters)) return base
  return hash('bytes32, bytes32, uint64, uint64, uint32[], uint64[]', [
    tags.samplerAdjusted,
    base,
    doubleBits(presencePenalty),
    doubleBits(frequencyPenalty),
    logitBias.map(([token]) => token),
    logitBias.map(([, bias]) => doubleBits(bias)),
  ])
}

/** The parameters as their hash has them: bits of two binary64. */
export function samplerBits({ temperature, topP, maxTokens }: SamplerParameters) {
  return { temperatureBits: doubleBits(temperature), topPBits: doubleBits(topP), maxTokens }
}

/** What else the hash has of a request that changes logits, as a contract takes it; all empty of any other. */
export function adjustBits({ presencePenalty = 0, frequencyPenalty = 0, logitBias = [] }: SamplerParameters) {
  return {
    presenceBits: doubleBits(presencePenalty),
    frequencyBits: doubleBits(frequencyPenalty),
    biased: logitBias.map(([token]) => token),
    biasBits: logitBias.map(([, bias]) => doubleBits(bias)),
  }
}

/** Whether the request changes what the model gives, by a penalty or a bias. */
export function changesLogits({
  presencePenalty = 0,
  frequencyPenalty = 0,
  logitBias = [],
}: SamplerParameters): boolean {
  return presencePenalty !== 0 || frequencyPenalty !== 0 || logitBias.length > 0
}

/** The masks that a schema or tools make; TENSOR §7.3. Raised whenever the same schema could give another mask. */
export const grammarVersion = 1

/** RECEIPT §4.3; unsalted, so it never leaves the opening's holders. */
export function requestHash(
  messages: readonly Message[],
  stop: readonly string[],
  sampler: Hex,
  shape?: RequestShape,
): Hex {
  const plain = hash('bytes32, (string role, string content)[], string[], bytes32', [
    tags.request,
    messages,
    stop,
    sampler,
  ])
  return shape ? shapedRequestHash(plain, shape) : plain
}

/** RECEIPT §4.3.1. @param plain - of the same request without its shape */
export function shapedRequestHash(plain: Hex, { choices, schema, tools, toolChoice, callsMax }: RequestShape): Hex {
  return hash('bytes32, bytes32, uint32, uint16, string, string, string, uint32', [
    tags.requestShaped,
    plain,
    choices,
    grammarVersion,
    schema,
    tools,
    toolChoice,
    callsMax,
  ])
}

/** RECEIPT §4.4 */
export function inputHash(request: Hex, salt: Hex): Hex {
  return hash('bytes32, bytes32, bytes32', [tags.input, salt, request])
}

/** RECEIPT §4.5 */
export function outputHash(tokens: readonly number[], text: string, finishReason: string, salt: Hex): Hex {
  return hash('bytes32, bytes32, uint32[], string, string', [tags.output, salt, tokens, text, finishReason])
}

/** RECEIPT §4.5.1: of several answers, by their `outputHash`es; one alone is its own. */
export function outputsHash(outputs: readonly Hex[], salt: Hex): Hex {
  return outputs.length === 1 ? outputs[0]! : hash('bytes32, bytes32, bytes32[]', [tags.outputs, salt, outputs])
}

/** RECEIPT §4.5.1: of several answers; one alone is its own. */
export function traceRootsHash(roots: readonly Hex[]): Hex {
  return roots.length === 1 ? roots[0]! : hash('bytes32, bytes32[]', [tags.traceRoots, roots])
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

/** RECEIPT §4.6.1: the first answer of several has the receipt's seed, so it is the one that would come alone. */
export function choiceSeed(seed: Hex, choice: number): Hex {
  return choice === 0 ? seed : hash('bytes32, bytes32, uint32', [tags.seedChoice, seed, choice])
}

/** RECEIPT §4.7; the settlement contract computes the same from a price that it is shown. */
export function priceId(provider: Hex, price: Price): Hex {
  const { model, inputWeiPerToken, outputWeiPerToken, updatedAt } = price
  if (model.length > modelCharactersKept) return hashPrice(provider, price)
  const key = `${provider} ${inputWeiPerToken} ${outputWeiPerToken} ${updatedAt} ${model}`
  const known = priceIds.get(key)
  if (known) return known
  const made = hashPrice(provider, price)
  if (priceIds.size >= priceIdsMax) priceIds.clear()
  priceIds.set(key, made)
  return made
}

/** A provider has one price for weeks, and every job needs its identity five times. */
const priceIds = new Map<string, Hex>()
const priceIdsMax = 256
/** Longer names come from outside alone, and are hashed each time. */
const modelCharactersKept = 256

function hashPrice(provider: Hex, { model, inputWeiPerToken, outputWeiPerToken, updatedAt }: Price): Hex {
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

/** Compiled once each: there are ten or so, and every request needs five. */
const encoders = new Map<string, AbiEncoder>()

/** keccak-256 over the ABI encoding. */
export function hash(types: string, values: readonly unknown[]): Hex {
  let encode = encoders.get(types)
  if (!encode) {
    encode = compileAbi(parseAbiParameters(types))
    encoders.set(types, encode)
  }
  return bytesToHex(keccak256(encode(values)))
}

function doubleBits(value: number): bigint {
  // -0 and 0 mean the same to a sampler, therefore they commit alike.
  const double = Float64Array.of(value === 0 ? 0 : value)
  return new BigUint64Array(double.buffer)[0]!
}
