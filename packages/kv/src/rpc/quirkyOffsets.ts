/**
 * Published TypeScript clients ask for the second part of a long value at the length of the first part's base64. Whoever asks
 * at that odd place, and goes on, is given the part that they mean. Spec: kv §5.2.
 */
import { queryBytesMax } from './readParams.ts'

export type QuirkyOffsets = {
  /** Where `who` means to read; `who` names client, stream, key and version. */
  meant(who: string, startIndex: number, length: number, sizeBytes: number): number
}

const clientsMax = 1_024

export function createQuirkyOffsets(): QuirkyOffsets {
  /** How many parts such a client has. */
  const parts = new Map<string, number>()
  return {
    meant(who, startIndex, length, sizeBytes) {
      const have = parts.get(who)
      parts.delete(who)
      if (length !== queryBytesMax || startIndex === 0 || sizeBytes <= queryBytesMax) return startIndex
      const wanted = have ?? 1
      // The third part of an honest reader may stand where a quirky one asks for another, so the first odd one decides.
      if (startIndex !== base64Length(wanted * queryBytesMax)) return startIndex
      parts.set(who, wanted + 1)
      if (parts.size > clientsMax) parts.delete(parts.keys().next().value!)
      return wanted * queryBytesMax
    },
  }
}

function base64Length(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}
