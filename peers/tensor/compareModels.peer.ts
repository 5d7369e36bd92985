// GGUF files made by the Python package `gguf`, of six families, drawn shapes and types, with random weights: the embedded engine takes them, makes
// the same tokens of texts as llama.cpp, and its next-token distributions are close to llama.cpp's and closer to those of an
// evaluation in f64 by numpy. Usage: node compareModels.peer.ts [COUNT [SEED]]; without pip's packages it says so and passes.
import '@weightless/env/node'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel, type Model } from '@weightless/tensor'
import { philox4x32 } from '@weightless/tensor/sampler/philox'
import { addLlama } from './addLlama.ts'
import { divergenceOf, firstOf, largestError } from './divergence.ts'
import { drawText } from './drawTexts.ts'
import { evaluateOurs, type LlamaRows, openLlamaRows } from './evaluateRows.ts'
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
  kQuants: { mean: 0.1, most: 1.5 },
  float: { mean: 0.001, most: 0.01 },
  /** Of ours from f64. */
  exact: { mean: 1e-6, logit: 0.02 },
  /** Share of positions with the same first token, of those where llama.cpp's is ahead by more than 0.5: of a file, and of all. */
  first: { file: 0.95, all: 0.99, allOfKQuants: 0.97 },
}

const aheadOfAll: Record<'others' | 'kQuants', [number, number]> = { others: [0, 0], kQuants: [0, 0] }
const home = mkdtempSync(join(tmpdir(), 'weightless-models-'))
let remove: (() => Promise<void>) | undefined
try {
  const python = makePython(home)
  if (python === undefined) console.log('not run: pip does not give gguf, numpy and tokenizers here')
  else {
    const added = await addLlama()
    remove = added.remove
    const drawn = run(python, 'makeModels.py', home, seed, count).toString('utf8').trim().split('\n')
    assert.equal(drawn.length, count)
    console.log(
      'file | KL of ours from llama.cpp, mean and most | same first where ahead by 0.5 | KL from f64, ours and llama.cpp | largest error, ours and llama.cpp',
    )
    for (const line of drawn) await compare(added.llama, python, JSON.parse(line))
    const { others, kQuants } = aheadOfAll
    const told = `the first token in ${others.join(' of ')}, with k-quants in ${kQuants.join(' of ')}`
    assert.ok(others[1] > 0)
    assert.ok(others[0] >= bounds.first.all * others[1], told)
    assert.ok(kQuants[0] >= bounds.first.allOfKQuants * kQuants[1], told)
    console.log(`${count} files by gguf, seed ${seed}: tokens and distributions agree with llama.cpp, ${told}`)
  }
} finally {
  await remove?.()
  rmSync(home, { recursive: true, force: true })
}

function run(python: string, script: string, ...words: (string | number)[]): Buffer {
  const path = join(import.meta.dirname, script)
  const options = { maxBuffer: 2 ** 30, env: { ...process.env, OPENBLAS_NUM_THREADS: '1' } }
  const { status, stdout, stderr } = spawnSync(python, ['-B', path, ...words.map(String)], options)
  if (status !== 0) throw new Error(`${script}: ${stderr}`)
  return stdout
}

async function compare(
  llama: Awaited<ReturnType<typeof addLlama>>['llama'],
  python: string,
  drawn: { file: string; kind: string },
): Promise<void> {
  const path = join(home, drawn.file)
  const ours = await loadModel(new Uint8Array(readFileSync(path)))
  const { vocabSize } = ours.info
  const theirs = await openLlamaRows(llama, path, { vocabSize, positions })
  compareTokens(ours, theirs)
  const tokens = Array.from({ length: positions }, (_, i) => philox4x32([i, 0, 0, 0], [seed, 9])[0] % vocabSize)
  const exact = new Float64Array(
    Uint8Array.from(run(python, 'evaluateReference.py', path, '-', tokens.join(','))).buffer,
  )
  assert.equal(exact.length, positions * vocabSize)
  const [mine, other]: [Float32Array[], Float32Array[]] = [[], []]
  evaluateOurs(ours, tokens, 0, (row) => mine.push(row.slice()))
  await theirs.evaluate(tokens, 0, (row) => other.push(row))
  await theirs.close()
  assert.deepEqual([mine.length, other.length], [positions, positions])
  const figures = { between: [0, 0], ahead: [0, 0], exact: [0, 0], error: [0, 0] }
  for (let i = 0; i < positions; i++) {
    const reference = exact.subarray(i * vocabSize, (i + 1) * vocabSize)
    const divergence = divergenceOf(other[i]!, mine[i]!)
    figures.between[0]! += divergence / positions
    figures.between[1] = Math.max(figures.between[1]!, divergence)
    const exactFirst = firstOf(reference)
    if (exactFirst.margin > 2 * bounds.exact.logit) assert.equal(firstOf(mine[i]!).token, exactFirst.token)
    const first = firstOf(other[i]!)
    if (first.margin > 0.5) {
      figures.ahead[0]! += Number(firstOf(mine[i]!).token === first.token)
      figures.ahead[1]!++
    }
    for (const [who, row] of [mine[i]!, other[i]!].entries()) {
      figures.exact[who]! += divergenceOf(reference, row) / positions
      figures.error[who] = Math.max(figures.error[who]!, largestError(row, reference))
    }
  }
  const { between, ahead, exact: fromExact, error } = figures
  const isKQuant = drawn.kind.endsWith('_K') || drawn.kind === 'k-mixed'
  const isFloat = drawn.kind === 'F32' || drawn.kind === 'F16'
  for (const [i, many] of ahead.entries()) aheadOfAll[isKQuant ? 'kQuants' : 'others'][i]! += many
  const bound = isFloat ? bounds.float : isKQuant ? bounds.kQuants : bounds.quantised
  const pair = (list: number[]) => list.map((value) => value.toPrecision(2)).join(', ')
  console.log([JSON.stringify(drawn), pair(between), ahead.join(' of '), pair(fromExact), pair(error)].join(' | '))
  assert.ok(between[0]! < bound.mean && between[1]! < bound.most, 'far from llama.cpp')
  // Bounded logits of few nats may be ahead nowhere.
  assert.ok(ahead[0]! >= bounds.first.file * ahead[1]!, 'another first token')
  assert.ok(fromExact[0]! < bounds.exact.mean && error[0]! < bounds.exact.logit, 'far from f64')
  assert.ok(fromExact[0]! < fromExact[1]! && error[0]! < error[1]!, 'further from f64 than llama.cpp')
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
