/** What a sorted store holds: byte keys in byte order, each with bytes, or marked as removed. */

/** `value` is undefined where the key is removed: older runs may still hold it. */
export type SortedEntry = { key: Uint8Array; value: Uint8Array | undefined }

/** Byte order; a key that is the beginning of another comes first. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const difference = a[at]! - b[at]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Walks entries in one direction; `entry` is undefined at the end. */
export type Cursor = { entry: SortedEntry | undefined; move(): void }
