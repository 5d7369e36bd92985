/** Reads the short fields of a multipart form and finds its file, without copying it. RFC 7578; hostile forms are undefined. */
import { bytesToText } from '@weightless/codec'

export type FormField = { text: string; start: number; end: number }

export type Form = { fields: ReadonlyMap<string, FormField>; file: Uint8Array | undefined }

const partsMax = 64
const headerCharactersMax = 4_096
const fieldBytesMax = 65_536

export function readFormFields(contentType: string, bytes: Uint8Array): Form | undefined {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType)
  if (!boundary) return undefined
  const mark = `--${boundary[1] ?? boundary[2]!}`
  // One character a byte, so that positions are the same.
  const latin = new TextDecoder('latin1').decode(bytes)
  const fields = new Map<string, FormField>()
  let file: Uint8Array | undefined
  let at = latin.indexOf(mark)
  for (let part = 0; at >= 0 && part < partsMax; part++) {
    const begin = at + mark.length
    if (latin.startsWith('--', begin)) return { fields, file }
    const head = latin.indexOf('\r\n\r\n', begin)
    if (head < 0 || head - begin > headerCharactersMax) return undefined
    const start = head + 4
    at = latin.indexOf(`\r\n${mark}`, start)
    if (at < 0) return undefined
    const header = latin.slice(begin, head)
    const name = /;\s*name="([^"]{1,256})"/i.exec(header)?.[1]
    if (name === undefined) return undefined
    if (/;\s*filename\*?=/i.test(header)) file ??= bytes.subarray(start, at)
    else {
      // The second field of a name could be the one that the upstream follows.
      if (fields.has(name) && !name.endsWith('[]')) return undefined
      if (at - start > fieldBytesMax) return undefined
      fields.set(name, { text: bytesToText(bytes.subarray(start, at)), start, end: at })
    }
    at += 2
  }
  return undefined
}
