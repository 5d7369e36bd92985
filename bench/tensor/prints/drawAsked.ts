/**
 * What providers are asked when the bounds of fingerprints are chosen, and when they are tested: prompts, conversations and
 * samplers of two sets that share no topic, no wording and no seed. Spec: spec/fingerprint.md §5
 */
import { drawPrompt } from '@weightless/compute/audit/drawPrompts'

export const sets = ['calibration', 'held-out'] as const
export type PrintSet = (typeof sets)[number]

export type Asked = {
  messages: { role: string; content: string }[]
  temperature: number
  top_p: number
  seed: number
  max_tokens: number
}

export function drawAsked(set: PrintSet, index: number): Asked {
  return set === 'calibration' ? askToCalibrate(index) : askToTest(index)
}

const topics = [
  ...[
    'Merkle trees',
    'a lamp post',
    'photosynthesis',
    'paper clips',
    'the French Revolution',
    'blue paint',
    'pancakes',
  ],
  ...['reversing a list', 'the year 1969', 'an apple', 'the piano', 'cats and dogs', 'a king without a crown', 'sleep'],
  ...['earthquakes', 'a lost umbrella', 'prime numbers', 'my grandmother', 'a sword', 'love letters', 'the sea'],
] as const
const requests = [
  (topic: string) => `What do you know about ${topic}?`,
  (topic: string) => `Write a short story about ${topic}.`,
  (topic: string) => `Explain ${topic} to a child.`,
  (topic: string) => `List five facts about ${topic}.`,
  (topic: string) => `Speak to me of ${topic}, as in a play.`,
  (topic: string) => `Why do people argue about ${topic}? Two sentences.`,
] as const
const temperatures = [0, 0.3, 0.6, 0.8, 1, 1.2] as const
const lengths = [24, 48, 64, 96] as const
const shares = [1, 1, 0.95, 0.9, 0.5] as const

function askToCalibrate(index: number): Asked {
  const draw = drawsFrom(0xca11b * 2 ** 12 + index)
  const turn = (role: string) => ({ role, content: of(draw, requests)(of(draw, topics)) })
  const before = draw() < 0.4 ? [turn('user'), turn('assistant')] : []
  return {
    messages: [...before, turn('user')],
    temperature: of(draw, temperatures),
    top_p: of(draw, shares),
    seed: 1_000_000 + index,
    max_tokens: of(draw, lengths),
  }
}

/** As auditors ask (ALIGNMENT §10), under samplers that no list has. */
function askToTest(index: number): Asked {
  const draw = drawsFrom(0x7e57 * 2 ** 16 + index)
  const prompt = (turn: number) =>
    drawPrompt(`0x${'b7'.repeat(32)}`, `0x${'5e'.repeat(32)}`, index * 4 + turn, 0).messages
  const last = prompt(0)
  const before = draw() < 0.4 ? [prompt(1).at(-1)!, { role: 'assistant', content: prompt(2).at(-1)!.content }] : []
  return {
    messages: [...last.slice(0, -1), ...before, last.at(-1)!],
    temperature: draw() < 0.2 ? 0 : round(0.2 + 1.3 * draw()),
    top_p: draw() < 0.5 ? 1 : round(0.3 + 0.7 * draw()),
    seed: 500_000_000 + index,
    max_tokens: 16 + Math.floor(113 * draw()),
  }
}

const round = (value: number): number => Math.round(value * 100) / 100
const of = <Item>(draw: () => number, items: readonly Item[]): Item => items[Math.floor(draw() * items.length)]!

/** Evenly from 0 to 1. */
function drawsFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let word = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
    return ((word ^ (word >>> 16)) >>> 0) / 2 ** 32
  }
}
