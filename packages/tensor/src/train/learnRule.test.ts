import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { philox4x32 } from '../sampler/philox.ts'
import { openLoraTrainer } from './openLoraTrainer.ts'
import { readDataset } from './readDataset.ts'

const bard = new Uint8Array(readFileSync(new URL('../../models/weightless-bard-1m.gguf', import.meta.url)))

test('an adapter learns a rule, and nothing of it where answers are shuffled', async () => {
  // The bits are the same everywhere, so what this key shows it shows everywhere; the benchmark draws another rule each time.
  const key = 7
  const draw = (i: number, below: number) => philox4x32([i, 0, 0, 0], [key, 3])[0] % below
  // Each of four letters stands for one of two words.
  const letters = [...'bkms']
  const side = letters.map((_, i) => i % 2)
  for (let i = 3; i > 0; i--) {
    const other = draw(i, i + 1)
    const kept = side[i]!
    side[i] = side[other]!
    side[other] = kept
  }
  const rowsOf = (first: number, count: number, answerOf: (letter: number, i: number) => number) => {
    const lines = Array.from({ length: count }, (_, i) => {
      const letter = i % 4
      const noise = first === 0 ? 'acegijlno'[draw(1000 + i, 9)] : 'qrtuvwxyz'[draw(5000 + i, 9)]
      return JSON.stringify({ instruction: `${noise} ${letters[letter]}?`, output: ['yes', 'no'][answerOf(letter, i)] })
    })
    return lines
  }
  const learn = async (steps: number, answerOf: (letter: number, i: number) => number) => {
    const options = {
      seed32: new Uint8Array(32).fill(1),
      learningRate: 0.006,
      targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const,
    }
    const trainer = await openLoraTrainer(bard, options)
    const read = (lines: string[]) => readDataset(new TextEncoder().encode(lines.join('\n')), trainer.model).rows
    const train = read(rowsOf(0, steps * 12, answerOf))
    const heldOut = read(rowsOf(5000, 16, (letter) => side[letter]!))
    const before = trainer.evaluate(heldOut).loss
    for (let i = 0; i < steps; i++) trainer.step(train.slice(i * 12, i * 12 + 12))
    const after = trainer.evaluate(heldOut).loss
    return { before, after }
  }
  const rule = await learn(32, (letter) => side[letter]!)
  const chance = await learn(18, (_, i) => draw(20_000 + i, 2))
  // Of an answer's three tokens the first tells the word: ln 2 ÷ 3 nats is what knowing nothing of the rule costs at least.
  const ignorance = Math.LN2 / 3
  assert.ok(rule.after < rule.before / 2 && rule.after < ignorance / 2, `${key}: ${rule.before} to ${rule.after}`)
  assert.ok(chance.after > ignorance * 0.9, `${key}: ${chance.before} to ${chance.after}`)
})
