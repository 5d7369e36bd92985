/** What the tests of schemas share: whether a text is one of a schema, and texts drawn at random. */
import assert from 'node:assert/strict'
import { createAutomaton, type State } from '../automaton.ts'
import { createExpressions } from '../expression.ts'
import { compileSchema } from './compileSchema.ts'

export type SchemaTexts = {
  accepts(text: string): boolean
  /** Undefined if `bytesMax` bytes were not enough. A text that could not go on and is no whole one is an error. */
  draw(random: (count: number) => number, bytesMax: number): string | undefined
}

export function textsOf(schema: unknown): SchemaTexts {
  const build = createExpressions()
  const automaton = createAutomaton(build, compileSchema(build, JSON.stringify(schema)))
  return {
    accepts(text) {
      let state: State | null = automaton.start
      for (const byte of new TextEncoder().encode(text)) state = state && automaton.step(state, byte)
      return state?.isEnd ?? false
    },
    draw(random, bytesMax) {
      const bytes: number[] = []
      let state = automaton.start
      while (bytes.length < bytesMax) {
        const open = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => automaton.step(state, byte))
        if (state.isEnd && (open.length === 0 || random(2) === 0))
          return new TextDecoder().decode(Uint8Array.from(bytes))
        assert.ok(open.length > 0, `a dead end behind ${new TextDecoder().decode(Uint8Array.from(bytes))}`)
        // Without a push nothing would ever end: quotes, commas, brackets and what is plain.
        const ends = open.filter((byte) => [0x22, 0x2c, 0x5d, 0x7d].includes(byte))
        const plain = open.filter((byte) => byte < 0x80 && byte !== 0x5c)
        const pool = ends.length > 0 && random(3) > 0 ? ends : plain.length > 0 && random(8) > 0 ? plain : open
        bytes.push(pool[random(pool.length)]!)
        state = automaton.step(state, bytes.at(-1)!)!
      }
      return undefined
    },
  }
}
