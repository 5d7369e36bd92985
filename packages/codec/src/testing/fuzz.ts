/**
 * What fuzz tests share. They run a quick form under a fixed seed; `WEIGHTLESS_FUZZ=50` gives fifty times as many runs, under
 * a new seed each time, which fast-check prints on failure.
 */
import fc from 'fast-check'

export function fuzzRuns(quick: number): { numRuns: number; seed?: number } {
  const factor = Number(process.env.WEIGHTLESS_FUZZ ?? 0)
  return factor > 0 ? { numRuns: Math.ceil(quick * factor) } : { numRuns: quick, seed: 20_261 }
}

/** Where integers change their form or lose their last digit, on both sides. */
const edges = [0, 7, 8, 15, 16, 31, 32, 48, 53, 63, 64, 128, 256].flatMap((bits) => {
  const power = 2 ** bits
  return [power - 1, power, power + 1, -power]
})
const words = [
  '',
  '0x',
  '0X00',
  '../../etc/passwd',
  '..%2f',
  '\0',
  '__proto__',
  'constructor',
  'NaN',
  '-0',
  '1e9',
  ' 1',
]

/** JSON that parsers trip over: numbers at their edges, names of properties that every object has, text of the wrong length. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...edges, ...edges.map(String), 0.5, -1.5, 1e30, 1e308, -0) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(...words, null, true, false, [], {}, [[]], [null]) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')) },
  { weight: 1, arbitrary: fc.nat(70_000).map((length) => 'x'.repeat(length)) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 2_000 })
      .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown),
  },
  { weight: 3, arbitrary: fc.jsonValue() },
)

/** What somebody sent, with a few bytes changed, and then perhaps a part left out, said twice, or set to one value. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.integer({ min: 1, max: 255 }))
  const place = fc.nat(bytes.length)
  const form = fc.constantFrom('as it is', 'cut', 'left out', 'twice', 'filled')
  return fc.tuple(fc.array(change, { minLength: 1, maxLength: 4 }), form, place, place).map(([changes, how, a, b]) => {
    const copy = bytes.slice()
    for (const [at, flip] of changes) if (at < copy.length) copy[at]! ^= flip
    const [from, to] = [Math.min(a, b), Math.max(a, b)]
    if (how === 'cut') return copy.slice(0, a)
    if (how === 'filled') return copy.fill(changes[0]![1], from, Math.min(to, from + 8))
    if (how === 'as it is') return copy
    return Uint8Array.from([
      ...copy.subarray(0, how === 'left out' ? from : to),
      ...copy.subarray(how === 'left out' ? to : from),
    ])
  })
}

/** A JSON value with one part of it, however deep, replaced by something odd or left out. */
export function damagedJson(value: unknown): fc.Arbitrary<unknown> {
  const places: (readonly (string | number)[])[] = []
  const walk = (node: unknown, path: readonly (string | number)[]): void => {
    places.push(path)
    if (typeof node !== 'object' || node === null) return
    for (const name of Object.keys(node)) walk((node as { [name: string]: unknown })[name], [...path, name])
  }
  walk(value, [])
  return fc.tuple(fc.constantFrom(...places), oddJson, fc.boolean()).map(([path, odd, isLeftOut]) => {
    const copy = structuredClone({ value }) as { [name: string]: unknown }
    const full = ['value', ...path]
    const last = full.pop()!
    const parent = full.reduce<{ [name: string]: unknown }>((node, name) => node[name] as typeof copy, copy)
    if (isLeftOut && Array.isArray(parent)) parent.splice(Number(last), 1)
    else if (isLeftOut && full.length > 0) delete parent[last]
    else parent[last] = odd
    return copy.value
  })
}
