// GGUF files made by the Python package `gguf`, of six families, drawn shapes and types, with random weights: the embedded engine takes them, makes
// the same tokens of texts as llama.cpp, and its next-token distributions are close to llama.cpp's and closer to those of an
// evaluation in f64 by numpy. Usage: node compareModels.peer.ts [COUNT [SEED]]; without pip's packages it says so and passes.
import '@weightless/env/node'
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '@weightless/tensor'
import { philox4x32 } from '@weightless/tensor/sampler/philox'
import { addLlama } from './addLlama.ts'
import { columns, compareFile, rowOf, runPython } from './compareFile.ts'
import { drawText } from './drawTexts.ts'
import type { LlamaRows } from './evaluateRows.ts'
import { makePython } from './makePython.ts'

const count = Number(process.argv[2] ?? 42)
const seed = Number(process.argv[3] ?? 1)
/** With which each vocabulary is held against llama.cpp's. */
const textsDrawn = 100
/** Of each file; past 256 sums over positions have two stages. */
const positions = 288
/**
 * In nats. llama.cpp rounds activations to 8 bits where weights are integers, of k-quants with one scale for 256 of them, and keeps
 * keys and values as halves.
 */
const bounds = {
  quantised: { mean: 0.05, most: 0.75 },
  /** Of types with blocks of 256. */
  wide: { mean: 0.3, most: 3 },
  float: { mean: 0.001, most: 0.01 },
  /** Of ours from f64; where logits are large, a logit may be off by this share of what llama.cpp's are. */
  exact: { mean: 1e-6, logit: 0.02, shareOfTheirs: 0.02 },
  /** Share of positions with the same first token, of those where llama.cpp's is ahead by more than 0.5: of a file, and of all. */
  first: { file: 0.95, all: 0.99, allOfWide: 0.97 },
}

const aheadOfAll: Record<'others' | 'wide', [number, number]> = { others: [0, 0], wide: [0, 0] }
const home = mkdtempSync(join(tmpdir(), 'weightless-models-'))
let remove: (() => Promise<void>) | undefined
try {
  const python = makePython(home)
  if (python === undefined) console.log('not run: pip does not give gguf, numpy and tokenizers here')
  else {
    const added = await addLlama()
    remove = added.remove
    const drawn = runPython(python, 'makeModels.py', home, seed, count).toString('utf8').trim().split('\n')
    assert.equal(drawn.length, count)
    console.log(columns)
    for (const line of drawn) await compare(added.llama, python, JSON.parse(line))
    const { others, wide } = aheadOfAll
    const told = `the first token in ${others.join(' of ')}, with blocks of 256 in ${wide.join(' of ')}`
    assert.ok(others[1] > 0)
    assert.ok(others[0] >= bounds.first.all * others[1], told)
    assert.ok(wide[0] >= bounds.first.allOfWide * wide[1], told)
    console.log(`${count} files by gguf, seed ${seed}: tokens and distributions agree with llama.cpp, ${told}`)
  }
} finally {
  await remove?.()
  rmSync(home, { recursive: true, force: true })
}

async function compare(
  llama: Awaited<ReturnType<typeof addLlama>>['llama'],
  python: string,
  drawn: { file: string; kind: string },
): Promise<void> {
  const draw = ({ info }: Model) =>
    Array.from({ length: positions }, (_, i) => philox4x32([i, 0, 0, 0], [seed, 9])[0] % info.vocabSize)
  const path = join(home, drawn.file)
  const { ours, theirs, figures } = await compareFile({ llama, python }, path, positions, draw, 2 * bounds.exact.logit)
  compareTokens(ours, theirs)
  await theirs.close()
  const { between, ahead, sure, exact, error } = figures
  const isWide = drawn.kind.endsWith('_K') || drawn.kind === 'IQ4_XS' || drawn.kind === 'wide-mixed'
  const isFloat = drawn.kind === 'F32' || drawn.kind === 'F16' || drawn.kind === 'BF16'
  for (const [i, many] of ahead.entries()) aheadOfAll[isWide ? 'wide' : 'others'][i]! += many
  const bound = isFloat ? bounds.float : isWide ? bounds.wide : bounds.quantised
  console.log(rowOf(JSON.stringify(drawn), figures))
  assert.ok(between[0] < bound.mean && between[1] < bound.most, 'far from llama.cpp')
  // Bounded logits of few nats may be ahead nowhere.
  assert.ok(ahead[0] >= bounds.first.file * ahead[1], 'another first token')
  assert.equal(sure[0], sure[1], 'another first token than f64')
  const most = Math.max(bounds.exact.logit, bounds.exact.shareOfTheirs * error[1])
  assert.ok(exact[0] < bounds.exact.mean && error[0] < most, 'far from f64')
  assert.ok(exact[0] < exact[1] && error[0] < error[1], 'further from f64 than llama.cpp')
}

function compareTokens(ours: Model, theirs: LlamaRows): void {
  const license = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8')
  for (const text of [
    '',
    ' ',
    '\n\n',
    "It's 1234567 o'clock,\tDOESN'T it?  <|im_start|>x",
    'Ünïcödé 中文 👍🏽',
    'a<start_of_turn>user\n hi<end_of_turn>\n\n\n\n  <unk>',
    license.slice(0, 3_000),
    ...Array.from({ length: textsDrawn }, (_, index) => drawText(license, seed, index)),
  ]) {
    assert.deepEqual(theirs.tokenize(text), ours.tokenizer.encode(text), JSON.stringify(text))
  }
}
