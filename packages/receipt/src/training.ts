/** Receipts of class 3: a model was fine-tuned. What is signed, its opening, and the checks that need no model. Spec: RECEIPT §9. */
import { accept, type Hex, reject, type Verdict } from '@weightless/codec'
import { z } from 'zod'
import type { Acceptance, Authorization } from './authorization.ts'
import { acceptance, bundleShell, describeFault, hexOf, plain, priceSchema, text, word } from './bundle.ts'
import { type Difference, differ, type Expectations, findForgery, findUnexpected } from './checkBundle.ts'
import { feeOf, hash, inputHash, type Price, priceId, tag, zeroWord } from './commitments.ts'
import type { SignedDelivery } from './delivery.ts'
import { checks, type Receipt, receiptVersion, serviceClasses } from './receipt.ts'

/** What the hashes of the receipt stand for; stays with the user. */
export type TrainingOpening = {
  kind: 'training'
  salt: Hex
  /** Storage root of the dataset as it was sent, sealed perhaps, and of its plain lines. */
  datasetRoot: Hex
  plainRoot: Hex
  /** JSON as the user sent it. */
  parameters: string
  /** Storage root of the plain adapter. */
  adapterRoot: Hex
  price: Price
}

export type TrainingBundle = {
  /** Address of the FineTuningServing contract: its tasks have numbers of their own. */
  settlement: Hex
  receipt: Receipt
  signature: Hex
  opening: TrainingOpening
  /** The provider's quote from before the training, where it gave one. RECEIPT §9.4 */
  acceptance?: Acceptance
  /** Which file it delivers, from when it is sealed. RECEIPT §9.5 */
  delivery?: SignedDelivery
}

/** What a deterministic trainer says of itself and its run; absent where the worker's word is all there is. */
export type TrainingProof = { programId: Hex; tokenizerRoot: Hex; stateHash: Hex }

/** Semantics of `spec/training.md`. */
const trainingVersion = 2
const tags = {
  program: tag('training-program'),
  parameters: tag('training-parameters'),
  request: tag('training-request'),
  output: tag('training-output'),
}

/** The trainer as a program: the model's, and the version of what training computes with it. */
export function trainingProgramId(modelProgramId: Hex): Hex {
  return hash('bytes32, bytes32, uint16', [tags.program, modelProgramId, trainingVersion])
}

/** The hashes that follow from the opening. */
export function trainingHashes({ salt, datasetRoot, plainRoot, parameters, adapterRoot }: TrainingOpening) {
  const sampler = hash('bytes32, string', [tags.parameters, parameters])
  const request = hash('bytes32, bytes32, bytes32, bytes32', [tags.request, datasetRoot, plainRoot, sampler])
  return {
    sampler,
    inputHash: inputHash(request, salt),
    outputHash: hash('bytes32, bytes32, bytes32', [tags.output, salt, adapterRoot]),
  }
}

export type TrainingFacts = {
  chainId: bigint
  user: Hex
  provider: Hex
  modelRoot: Hex
  /** 32 bytes given to the trainer. */
  seed: Hex
  trainedTokens: number
  jobNonce: bigint
  timestampSeconds: number
  proof: TrainingProof | undefined
}

/** What the provider binds itself to before it trains: this work, at this price, for so much, until then. */
export type TrainingQuote = { maxFee: bigint; deadlineSeconds: number }

/** The quote in the form that its acceptance is about; only what is known before the training is looked at. */
export function trainingAuthorization(
  { user, provider, jobNonce }: Pick<TrainingFacts, 'user' | 'provider' | 'jobNonce'>,
  opening: Omit<TrainingOpening, 'adapterRoot'>,
  { maxFee, deadlineSeconds }: TrainingQuote,
): Authorization {
  const { inputHash: requestHash } = trainingHashes({ ...opening, adapterRoot: zeroWord })
  const terms = { priceId: priceId(provider, opening.price), maxFee, deadline: BigInt(deadlineSeconds) }
  return { user, provider, jobNonce, requestHash, ...terms }
}

/** The receipt to be signed. */
export function makeTrainingReceipt(facts: TrainingFacts, opening: TrainingOpening): Receipt {
  const { chainId, user, provider, modelRoot, seed, jobNonce, timestampSeconds, proof } = facts
  const usage = { promptTokens: BigInt(facts.trainedTokens), completionTokens: 0n }
  return {
    ...{ version: receiptVersion, serviceClass: serviceClasses.fineTuning },
    check: proof ? checks.reExecution : checks.none,
    ...{ chainId, user, provider, modelRoot },
    programId: proof?.programId ?? zeroWord,
    tokenizerRoot: proof?.tokenizerRoot ?? zeroWord,
    ...trainingHashes(opening),
    seed,
    traceRoot: proof?.stateHash ?? zeroWord,
    ...usage,
    priceId: priceId(provider, opening.price),
    fee: feeOf(opening.price, usage),
    jobNonce,
    timestamp: BigInt(timestampSeconds),
  }
}

const bundleSchema = z.strictObject({
  ...bundleShell,
  acceptance,
  delivery: z.strictObject({ id: text.min(1).max(256), root: word, signature: hexOf(65) }).optional(),
  opening: z.strictObject({
    kind: z.literal('training'),
    ...{ salt: word, datasetRoot: word, plainRoot: word, adapterRoot: word },
    parameters: text.max(65_536),
    price: priceSchema,
  }),
})

/** Whether a bundle file is about a training; `readTrainingBundle` checks its form. */
export function isTrainingJson(json: unknown): boolean {
  const opening = (json as { opening?: { kind?: unknown } } | null)?.opening
  return typeof opening === 'object' && opening !== null && opening.kind === 'training'
}

export function readTrainingBundle(json: unknown): Verdict<TrainingBundle, 'malformed'> {
  const parsed = bundleSchema.safeParse(json)
  if (!parsed.success) return reject('malformed', describeFault(parsed.error))
  const { settlement, receipt, signature, opening, acceptance, delivery } = parsed.data
  const also = { ...(acceptance && { acceptance }), ...(delivery && { delivery }) }
  return accept({ settlement, receipt, signature, opening, ...also })
}

export function trainingBundleToJson(bundle: TrainingBundle): unknown {
  const { settlement, receipt, signature, opening, acceptance, delivery } = bundle
  return plain({ version: 1, settlement, receipt, signature, opening, acceptance, delivery })
}

/** Undefined when nothing is wrong so far. RECEIPT §9.3 */
export async function checkTrainingBundle(
  bundle: TrainingBundle,
  expected: Expectations = {},
): Promise<Difference | undefined> {
  return (
    findUnsupported(bundle) ??
    findUnexpected(bundle, expected) ??
    (await findForgery(bundle)) ??
    findUncommitted(bundle) ??
    findMisbilled(bundle)
  )
}

function findUnsupported({ receipt }: TrainingBundle): Difference | undefined {
  const { version, serviceClass, check, programId, tokenizerRoot, traceRoot } = receipt
  if (version !== receiptVersion) return differ('unsupported', 'version', receiptVersion, version)
  if (serviceClass !== serviceClasses.fineTuning)
    return differ('unsupported', 'service class', serviceClasses.fineTuning, serviceClass)
  const proof = Object.entries({ programId, tokenizerRoot, traceRoot })
  if (check === checks.none) {
    const found = proof.find(([, value]) => value !== zeroWord)
    return found && differ('unsupported', found[0], 'zero without re-execution', found[1])
  }
  if (check !== checks.reExecution) return differ('unsupported', 'check', '0 or 1', check)
  const missing = proof.find(([, value]) => value === zeroWord)
  return missing && differ('unsupported', missing[0], 'not zero', 'zero')
}

function findUncommitted({ receipt, opening }: TrainingBundle): Difference | undefined {
  const opened = { ...trainingHashes(opening), priceId: priceId(receipt.provider, opening.price) }
  for (const [name, value] of Object.entries(opened)) {
    const claimed = receipt[name as keyof typeof opened]
    if (value !== claimed) return differ('commitment', name, value, claimed)
  }
  return undefined
}

function findMisbilled({ receipt, opening }: TrainingBundle): Difference | undefined {
  if (receipt.completionTokens !== 0n) return differ('usage', 'completion tokens', 0, receipt.completionTokens)
  const fee = feeOf(opening.price, receipt)
  return fee === receipt.fee ? undefined : differ('fee', 'fee', fee, receipt.fee)
}
