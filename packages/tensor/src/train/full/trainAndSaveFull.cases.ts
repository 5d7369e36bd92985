/** A small model and data for tests of training all weights; as a program, trains and saves each state beside its file, for the test that kills it. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { philox4x32 } from '../../sampler/philox.ts'
import { byteCharacters } from '../../tokenizer/byteAlphabet.ts'
import { drawModel } from './drawModel.ts'
import { type Corpus, openCorpus } from './openCorpus.ts'
import { openFullTrainer } from './openFullTrainer.ts'

export const seed32 = new Uint8Array(32).fill(11)
export const chance = (i: number, key: number) => philox4x32([i, 0, 0, 0], [key, 78])[0] / 2 ** 32

/** 259 tokens: no multiple of eight, so the last group of rows is padded. */
export function makeModel(tied: boolean, contextLength = 64): Uint8Array {
  const tokens = [...byteCharacters, 'th', 'the', '<|end|>']
  const shape = { width: 32, layers: 2, heads: 4, keyHeads: 2, hiddenWidth: 64, contextLength, vocabSize: 259, tied }
  const tokenizer = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map((text) => (text.startsWith('<|') ? 3 : 1)),
    'tokenizer.ggml.merges': ['t h', 'th e'],
    'tokenizer.ggml.eos_token_id': 258,
  }
  return drawModel(shape, { 'general.name': 'test', ...tokenizer }, seed32)
}

export function makeCorpus(count: number, rowTokens: number): Corpus {
  const tokens = Uint16Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 7 : Math.floor(chance(i, 3) ** 2 * 259)))
  return openCorpus(new Uint8Array(tokens.buffer), rowTokens)
}

export const options = { seed32, batchRows: 3, learningRate: 3e-3, clipNorm: 0.5 }

const path = process.argv[2]
if (path !== undefined && process.argv[1] === import.meta.filename) {
  const trainer = await openFullTrainer(makeModel(true), makeCorpus(201, 40), options)
  if (existsSync(path)) trainer.restore(new Uint8Array(readFileSync(path)))
  while (trainer.progress.step < 60) {
    const { step, stateHash } = trainer.step()
    writeFileSync(`${path}.new`, trainer.state())
    renameSync(`${path}.new`, path)
    process.stdout.write(`${step} ${stateHash}\n`)
  }
}
