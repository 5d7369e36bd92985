/** What a server is told beside the user's request, so that it draws as the request says and not by settings of its own. Spec: spec/fingerprint.md §3.1 */
import type { PrintedRequest } from './readPrinted.ts'

/**
 * Words of llama-server, llama-cpp-python and vLLM that switch off what cuts or bends beside temperature and top_p: a
 * llama-server that is told nothing draws from 40 tokens, and of those from the ones above a twentieth of the likeliest.
 */
export const plainWords = { top_k: 0, min_p: 0, repeat_penalty: 1, repetition_penalty: 1 } as const

/** Fields of the body that is sent. Servers differ in what they take for a temperature that is not given; here it is OpenAI's 1. */
export function declareSampler({ temperature, topP }: PrintedRequest, words: object): object {
  return { temperature, top_p: topP, ...words }
}
