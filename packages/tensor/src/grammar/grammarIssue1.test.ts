/** Schemas that the first issue of the grammar took give the same masks today: receipts of then are verified for years. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { createAutomaton, type State } from './automaton.ts'
import { createExpressions } from './expression.ts'
import { compileSchema } from './schema/compileSchema.ts'
import { compileTools } from './toolCalls.ts'

const at = new URL('../../../../vectors/tensor/grammar-1.json', import.meta.url)
const vectors = JSON.parse(readFileSync(at, 'utf8')) as {
  walks: { schema?: unknown; tools?: unknown; digest: string }[]
}

const walksOfEach = 24
const bytesMax = 160

/** SHA-256 over what may come at each place of texts that a fixed rule draws: 32 bytes of a bit set and one for the end. */
function digestOf({ schema, tools }: { schema?: unknown; tools?: unknown }): string {
  const build = createExpressions()
  const free = schema === undefined ? undefined : compileSchema(build, JSON.stringify(schema))
  const asked = { tools: JSON.stringify(tools), toolChoice: 'auto', callsMax: 2 }
  const automaton = createAutomaton(build, tools === undefined ? free! : compileTools(build, asked, free))
  const seen: number[] = []
  let word = 1
  const draw = (count: number): number => {
    word = (Math.imul(word, 1_103_515_245) + 12_345) >>> 0
    return (word >>> 16) % count
  }
  for (let walk = 0; walk < walksOfEach; walk++) {
    let state: State = automaton.start
    for (let step = 0; step < bytesMax && !state.isFree; step++) {
      const open = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => automaton.step(state, byte))
      const bits = new Uint8Array(33)
      for (const byte of open) bits[byte >>> 3]! |= 1 << (byte & 7)
      bits[32] = state.isEnd ? 1 : 0
      seen.push(...bits)
      if (open.length === 0) break
      // Without a push strings and numbers hardly ever end.
      const ends = open.filter((byte) => byte === 0x22 || byte === 0x2c || byte === 0x5d || byte === 0x7d)
      const pool = ends.length > 0 && draw(3) > 0 ? ends : open
      state = automaton.step(state, pool[draw(pool.length)]!)!
    }
  }
  return bytesToHex(sha256(Uint8Array.from(seen)))
}

test('what issue 1 of the grammar took has the masks of issue 1', () => {
  for (const { digest, ...asked } of vectors.walks) assert.equal(digestOf(asked), digest, JSON.stringify(asked))
})
