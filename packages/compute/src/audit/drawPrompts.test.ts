import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Hex } from '@weightless/codec'
import { drawPrompt } from './drawPrompts.ts'

const word = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`

describe('Prompts of audits', () => {
  it('are the same for everybody who draws them again, and others for every number, target and request', () => {
    const first = drawPrompt(word(1), word(9), 0, 1_000)
    assert.deepEqual(drawPrompt(word(1), word(9), 0, 1_000), first)
    const others = [drawPrompt(word(2), word(9), 0, 1_000), drawPrompt(word(1), word(8), 0, 1_000)]
    for (const other of [...others, drawPrompt(word(1), word(9), 1, 1_000)]) assert.notDeepEqual(other, first)
  })

  it('are not a short list that a provider could learn, and stay in bounds', () => {
    const seen = new Set<string>()
    let gapMs = 0
    const count = 2_000
    for (let index = 0; index < count; index++) {
      const prompt = drawPrompt(word(3), word(4), index, 1_000)
      seen.add(prompt.messages.at(-1)!.content)
      assert.ok(prompt.maxTokens >= 6 && prompt.maxTokens <= 16)
      assert.ok(prompt.temperature >= 0 && prompt.temperature <= 1)
      assert.ok(prompt.afterMs >= 0 && prompt.afterMs <= 4_000)
      gapMs += prompt.afterMs / count
    }
    assert.ok(seen.size > 1_000, `${seen.size} different ones`)
    // Mean of an exponential cut at four times its mean: 1 - e^-4 of it; three sigma of 2,000.
    assert.ok(Math.abs(gapMs - 982) < 70, `${gapMs}`)
  })
})
