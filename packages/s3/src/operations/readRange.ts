/** One range of bytes of a request: RFC 9110 section 14, as S3 answers it. */

export type Range = { from: number; to: number }

/** What is malformed, or asks for several ranges, is answered whole. `to` is behind the last byte. */
export function readRange(header: string | undefined, sizeBytes: number): Range | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return 'whole'
  if (match[1] === '') {
    const suffix = Number(match[2])
    return suffix === 0 || sizeBytes === 0 ? 'unsatisfiable' : { from: Math.max(0, sizeBytes - suffix), to: sizeBytes }
  }
  const from = Number(match[1])
  const last = match[2] === '' ? sizeBytes - 1 : Number(match[2])
  if (match[2] !== '' && last < from) return 'whole'
  return from >= sizeBytes ? 'unsatisfiable' : { from, to: Math.min(last + 1, sizeBytes) }
}

/** The bytes of one part of a multipart object; undefined where there is no such part. */
export function rangeOfPart(
  { sizeBytes, parts }: { sizeBytes: number; parts?: readonly (readonly [number, number])[] },
  number: number,
): Range | undefined {
  let from = 0
  let left = number - 1
  for (const [partBytes, count] of parts ?? [[sizeBytes, 1] as const]) {
    if (left < count) return { from: from + left * partBytes, to: from + (left + 1) * partBytes }
    from += count * partBytes
    left -= count
  }
  return undefined
}

export function partCount(parts: readonly (readonly [number, number])[]): number {
  return parts.reduce((sum, [, count]) => sum + count, 0)
}
