/** Decodes traces: call trees (crate/src/tree.rs) and opcode steps (crate/src/steps.rs). */
import { decodeCall, decodeLogs } from './decodeAnswer.ts'
import type { CallFrame, CallTrace, Step, StepTrace } from './evm.ts'
import type { AnswerReader } from './wire.ts'

/** By position, as in crate/src/tree.rs. */
const frameTypes: readonly CallFrame['type'][] = [
  'CALL',
  'CALLCODE',
  'DELEGATECALL',
  'STATICCALL',
  'CREATE',
  'CREATE2',
  'SELFDESTRUCT',
]

export function decodeCallTrace(answer: AnswerReader): CallTrace {
  const result = decodeCall(answer)
  return result.status === 'invalid' ? { result } : { result, root: decodeFrame(answer) }
}

export function decodeBlockTrace(answer: AnswerReader): (CallFrame | undefined)[] {
  return answer.list(() => answer.optional(() => decodeFrame(answer)))
}

/** Nested at most 1,024 deep, as the EVM is. */
function decodeFrame(answer: AnswerReader): CallFrame {
  const type = frameTypes[answer.u8()] ?? 'CALL'
  const from = answer.fixed(20)
  const to = answer.optional(() => answer.fixed(20))
  const value = answer.u256()
  const gas = answer.u64()
  const gasUsed = answer.u64()
  const input = answer.bytes()
  const output = answer.bytes()
  const error = answer.optional(() => answer.text())
  const logs = decodeLogs(answer)
  const calls = answer.list(() => decodeFrame(answer))
  const frame: CallFrame = { type, from, value, gas, gasUsed, input, output, logs, calls }
  if (to) frame.to = to
  if (error !== undefined) frame.error = error
  return frame
}

export function decodeSteps(answer: AnswerReader): StepTrace {
  const result = decodeCall(answer)
  const truncated = answer.flag()
  const withStack = answer.flag()
  const withMemory = answer.flag()
  return { result, truncated, steps: answer.list(() => decodeStep(answer, withStack, withMemory)) }
}

function decodeStep(answer: AnswerReader, withStack: boolean, withMemory: boolean): Step {
  const step: Step = {
    pc: answer.u32(),
    opcode: answer.u8(),
    depth: answer.u32(),
    gas: answer.u64(),
    gasCost: answer.u64(),
    refund: answer.u64(),
  }
  if (withStack) step.stack = answer.list(() => answer.u256())
  if (withMemory) step.memory = answer.bytes()
  if (answer.flag()) step.storage = { slot: answer.fixed(32), value: answer.fixed(32) }
  return step
}
