/**
 * Checks a bundle without its provider: first everything that hashes can tell, then the job again, from the model's root,
 * naming the first token and operator that differ. Runs in browsers. Spec: RECEIPT §7.
 */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { createFileHasher } from '@weightless/crypto'
import {
  type ByteSource,
  type ChatClaim,
  type ChatDifference,
  type ChatRequest,
  checkShape,
  decodeTrace,
  GrammarStuckError,
  loadModel,
  type Model,
  operatorName,
  replayChat,
  SchemaUnsupportedError,
  type Trace,
} from '@weightless/tensor'
import { choicesOf, isChatBundle } from './bundle.ts'
import { checkBundle, type Difference, differ, type Expectations } from './checkBundle.ts'
import { choiceSeed, requestHash, samplerHash, seedOf, zeroWord } from './commitments.ts'
import type { PrintFigures } from './fingerprint/weighPrint.ts'
import type { Bundle, ChatOpening, ChoiceOutput } from './openedReceipt.ts'
import { checks } from './receipt.ts'

export type VerifyProgress = {
  stage: 'fetching' | 'hashing' | 'loading' | 'replaying'
  done: number
  total: number
}

export type VerifyOptions = {
  /**
   * The weights by their storage root. Bytes are hashed here; a `ByteSource` must check what it reads by itself, as
   * `openBlob` does. Undefined when nobody has them.
   */
  loadWeights(modelRoot: Hex): Promise<Uint8Array | ByteSource | undefined>
  /** The operators' digests, asked for only when a step differs and the bundle has none. TENSOR §8.3 */
  loadOperators?(choice: number): Promise<Uint8Array | undefined>
  expected?: Expectations
  onProgress?(progress: VerifyProgress): void
  /** Awaited between passes, so that a page stays alive. */
  pause?(): Promise<void>
  signal?: AbortSignal
}

export type Verification =
  | { accepted: true; reExecuted: true; promptTokens: number; completionTokens: number; text: string }
  /** Signature, commitments, price and fee hold; nobody but the provider vouches for the answer. RECEIPT §7.5 */
  | {
      accepted: true
      reExecuted: false
      promptTokens: number
      completionTokens: number
      note: string
      /** Where one was weighed, and is within its bounds. FINGERPRINT §4 */
      fingerprint?: PrintFigures
    }
  | ({ accepted: false } & Difference)

/** A wrong bundle is an answer; throws only what `loadWeights` throws and faults of the machine. */
export async function verifyBundle(bundle: Bundle, options: VerifyOptions): Promise<Verification> {
  const early = await checkBundle(bundle, options.expected)
  if (early) return { accepted: false, ...early }
  if (!isChatBundle(bundle)) return signedOnly(bundle)
  const model = await openModel(bundle, options)
  if ('fault' in model) return { accepted: false, ...model }
  return verifyWithModel(bundle, model, options)
}

const unlookedNotes: { [check: number]: string } & { 0: string } = {
  [checks.none]:
    'Not re-executable: signature, hashes, price and fee are right, the answer itself is the word of the provider.',
  [checks.reExecution]:
    'Not re-executed: signature, hashes, price and fee are right; with the bytes of the request its answer can be made again.',
  [checks.fingerprint]:
    'Fingerprint not looked at: signature, hashes, price and fee are right; with the bytes of request and answer and the model it can be weighed.',
}

/** Also the count of tokens is the provider's word, but for the fee, which follows from it. */
function signedOnly({ receipt: { check, promptTokens, completionTokens } }: Bundle): Verification {
  const note = unlookedNotes[check] ?? unlookedNotes[checks.none]
  const usage = { promptTokens: Number(promptTokens), completionTokens: Number(completionTokens) }
  return { accepted: true, reExecuted: false, ...usage, note }
}

/** The second half, for whoever has the model open already (from this bundle's `modelRoot`). */
export async function verifyWithModel(
  bundle: Bundle<ChatOpening>,
  model: Model,
  options: ReplayOptions = {},
): Promise<Verification> {
  const difference = findImpossibleShape(bundle) ?? findOtherProgram(bundle, model) ?? findOtherPrompt(bundle, model)
  if (difference) return { accepted: false, ...difference }
  return replay(bundle, model, options)
}

async function openModel({ receipt }: Bundle<ChatOpening>, options: VerifyOptions): Promise<Model | Difference> {
  const { onProgress } = options
  onProgress?.({ stage: 'fetching', done: 0, total: 1 })
  const weights = await options.loadWeights(receipt.modelRoot)
  if (!weights) return { fault: 'weights', detail: `Nobody here has the weights ${receipt.modelRoot}.` }
  if (weights instanceof Uint8Array) {
    const root = await rootOf(weights, options)
    if (root !== receipt.modelRoot) return differ('weights', 'root of the weights', root, receipt.modelRoot)
  }
  return loadModel(weights, {
    onProgress: (progress) => onProgress?.({ stage: 'loading', done: progress.doneBytes, total: progress.totalBytes }),
  })
}

async function rootOf(weights: Uint8Array, { onProgress, pause, signal }: VerifyOptions): Promise<Hex> {
  const pieceBytes = 4 * 1024 * 1024
  const hasher = createFileHasher()
  for (let at = 0; at < weights.length; at += pieceBytes) {
    signal?.throwIfAborted()
    hasher.update(weights.subarray(at, at + pieceBytes))
    onProgress?.({ stage: 'hashing', done: Math.min(at + pieceBytes, weights.length), total: weights.length })
    await pause?.()
  }
  return weights.length === 0 ? '0x' : bytesToHex(hasher.finish().root)
}

/** What no mask is made for, nobody can have made. */
function findImpossibleShape({ opening: { shape } }: Bundle<ChatOpening>): Difference | undefined {
  try {
    if (shape) checkShape(shape)
    return undefined
  } catch (fault) {
    return asUnsupported(fault)
  }
}

/** A mask that cannot be made is the bundle's fault; everything else is ours. */
function asUnsupported(fault: unknown): Difference {
  const isShape = fault instanceof SchemaUnsupportedError || fault instanceof GrammarStuckError
  if (isShape) return { fault: 'unsupported', detail: fault.shortMessage }
  throw fault
}

function findOtherProgram({ receipt }: Bundle<ChatOpening>, model: Model): Difference | undefined {
  if (model.programId !== receipt.programId) return differ('program', 'program id', model.programId, receipt.programId)
  if (model.tokenizerRoot === receipt.tokenizerRoot) return undefined
  return differ('program', 'tokenizer root', model.tokenizerRoot, receipt.tokenizerRoot)
}

function findOtherPrompt({ receipt, opening }: Bundle<ChatOpening>, model: Model): Difference | undefined {
  const count = model.promptTokens(opening.messages, opening.shape?.tools).length
  return BigInt(count) === receipt.promptTokens
    ? undefined
    : differ('usage', 'prompt tokens', count, receipt.promptTokens)
}

/** One answer after the other; the first that differs is the verdict. */
async function replay(bundle: Bundle<ChatOpening>, model: Model, options: ReplayOptions): Promise<Verification> {
  const { opening, receipt } = bundle
  const choices = choicesOf(opening)
  for (const [index, output] of choices.entries()) {
    const traceRoot = opening.traceRoots?.[index] ?? receipt.traceRoot
    const difference = await replayChoice({ opening, output, index, traceRoot }, model, options).catch(asUnsupported)
    if (difference) return { accepted: false, ...nameChoice(difference, index, choices.length) }
  }
  return {
    accepted: true,
    reExecuted: true,
    promptTokens: Number(receipt.promptTokens),
    completionTokens: Number(receipt.completionTokens),
    text: opening.outputText,
  }
}

type Choice = { opening: ChatOpening; output: ChoiceOutput; index: number; traceRoot: Hex }

async function replayChoice(choice: Choice, model: Model, options: ReplayOptions): Promise<Difference | undefined> {
  const { opening, output, traceRoot } = choice
  const { outputTokens, finishReason } = output
  if (outputTokens.length === 0 && opening.traceRoots) return differentNothing(output, traceRoot)
  const inputs = [...model.promptTokens(opening.messages, opening.shape?.tools), ...outputTokens.slice(0, -1)]
  const claim: ChatClaim = { outputTokens, finishReason, traceRoot: hexToBytes(traceRoot) }
  // A trace that is not the committed one proves nothing; the root still binds the provider.
  const trace = output.trace && readTrace(output.trace, inputs, traceRoot)
  const verdict = await replayClaim(choice, model, { ...claim, trace }, options)
  if (verdict.ok) return differentText(output, verdict.text)
  return describe(await nameOperator(choice, model, claim, inputs, verdict.difference, options))
}

/** RECEIPT §4.5.1: of an answer that had not begun when the client left, there is nothing to do again. */
function differentNothing({ finishReason, outputText }: ChoiceOutput, traceRoot: Hex): Difference | undefined {
  if (finishReason !== 'cancelled') return differ('finish', 'finish reason', 'cancelled', finishReason)
  if (outputText !== '') return differ('text', 'text of the answer', '', outputText)
  return traceRoot === zeroWord ? undefined : differ('trace', 'trace root', zeroWord, traceRoot)
}

function nameChoice(difference: Difference, index: number, count: number): Difference {
  return count === 1 ? difference : { ...difference, detail: `answer ${index}: ${difference.detail}` }
}

/** Step digests say where; with the operators' digests a second replay says what. */
async function nameOperator(
  choice: Choice,
  model: Model,
  claim: ChatClaim,
  inputs: readonly number[],
  difference: ChatDifference,
  options: ReplayOptions,
): Promise<ChatDifference> {
  if (difference.what !== 'step' || !options.loadOperators) return difference
  const bytes = await options.loadOperators(choice.index)
  if (!bytes) return difference
  const trace = readTrace(bytes, inputs, choice.traceRoot)
  // Digests that give the committed root only over other inputs: the provider's prompt had another token here.
  if (!trace) return { ...difference, operator: operatorName(model.info.layerCount, 0) }
  const verdict = await replayClaim(choice, model, { ...claim, trace }, options)
  return verdict.ok ? difference : verdict.difference
}

function readTrace(bytes: Uint8Array, inputs: readonly number[], root: Hex): Trace | undefined {
  const decoded = decodeTrace(bytes, inputs)
  return decoded.ok && bytesToHex(decoded.value.root) === root ? decoded.value : undefined
}

function replayClaim({ opening, index }: Choice, model: Model, claim: ChatClaim, options: ReplayOptions) {
  const { onProgress, pause, signal } = options
  return replayChat(model, requestOf(opening, index), claim, {
    onProgress: ({ donePositions, totalPositions }) =>
      onProgress?.({ stage: 'replaying', done: donePositions, total: totalPositions }),
    ...(pause ? { pause } : {}),
    ...(signal ? { signal } : {}),
  })
}

function requestOf({ messages, stop, sampler, seed, shape }: ChatOpening, index: number): ChatRequest {
  const first = seedOf(seed, requestHash(messages, stop, samplerHash(sampler), shape))
  return { messages, stop, ...sampler, shape, seed32: hexToBytes(choiceSeed(first, index)) }
}

/** RECEIPT §7.2: of a cancelled answer the user may have less text than its tokens make. */
function differentText({ outputText, finishReason }: ChoiceOutput, text: string): Difference | undefined {
  const same = finishReason === 'cancelled' ? text.startsWith(outputText) : text === outputText
  return same ? undefined : differ('text', 'text of the answer', text, outputText)
}

const faults = { operator: 'operator', step: 'trace', token: 'token', finish: 'finish', 'trace-root': 'trace' } as const

function describe({ what, position, outputIndex, operator, expected, claimed }: ChatDifference): Difference {
  const token = outputIndex === undefined ? 'the prompt' : `output token ${outputIndex}`
  const place = position === undefined ? 'the trace as a whole' : `position ${position} (${token})`
  const by = operator === undefined ? '' : `, operator ${operator}`
  const detail = `${place}${by}: expected ${expected}, the provider says ${claimed}`
  return { fault: faults[what], detail, expected, claimed, token: outputIndex, position, operator }
}

type ReplayOptions = Omit<VerifyOptions, 'loadWeights'>
