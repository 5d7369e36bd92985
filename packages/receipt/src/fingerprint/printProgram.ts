/** What a receipt of check 2 names as its program: how log-probabilities of an upstream are meant. Spec: spec/fingerprint.md §3 */
import type { Hex } from '@weightless/codec'
import { hash, tag } from '../commitments.ts'

/**
 * `model`: of the model's own distribution (OpenAI, vLLM). `drawn`: of that which is drawn from, top-p first, then
 * temperature (llama.cpp through node-llama-cpp).
 */
export const logprobKinds = ['model', 'drawn'] as const
export type LogprobKind = (typeof logprobKinds)[number]

const printVersion = 1

export function printProgram(kind: LogprobKind): Hex {
  return hash('bytes32, uint16, string', [tag('fingerprint-program'), printVersion, kind])
}

/** Undefined for another program. */
export function logprobKindOf(programId: Hex): LogprobKind | undefined {
  return logprobKinds.find((kind) => printProgram(kind) === programId)
}
