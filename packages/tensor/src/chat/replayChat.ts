/**
 * Re-executes a claimed answer and names the first token and operator that differ. The claimed tokens go through the model
 * many at a time, which gives the bits of the original run at several times its speed. Spec: spec/tensor.md §8.4.
 */
import { bytesEqual, bytesToHex } from '@weightless/codec'
import { maskOf } from '../grammar/answerGrammar.ts'
import { bodyOperatorCount, operatorName } from '../model/describeGraph.ts'
import type { Model } from '../model/loadModel.ts'
import { positionsMax } from '../model/scratch.ts'
import { createAdjuster } from '../sampler/adjustLogits.ts'
import { sampleToken } from '../sampler/sampleToken.ts'
import { recordSteps, type StepRecorder, stepDigest, type Trace } from '../trace/recordSteps.ts'
import { stepRoot } from '../trace/stepRoot.ts'
import { type ChatRequest, createChatOutput, type FinishReason, prepareChat } from './chatRequest.ts'

export type ChatClaim = {
  outputTokens: readonly number[]
  finishReason: FinishReason
  /** Checked when present. */
  traceRoot?: Uint8Array | undefined
  /** The claimed trace; with operators the difference is named exactly. It must hash to `traceRoot`. */
  trace?: Trace | undefined
}

export type ChatDifference = {
  what: 'operator' | 'step' | 'token' | 'finish' | 'trace-root'
  /** Position in prompt and output together; absent when only the root is known to differ. */
  position: number | undefined
  /** Index of the output token chosen at that position, if one was. */
  outputIndex: number | undefined
  /** For example `layer 7 ffn.gate`. */
  operator: string | undefined
  expected: string
  claimed: string
}

export type ReplayVerdict =
  | { ok: true; promptTokens: number[]; text: string; trace: Trace }
  | { ok: false; promptTokens: number[]; difference: ChatDifference }

export type ReplayOptions = {
  onProgress?: (facts: { donePositions: number; totalPositions: number }) => void
  /** Awaited between passes of up to 32 positions. */
  pause?: () => Promise<void>
  signal?: AbortSignal
}

/** @throws as `runChat` for a request that cannot be run; a wrong claim is a verdict. */
export async function replayChat(
  model: Model,
  request: ChatRequest,
  claim: ChatClaim,
  options: ReplayOptions = {},
): Promise<ReplayVerdict> {
  const { promptTokens, outputLimit } = prepareChat(model, request)
  const impossible = findImpossible(model, claim, outputLimit)
  if (impossible !== undefined) return { ok: false, promptTokens, difference: impossible }
  const replay = createReplay(model, request, claim, promptTokens, outputLimit)
  const inputs = [...promptTokens, ...claim.outputTokens.slice(0, -1)]
  const session = model.createSession(inputs.length)
  try {
    for (let first = 0; first < inputs.length; first += positionsMax) {
      options.signal?.throwIfAborted()
      const pass = inputs.slice(first, first + positionsMax)
      const logitsFrom = Math.max(0, promptTokens.length - 1 - first)
      const wanted = claim.outputTokens.length === 0 ? pass.length : Math.min(logitsFrom, pass.length)
      const logits = session.append(pass, wanted, replay.recorder)
      const difference = replay.check(first, pass, wanted, logits)
      if (difference !== undefined) return { ok: false, promptTokens, difference }
      options.onProgress?.({ donePositions: first + pass.length, totalPositions: inputs.length })
      await options.pause?.()
    }
  } finally {
    session.close()
  }
  return replay.finish()
}

/** Claims that no run can have. */
function findImpossible(model: Model, claim: ChatClaim, outputLimit: number): ChatDifference | undefined {
  const { outputTokens, trace, traceRoot } = claim
  const wrong = (expected: string, claimed: string, what: ChatDifference['what']): ChatDifference => {
    return { what, position: undefined, outputIndex: undefined, operator: undefined, expected, claimed }
  }
  if (outputTokens.length > outputLimit) {
    return wrong(`at most ${outputLimit} tokens`, `${outputTokens.length} tokens`, 'finish')
  }
  const bad = outputTokens.find((token) => !Number.isInteger(token) || token < 0 || token >= model.info.vocabSize)
  if (bad !== undefined) return wrong(`a token below ${model.info.vocabSize}`, String(bad), 'token')
  if (outputTokens.length === 0 && claim.finishReason !== 'cancelled') {
    return wrong('at least one token', 'none', 'finish')
  }
  if (trace !== undefined && traceRoot !== undefined) {
    const root = stepRoot(trace.steps)
    if (!bytesEqual(root, traceRoot)) return wrong(bytesToHex(root), bytesToHex(traceRoot), 'trace-root')
  }
  return undefined
}

function createReplay(
  model: Model,
  request: ChatRequest,
  claim: ChatClaim,
  promptTokens: number[],
  outputLimit: number,
) {
  const { arena, graph, sampleWeights, adjustedLogits } = model.parts
  const recorder = recordSteps(graph.layerCount, true)
  const output = createChatOutput(model, request, outputLimit)
  const adjuster = createAdjuster(arena, adjustedLogits, request)
  const mask = maskOf(model.tokenizer, request.shape)
  const sampleOperator = bodyOperatorCount(graph.layerCount) + 2
  const operator = operatorName(graph.layerCount, sampleOperator)
  let text = ''
  let finishReason: FinishReason = 'cancelled'

  function checkToken(position: number, token: number): ChatDifference | undefined {
    const outputIndex = position - promptTokens.length + 1
    const claimed = claim.outputTokens[outputIndex]!
    const at = { position, outputIndex, operator }
    if (token !== claimed) return { what: 'token', ...at, expected: String(token), claimed: String(claimed) }
    adjuster.push(token)
    mask?.push(token)
    const pushed = output.push(token)
    text += pushed.text
    const isLast = outputIndex === claim.outputTokens.length - 1
    finishReason = pushed.finishReason ?? 'cancelled'
    const wrongEnd = isLast ? finishReason !== claim.finishReason : pushed.finishReason !== undefined
    if (!wrongEnd) return undefined
    const claimedEnd = isLast ? claim.finishReason : 'goes on'
    return { what: 'finish', ...at, expected: pushed.finishReason ?? 'goes on', claimed: claimedEnd }
  }

  return {
    recorder,
    /** Samples every wanted position of a pass, then compares steps and tokens in order of position. */
    check(first: number, pass: readonly number[], wanted: number, logits: readonly Float32Array[]) {
      for (let i = 0; i < pass.length; i++) {
        const row = logits[i - wanted]
        const index = first + i - promptTokens.length + 1
        const sample = row && sampleToken(arena, adjuster.adjust(row, mask?.allowed()), sampleWeights, request, index)
        if (sample !== undefined) recorder.record(i, sampleOperator, sample.record)
        const position = first + i
        const difference =
          compareStep(recorder, claim.trace, graph.layerCount, i, position, pass[i]!, promptTokens.length) ??
          (sample && checkToken(position, sample.token))
        if (difference !== undefined) return difference
      }
      return undefined
    },
    finish(): ReplayVerdict {
      const trace = recorder.finish()
      const claimed = claim.traceRoot ?? claim.trace?.root
      if (claimed !== undefined && !bytesEqual(trace.root, claimed)) {
        const unknown = { position: undefined, outputIndex: undefined, operator: undefined }
        const [expected, given] = [bytesToHex(trace.root), bytesToHex(claimed)]
        return { ok: false, promptTokens, difference: { what: 'trace-root', ...unknown, expected, claimed: given } }
      }
      if (finishReason === 'cancelled') text += output.flush()
      return { ok: true, promptTokens, text, trace }
    },
  }
}

function compareStep(
  recorder: StepRecorder,
  claimed: Trace | undefined,
  layerCount: number,
  index: number,
  position: number,
  token: number,
  promptLength: number,
): ChatDifference | undefined {
  if (claimed === undefined) return undefined
  const ours = recorder.operatorsAt(index)
  const digest = stepDigest(position, token, ours)
  const theirs = claimed.steps[position]
  if (theirs !== undefined && bytesEqual(digest, theirs)) return undefined
  const outputIndex = position >= promptLength - 1 ? position - promptLength + 1 : undefined
  const operators = claimed.operators?.[position]
  if (operators === undefined) {
    const claimedText = theirs === undefined ? 'no step' : bytesToHex(theirs)
    return {
      what: 'step',
      position,
      outputIndex,
      operator: undefined,
      expected: bytesToHex(digest),
      claimed: claimedText,
    }
  }
  for (let at = 0; at < Math.max(ours.length, operators.length); at += 32) {
    const [a, b] = [ours.subarray(at, at + 32), operators.subarray(at, at + 32)]
    if (bytesEqual(a, b)) continue
    const operator = operatorName(layerCount, at / 32)
    const [expected, given] = [bytesToHex(a), b.length === 0 ? 'missing' : bytesToHex(b)]
    return { what: 'operator', position, outputIndex, operator, expected, claimed: given }
  }
  // Their step digest is not that of their own operators.
  const given = theirs === undefined ? 'no step' : bytesToHex(theirs)
  return { what: 'step', position, outputIndex, operator: undefined, expected: bytesToHex(digest), claimed: given }
}
