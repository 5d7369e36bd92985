/**
 * Commits to what a run computed: the SHA-256 of every operator's output, of every step over those, and one root over the
 * steps. Spec: spec/tensor.md §8.
 */
import { sha256 } from '@weightless/crypto'
import { bodyOperatorCount, headOperators } from '../model/describeGraph.ts'
import { stepRoot } from './stepRoot.ts'

export type Trace = {
  /** Root over the step digests. */
  root: Uint8Array
  /** One digest per position that went through the model. */
  steps: readonly Uint8Array[]
  /** Per step, the digests of its operators one after another; absent unless asked for. */
  operators: readonly Uint8Array[] | undefined
}

export type StepRecorder = {
  /** Announces the positions of the pass that follows. */
  begin(first: number, tokens: readonly number[]): void
  /** Digests of the first operators at token `index` of the pass, one after another. */
  take(index: number, digests: Uint8Array): void
  /** Digest of the output of `operator` at token `index` of the pass. */
  record(index: number, operator: number, output: Uint8Array): void
  /** Is shown the output itself of `operator` at token `index` of the pass, where somebody wants it; valid during the call. */
  capture?(index: number, operator: number, output: Uint8Array): void
  /** Digests of a step that has not been closed by the next `begin`, by index in the pass. */
  operatorsAt(index: number): Uint8Array
  /** The first `count` steps, which must have gone through and have had no sample drawn; ends what `operatorsAt` shows. */
  first(count: number): RecordedSteps
  /** Begins with the steps of another run that has begun with the same tokens. */
  inherit(steps: RecordedSteps): void
  finish(): Trace
}

export type RecordedSteps = Pick<Trace, 'steps' | 'operators'>

/** What is hashed of a step, with room for all digests; `count` are there. */
type OpenStep = { message: Uint8Array; count: number }

const stepDomain = new TextEncoder().encode('weightless/step/1')

/** @param keepOperators - also keep every operator's digest (32 bytes each), so that a difference can be named */
export function recordSteps(layerCount: number, keepOperators: boolean): StepRecorder {
  const operatorsMax = bodyOperatorCount(layerCount) + headOperators.length
  const steps: Uint8Array[] = []
  const operators: Uint8Array[] = []
  let open: OpenStep[] = []
  const close = () => {
    for (const step of open) {
      steps.push(sha256(step.message.subarray(0, headBytes + step.count * 32)))
      if (keepOperators) operators.push(digestsOf(step).slice())
    }
    open = []
  }
  return {
    begin(first, tokens) {
      close()
      open = tokens.map((token, i) => ({ message: stepMessage(first + i, token, operatorsMax), count: 0 }))
    },
    take(index, digests) {
      const step = open[index]!
      step.message.set(digests, headBytes)
      step.count = Math.max(step.count, digests.length / 32)
    },
    record(index, operator, output) {
      const step = open[index]!
      step.message.set(sha256(output), headBytes + operator * 32)
      step.count = Math.max(step.count, operator + 1)
    },
    operatorsAt: (index) => digestsOf(open[index]!),
    first(count) {
      close()
      return { steps: steps.slice(0, count), operators: keepOperators ? operators.slice(0, count) : undefined }
    },
    inherit(begun) {
      for (const step of begun.steps) steps.push(step)
      for (const digests of begun.operators ?? []) operators.push(digests)
    },
    finish() {
      close()
      return { root: stepRoot(steps), steps, operators: keepOperators ? operators : undefined }
    },
  }
}

/** SHA-256 over domain, position and token (u32 little-endian), and the operator digests. */
export function stepDigest(position: number, token: number, operatorDigests: Uint8Array): Uint8Array {
  const message = stepMessage(position, token, operatorDigests.length / 32)
  message.set(operatorDigests, headBytes)
  return sha256(message)
}

const headBytes = stepDomain.length + 8

function stepMessage(position: number, token: number, operators: number): Uint8Array {
  const message = new Uint8Array(headBytes + operators * 32)
  message.set(stepDomain)
  const view = new DataView(message.buffer)
  view.setUint32(stepDomain.length, position, true)
  view.setUint32(stepDomain.length + 4, token, true)
  return message
}

function digestsOf({ message, count }: OpenStep): Uint8Array {
  return message.subarray(headBytes, headBytes + count * 32)
}
