/** A page of a bucket's keys: by prefix, from a place on, with what shares a beginning up to the delimiter rolled up. */
import type { Catalog } from './catalog.ts'
import { behindPrefix, fromOrdered, toOrdered } from './keyOrder.ts'
import type { ObjectRecord } from './records.ts'

export type Listing = {
  objects: { key: string; record: ObjectRecord }[]
  /** Rolled-up beginnings, each ending with the delimiter. */
  prefixes: string[]
  /** The last key or beginning of this page, to go on behind it; undefined when nothing is left. */
  next: string | undefined
}

export type ListQuery = {
  prefix: string
  /** `''`: nothing is rolled up. */
  delimiter: string
  /** Only what comes behind this key, or behind all keys that begin with it where it is a rolled-up beginning. */
  after: string
  limit: number
}

const pageKeys = 1000

/** Costs O(log n + what is listed): whole beginnings are skipped by a seek. */
export function listKeys(catalog: Pick<Catalog, 'page'>, bucket: string, query: ListQuery): Listing {
  const { limit } = query
  const [prefix, delimiter] = [toOrdered(query.prefix), toOrdered(query.delimiter)]
  const listing: Listing = { objects: [], prefixes: [], next: undefined }
  const after = toOrdered(query.after)
  let at: string | undefined = startOf(prefix, delimiter, after)
  let last = ''
  let count = 0
  while (at !== undefined) {
    // Rolled-up keys are skipped over, so a page that begins with one is asked for again from behind it.
    const page = catalog.page(bucket, at, delimiter === '' ? Math.min(pageKeys, limit - count + 1) : 16)
    at = undefined
    for (const { ordered, record } of page) {
      if (!ordered.startsWith(prefix)) return listing
      if (count === limit) {
        if (limit > 0) listing.next = fromOrdered(last)
        return listing
      }
      count++
      const cut = delimiter === '' ? -1 : ordered.indexOf(delimiter, prefix.length)
      if (cut >= 0) {
        last = ordered.slice(0, cut + delimiter.length)
        listing.prefixes.push(fromOrdered(last))
        at = behindPrefix(last)
        break
      }
      last = ordered
      listing.objects.push({ key: fromOrdered(ordered), record })
      at = `${ordered}\0`
    }
  }
  return listing
}

function startOf(prefix: string, delimiter: string, after: string): string | undefined {
  if (after < prefix) return prefix
  const isRolledUp =
    delimiter !== '' &&
    after.endsWith(delimiter) &&
    after.indexOf(delimiter, prefix.length) === after.length - delimiter.length
  if (isRolledUp && after.startsWith(prefix)) return behindPrefix(after)
  return after === '' ? '' : `${after}\0`
}
