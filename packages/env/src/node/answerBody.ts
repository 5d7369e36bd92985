/** What answers have in common, over whatever connection they came. */
import { NetworkError } from '../faults.ts'

/** Longest silence of a server: until its answer begins, and then between two pieces of it. */
export const silenceMsDefault = 120_000

/** @throws {NetworkError} */
export function parseAnswerJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new NetworkError({ url, reason: 'the answer is not JSON' }, { cause })
  }
}
