/** Big integers in the JSON of logs: `12n`. For records without free text, which could look the same. */

/** A copy in which JSON can write everything. Ten times as fast as a replacer, which is called for every field. */
export function withIntegers(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withIntegers)
  const object: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) object[name] = withIntegers(item)
  return object
}

export function readIntegers(text: string): unknown {
  return JSON.parse(text, (_, item) =>
    typeof item === 'string' && /^\d+n$/.test(item) ? BigInt(item.slice(0, -1)) : item,
  )
}
