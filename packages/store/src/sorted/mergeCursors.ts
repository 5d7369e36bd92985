/** Several sources as one, in order: of entries with the same key the one of the first (newest) source counts. */
import { type Cursor, compareKeys, type SortedEntry } from './sortedEntry.ts'

/** Entries that say "removed" are passed on; the caller knows whether older sources are left. */
export function* mergeCursors(cursors: readonly Cursor[], reverse: boolean): Generator<SortedEntry> {
  const live = cursors.filter(({ entry }) => entry !== undefined)
  while (live.length > 0) {
    let best = live[0]!.entry!
    for (let at = 1; at < live.length; at++) {
      const order = compareKeys(live[at]!.entry!.key, best.key)
      if (reverse ? order > 0 : order < 0) best = live[at]!.entry!
    }
    for (let at = live.length - 1; at >= 0; at--) {
      const cursor = live[at]!
      if (cursor.entry !== best && compareKeys(cursor.entry!.key, best.key) !== 0) continue
      cursor.move()
      if (cursor.entry === undefined) live.splice(at, 1)
    }
    yield best
  }
}
