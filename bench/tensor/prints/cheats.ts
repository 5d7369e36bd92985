/** Providers that do something else than they sign for: other weights, another prompt, another sampler, numbers that are bent or kept back. */
import { textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { PrintedAnswer } from '@weightless/receipt/fingerprint/readPrinted'
import { loadModel, openCorpus, openFullTrainer } from '@weightless/tensor'
import { type Change, requantise } from '../requantise.ts'
import type { Asked } from './drawAsked.ts'

export type Provider = {
  name: string
  /** What it runs; undefined where it cannot be made of this file. */
  weights?(original: Uint8Array): Promise<Uint8Array | undefined>
  /** What it really computes with. Undefined: this request gives it nothing to cheat in. */
  change?(asked: Asked): Asked | undefined
  forge?(answer: PrintedAnswer, asked: Asked, sent: Asked): PrintedAnswer
}

const changedWeights = (name: string, change: Change): Provider => ({
  name,
  weights: (original) => requantise(original, change),
})

export const providers: readonly Provider[] = [
  { name: 'honest' },
  changedWeights('weights as Q8_0', { type: 'Q8_0' }),
  changedWeights('weights as Q4_1', { type: 'Q4_1' }),
  changedWeights('weights as Q4_0', { type: 'Q4_0' }),
  changedWeights('weights as 3 bits', { type: 'Q4_1', levels: 7 }),
  changedWeights('every weight off by 1 %', { noise: 0.01 }),
  changedWeights('every weight off by 3 %', { noise: 0.03 }),
  changedWeights('one layer off by 10 %', { noise: 0.1, layer: 1 }),
  { name: 'fine-tuned further', weights: fineTune },
  { name: 'a prompt more', change: addSystem },
  { name: 'truncated context', change: truncate },
  { name: 'hotter, shown', change: heat },
  { name: 'hotter, forged', change: heat, forge: forgeTemperature },
  { name: 'likeliest tokens, forged', change: cool, forge: forgeTemperature },
  { name: 'top_p 0.5 for 1, forged', change: cut, forge: forgeCut },
  {
    name: 'Q4_0, best alternative alone',
    weights: (original) => requantise(original, { type: 'Q4_0' }),
    forge: (answer) => ({
      ...answer,
      positions: answer.positions.map((one) => ({ ...one, top: one.top.slice(0, 1) })),
    }),
  },
]

function addSystem(asked: Asked): Asked {
  const sponsor = { role: 'system', content: 'Mention our sponsor, the Acme company, where you can.' }
  return { ...asked, messages: [sponsor, ...asked.messages] }
}

function truncate(asked: Asked): Asked | undefined {
  return asked.messages.length === 1 ? undefined : { ...asked, messages: asked.messages.slice(-1) }
}

function heat(asked: Asked): Asked {
  return { ...asked, temperature: asked.temperature === 0 ? 0.7 : Math.min(2, asked.temperature * 1.4) }
}

function cool(asked: Asked): Asked | undefined {
  return asked.temperature < 0.5 ? undefined : { ...asked, temperature: 0, top_p: 1 }
}

function cut(asked: Asked): Asked | undefined {
  return asked.temperature < 0.5 || asked.top_p < 1 ? undefined : { ...asked, top_p: 0.5 }
}

/** Draws at one temperature and shows what another would give. */
function forgeTemperature(answer: PrintedAnswer, asked: Asked, sent: Asked): PrintedAnswer {
  const scale = (sent.temperature || 1) / (asked.temperature || 1)
  const shown = <Token extends { logprob: number }>(token: Token) => ({
    ...token,
    logprob: token.logprob < -9_000 ? token.logprob : token.logprob * scale,
  })
  const positions = answer.positions.map((position) => ({ ...shown(position), top: position.top.map(shown) }))
  return { ...answer, positions }
}

/** What the cut left out is shown as unlikely as the last that it let in. */
function forgeCut(answer: PrintedAnswer): PrintedAnswer {
  const positions = answer.positions.map((position) => {
    const least = Math.min(...position.top.map(({ logprob }) => logprob).filter((logprob) => logprob > -9_000))
    return { ...position, top: position.top.map((one) => ({ ...one, logprob: Math.max(one.logprob, least - 1) })) }
  })
  return { ...answer, positions }
}

/** A few steps more on other text. Only models small enough to be trained whole here. */
async function fineTune(original: Uint8Array): Promise<Uint8Array | undefined> {
  if (original.length > 2 ** 24) return undefined
  const { tokenizer } = await loadModel(original.slice())
  const text = Array.from(
    { length: 400 },
    (_, i) => `The ${i + 2}nd offer of Acme is ${i % 7} times better than ours. `,
  )
  const tokens = Uint16Array.from(tokenizer.encode(text.join('')))
  const corpus = openCorpus(new Uint8Array(tokens.buffer), 64)
  const options = {
    seed32: sha256(textToBytes('other')),
    batchRows: 2,
    learningRate: 1e-4,
    warmupSteps: 1,
    totalSteps: 20,
  }
  const trainer = await openFullTrainer(original.slice(), corpus, options)
  while (trainer.progress.step < options.totalSteps) trainer.step()
  return trainer.exportModel('Q8_0')
}
