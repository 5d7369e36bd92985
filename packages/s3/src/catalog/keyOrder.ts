/**
 * Keys as the catalogue keeps them: one character for each byte of their UTF-8, so that the store's order of characters is
 * S3's order of bytes, which UTF-16 is not.
 */

export function toOrdered(key: string): string {
  return Buffer.from(key, 'utf8').toString('latin1')
}

export function fromOrdered(ordered: string): string {
  return Buffer.from(ordered, 'latin1').toString('utf8')
}

/** The first text behind all that begin with `prefix`; undefined where nothing can be behind. */
export function behindPrefix(prefix: string): string | undefined {
  for (let end = prefix.length; end > 0; end--) {
    const last = prefix.charCodeAt(end - 1)
    if (last < 0xff) return prefix.slice(0, end - 1) + String.fromCharCode(last + 1)
  }
  return undefined
}
