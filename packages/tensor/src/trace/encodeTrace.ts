/**
 * A trace as bytes for an opening: `WLT1`, flags, step count, then per step its digest or, when operators are included,
 * their count and digests (the step's own digest follows from them). Spec: spec/tensor.md §8.3.
 */
import { accept, reject, type Verdict } from '@weightless/codec'
import { stepDigest, type Trace } from './recordSteps.ts'
import { stepRoot } from './stepRoot.ts'

const magic = 0x31544c57
const stepsMax = 2 ** 20
const operatorsMax = 2 ** 16

/** @param tokens - the token that went in at each step; needed to rebuild digests when operators are included */
export function encodeTrace(trace: Trace, detail: 'steps' | 'operators'): Uint8Array {
  const lists = detail === 'operators' ? trace.operators : undefined
  const size = lists === undefined ? trace.steps.length * 32 : lists.reduce((sum, list) => sum + 4 + list.length, 0)
  const bytes = new Uint8Array(12 + size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, lists === undefined ? 0 : 1, true)
  view.setUint32(8, trace.steps.length, true)
  let at = 12
  for (let i = 0; i < trace.steps.length; i++) {
    const list = lists?.[i]
    if (list === undefined) {
      bytes.set(trace.steps[i]!, at)
      at += 32
    } else {
      view.setUint32(at, list.length / 32, true)
      bytes.set(list, at + 4)
      at += 4 + list.length
    }
  }
  return bytes
}

/** @param tokens - the tokens that the steps consumed, in order: prompt, then output without its last */
export function decodeTrace(bytes: Uint8Array, tokens: readonly number[]): Verdict<Trace, 'trace/malformed'> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 12 || view.getUint32(0, true) !== magic) return reject('trace/malformed', 'not a trace')
  const withOperators = view.getUint32(4, true) === 1
  const count = view.getUint32(8, true)
  if (count > stepsMax || count !== tokens.length) return reject('trace/malformed', 'wrong number of steps')
  const steps: Uint8Array[] = []
  const operators: Uint8Array[] = []
  let at = 12
  for (let i = 0; i < count; i++) {
    if (!withOperators) {
      if (at + 32 > bytes.length) return reject('trace/malformed', 'truncated')
      steps.push(bytes.slice(at, at + 32))
      at += 32
      continue
    }
    const operatorCount = at + 4 <= bytes.length ? view.getUint32(at, true) : operatorsMax + 1
    const end = at + 4 + operatorCount * 32
    if (operatorCount > operatorsMax || end > bytes.length) return reject('trace/malformed', 'truncated')
    operators.push(bytes.slice(at + 4, end))
    steps.push(stepDigest(i, tokens[i]!, operators[i]!))
    at = end
  }
  if (at !== bytes.length) return reject('trace/malformed', 'bytes after the end')
  return accept({ root: stepRoot(steps), steps, operators: withOperators ? operators : undefined })
}
