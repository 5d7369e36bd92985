/**
 * The JSON of a request, without a text of what is long: base64 is decoded from the body as it lies. Of a posted segment that
 * saves two texts of 350 kB each, and with them most of what a node collects while files are uploaded to it.
 */
import { bytesToText, decodeBase64 } from '@weightless/codec'

/** A string of base64 that is at least so long stands in the parsed value as its bytes. */
const decodedMin = 16 * 1024
const [quote, backslash] = [0x22, 0x5c]
/** Stands for the decoded string of this number. Whoever sends it himself means bytes of his own request. */
const mark = '\u0000base64:'

/** Undefined for what is no JSON. */
export function parseRequest(body: Uint8Array): unknown {
  try {
    if (body.length < decodedMin) return JSON.parse(bytesToText(body)) as unknown
    const { text, decoded } = takeOut(body)
    return decoded.length === 0 ? JSON.parse(text) : JSON.parse(text, (_, value) => putBack(value, decoded))
  } catch {
    return undefined
  }
}

function takeOut(body: Uint8Array): { text: string; decoded: Uint8Array[] } {
  const decoded: Uint8Array[] = []
  const texts: string[] = []
  let taken = 0
  for (let start = body.indexOf(quote); start >= 0; ) {
    const end = endOfString(body, start + 1)
    if (end < 0) break
    const bytes = end - start > decodedMin ? decodeBase64(body.subarray(start + 1, end)) : undefined
    if (bytes) {
      texts.push(bytesToText(body.subarray(taken, start)), JSON.stringify(`${mark}${decoded.length}`))
      decoded.push(bytes)
      taken = end + 1
    }
    start = body.indexOf(quote, end + 1)
  }
  texts.push(bytesToText(body.subarray(taken)))
  return { text: texts.join(''), decoded }
}

/** Where the string's closing quote stands; -1 when it has none. */
function endOfString(body: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    at = body.indexOf(quote, at)
    if (at < 0) return -1
    let slashes = 0
    while (at - 1 - slashes >= from && body[at - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return at
  }
}

function putBack(value: unknown, decoded: (Uint8Array | undefined)[]): unknown {
  if (typeof value !== 'string' || !value.startsWith(mark)) return value
  const index = Number(value.slice(mark.length))
  const bytes = decoded[index]
  // Only once: they are freed as soon as they are stored, and must then be nobody else's.
  decoded[index] = undefined
  return bytes ?? value
}
