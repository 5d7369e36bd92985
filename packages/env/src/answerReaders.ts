/** What answers have in common, over whatever connection they came: read whole, as text, as JSON. */
import { bytesToText } from '@weightless/codec'
import type { FetchResponse } from './env.ts'
import { NetworkError } from './faults.ts'
import { readBody } from './readBody.ts'

/** Longest silence of a server: until its answer begins, and then between two pieces of it. */
export const silenceMsDefault = 120_000

/** `json` throws {NetworkError} for what is no JSON; all of them what reading throws. */
export function answerReaders(
  body: AsyncIterable<Uint8Array>,
  url: string,
): Pick<FetchResponse, 'bytes' | 'text' | 'json'> {
  const bytes = (bytesMax?: number): Promise<Uint8Array> => readBody(body, bytesMax)
  const text = async (bytesMax?: number): Promise<string> => bytesToText(await bytes(bytesMax))
  return { bytes, text, json: async (bytesMax) => parseJson(await text(bytesMax), url) }
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new NetworkError({ url, reason: 'the answer is not JSON' }, { cause })
  }
}
