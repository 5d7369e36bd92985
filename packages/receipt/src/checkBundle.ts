/** The checks of a bundle that need no model: signature, commitments, usage, fee, and what the user expected. RECEIPT §7.1 */
import type { Hex } from '@weightless/codec'
import { choicesOf, isBodyBundle, isChatBundle } from './bundle.ts'
import {
  bodyOutputHash,
  bodyRequestHash,
  feeOf,
  inputHash,
  outputHash,
  outputsHash,
  type Price,
  priceId,
  requestHash,
  samplerHash,
  seedOf,
  traceRootsHash,
  zeroWord,
} from './commitments.ts'
import { logprobKindOf } from './fingerprint/printProgram.ts'
import type { BodyOpening, Bundle, ChatOpening } from './openedReceipt.ts'
import { checks, type Receipt, receiptVersion, recoverReceiptSigner, serviceClasses } from './receipt.ts'

/** What a bundle fails on first. RECEIPT §7.3 */
export type Fault =
  | 'malformed'
  | 'unsupported'
  | 'expectation'
  | 'signature'
  | 'commitment'
  | 'fee'
  | 'usage'
  | 'weights'
  | 'program'
  | 'trace'
  | 'token'
  | 'operator'
  | 'finish'
  | 'text'
  | 'dataset'
  | 'adapter'
  | 'fingerprint'

export type Difference = {
  fault: Fault
  /** One line for people. */
  detail: string
  expected?: string
  claimed?: string
  /** Index of the output token, or undefined when the difference lies in the prompt or outside the run. */
  token?: number | undefined
  /** Position in prompt and output together. */
  position?: number | undefined
  /** For example `layer 7 ffn.gate`. */
  operator?: string | undefined
}

/** What the user knows from elsewhere (the registry, her own request); everything given must agree. */
export type Expectations = {
  chainId?: bigint
  settlement?: Hex
  user?: Hex
  provider?: Hex
  modelRoot?: Hex
  programId?: Hex
  /** As the registry had it. */
  price?: { inputWeiPerToken: bigint; outputWeiPerToken: bigint }
}

/** Undefined when nothing is wrong so far. */
export async function checkBundle(bundle: Bundle, expected: Expectations = {}): Promise<Difference | undefined> {
  return (
    findUnsupported(bundle) ??
    findUnexpected(bundle, expected) ??
    (await findForgery(bundle)) ??
    findUncommitted(bundle) ??
    findMiscounted(bundle)
  )
}

function findUnsupported(bundle: Bundle): Difference | undefined {
  const { receipt } = bundle
  if (receipt.version !== receiptVersion) return differ('unsupported', 'version', receiptVersion, receipt.version)
  if (isBodyBundle(bundle)) return findUnsupportedBody(bundle)
  if (receipt.serviceClass !== serviceClasses.chat) {
    return differ('unsupported', 'service class', serviceClasses.chat, receipt.serviceClass)
  }
  if (receipt.check === checks.reExecution) {
    // Without a trace, arithmetic that happens to give the same tokens could be any arithmetic.
    return /^0x0+$/.test(receipt.traceRoot) ? differ('unsupported', 'trace root', 'not zero', 'zero') : undefined
  }
  const detail = 'The receipt promises no re-execution: it is the provider’s word and nothing else.'
  return { fault: 'unsupported', detail, expected: '1', claimed: String(receipt.check) }
}

/** RECEIPT §4.8: the answer's bytes follow from the request's and from a model that is named. */
function isRemakeable({ check, modelRoot, programId, tokenizerRoot }: Receipt, { path, finishReason }: BodyOpening) {
  const isNamed = [modelRoot, programId, tokenizerRoot].every((root) => root !== zeroWord)
  return check === checks.reExecution && path === '/v1/embeddings' && finishReason === 'stop' && isNamed
}

/** FINGERPRINT §3: a chat whose answer shows log-probabilities of a model that is named. */
function isPrinted({ check, modelRoot, programId, tokenizerRoot }: Receipt, { path, finishReason }: BodyOpening) {
  const isNamed = modelRoot !== zeroWord && tokenizerRoot === zeroWord && logprobKindOf(programId) !== undefined
  return check === checks.fingerprint && path === '/v1/chat/completions' && finishReason === 'stop' && isNamed
}

/** Other receipts about bytes promise no re-execution, and must not look as if they did. */
function findUnsupportedBody({ receipt, opening }: Bundle<BodyOpening>): Difference | undefined {
  if (receipt.serviceClass !== serviceClasses.body) {
    return differ('unsupported', 'service class', serviceClasses.body, receipt.serviceClass)
  }
  if (receipt.check === checks.none || isRemakeable(receipt, opening) || isPrinted(receipt, opening)) return undefined
  return differ('unsupported', 'check', checks.none, receipt.check)
}

/** Of any bundle. */
export function findUnexpected(
  { receipt, settlement, opening }: { receipt: Receipt; settlement: Hex; opening: { price: Price } },
  expected: Expectations,
): Difference | undefined {
  const { price, settlement: expectedSettlement, ...fields } = expected
  if (expectedSettlement && !same(expectedSettlement, settlement)) {
    return differ('expectation', 'settlement contract', expectedSettlement, settlement)
  }
  for (const [name, value] of Object.entries(fields)) {
    const claimed = receipt[name as keyof typeof fields]
    if (value !== undefined && !same(value, claimed)) return differ('expectation', name, value, claimed)
  }
  for (const name of ['inputWeiPerToken', 'outputWeiPerToken'] as const) {
    if (price && price[name] !== opening.price[name]) {
      return differ('expectation', name, price[name], opening.price[name])
    }
  }
  return undefined
}

/** Of any bundle. */
export async function findForgery({
  receipt,
  settlement,
  signature,
}: {
  receipt: Receipt
  settlement: Hex
  signature: Hex
}): Promise<Difference | undefined> {
  const signer = recoverReceiptSigner(receipt, settlement, signature)
  if (signer !== undefined && same(signer, receipt.provider)) return undefined
  return differ('signature', 'signer', receipt.provider, signer ?? 'nobody')
}

function findUncommitted(bundle: Bundle): Difference | undefined {
  const { receipt, opening } = bundle
  const opened = {
    ...('kind' in opening ? hashesOfBody(opening) : hashesOfChat(opening)),
    priceId: priceId(receipt.provider, opening.price),
  }
  for (const [name, hash] of Object.entries(opened)) {
    const claimed = receipt[name as keyof typeof opened]
    if (!same(hash, claimed)) return differ('commitment', name, hash, claimed)
  }
  return undefined
}

function hashesOfChat(opening: ChatOpening) {
  const { salt, messages, stop, sampler, seed, shape, traceRoots } = opening
  const samplers = samplerHash(sampler)
  const request = requestHash(messages, stop, samplers, shape)
  const outputs = choicesOf(opening).map((output) =>
    outputHash(output.outputTokens, output.outputText, output.finishReason, salt),
  )
  return {
    sampler: samplers,
    seed: seedOf(seed, request),
    inputHash: inputHash(request, salt),
    outputHash: outputsHash(outputs, salt),
    ...(traceRoots && { traceRoot: traceRootsHash(traceRoots) }),
  }
}

function hashesOfBody({ salt, path, requestSha256, responseSha256, finishReason }: BodyOpening) {
  return {
    sampler: zeroWord,
    seed: zeroWord,
    inputHash: inputHash(bodyRequestHash(path, requestSha256), salt),
    outputHash: bodyOutputHash(responseSha256, finishReason, salt),
  }
}

function findMiscounted(bundle: Bundle): Difference | undefined {
  const { receipt, opening } = bundle
  const count = isChatBundle(bundle) ? BigInt(countTokens(bundle.opening)) : receipt.completionTokens
  if (count !== receipt.completionTokens) return differ('usage', 'completion tokens', count, receipt.completionTokens)
  const fee = feeOf(opening.price, receipt)
  return fee === receipt.fee ? undefined : differ('fee', 'fee', fee, receipt.fee)
}

const countTokens = (opening: ChatOpening): number =>
  choicesOf(opening).reduce((sum, { outputTokens }) => sum + outputTokens.length, 0)

export function differ(fault: Fault, what: string, expected: unknown, claimed: unknown): Difference {
  const [wanted, given] = [String(expected), String(claimed)]
  return { fault, detail: `${what}: expected ${wanted}, the bundle says ${given}`, expected: wanted, claimed: given }
}

function same(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase()
}
