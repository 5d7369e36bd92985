/** What a receipt of check 2 names as its program: how log-probabilities of an upstream are meant. Spec: spec/fingerprint.md §3 */
import type { Hex } from '@weightless/codec'
import { hash, tag } from '../commitments.ts'

/**
 * What is shown: the model's own distribution, or what is drawn from. And what is cut to top_p: the model's distribution
 * (`before-temperature`), or what the temperature makes of it.
 */
export type LogprobMeaning = { shown: 'model' | 'drawn'; cut: 'before-temperature' | 'after-temperature' }

const meanings = {
  /** OpenAI, vLLM, Ollama. */
  model: { shown: 'model', cut: 'after-temperature' },
  /** llama-server, llama-cpp-python. */
  'model-cut-first': { shown: 'model', cut: 'before-temperature' },
  /** node-llama-cpp. */
  drawn: { shown: 'drawn', cut: 'before-temperature' },
  /** vLLM with `--logprobs-mode processed_logprobs`. */
  'drawn-cut-last': { shown: 'drawn', cut: 'after-temperature' },
} as const satisfies { [kind: string]: LogprobMeaning }

export type LogprobKind = keyof typeof meanings
export const logprobKinds = Object.keys(meanings) as LogprobKind[]

export const meaningOf = (kind: LogprobKind): LogprobMeaning => meanings[kind]

const printVersion = 1

export function printProgram(kind: LogprobKind): Hex {
  return hash('bytes32, uint16, string', [tag('fingerprint-program'), printVersion, kind])
}

/** Undefined for another program. */
export function logprobKindOf(programId: Hex): LogprobKind | undefined {
  return logprobKinds.find((kind) => printProgram(kind) === programId)
}
