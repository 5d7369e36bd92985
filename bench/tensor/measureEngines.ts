/**
 * Speed of the engine, as a provider runs it, beside llama.cpp (through node-llama-cpp) on the same GGUF, tokens and context: median of
 * five interleaved runs in one process; and by how much the trace slows each phase, the median of the ratios within a run.
 * Usage: node measureEngines.ts MODEL.gguf; prints a table. `WEIGHTLESS_NATIVE=off` leaves ours to WebAssembly.
 */
import '@weightless/env/node'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { Worker } from 'node:worker_threads'
import {
  createCrewSeat,
  dismissCrew,
  loadModel,
  type Model,
  mateModule,
  positionsMax,
  recordSteps,
} from '@weightless/tensor'
import { getLlama } from 'node-llama-cpp'

const runs = 5
const decodeTokens = 64
const promptTokens = 100
const prefillTokens = 512
const path = process.argv[2]!

const loadStart = performance.now()
const model = await loadModel(new Uint8Array(readFileSync(path)))
const loadMs = performance.now() - loadStart
const seat = createCrewSeat(1)
const crewed = await loadModel(new Uint8Array(readFileSync(path)), { seat })
const bootstrap = `const { workerData } = require('node:worker_threads')
import(workerData.module).then(({ default: main }) => main(undefined, workerData.input))`
new Worker(bootstrap, { eval: true, workerData: { module: mateModule.href, input: { seat, index: 0 } } })
const text = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8')
const tokens = model.tokenizer.encode(text).slice(0, prefillTokens)

/** Rates are tokens per second of wall time; CPU milliseconds are per token and tell more on a busy machine. */
type Figures = { decode: number; prefill: number; firstTokenMs: number; decodeCpuMs: number; prefillCpuMs: number }

function argmax(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/** Tokens per second of `count` tokens, and CPU milliseconds per token, while `work` runs. */
async function timed(count: number, work: () => unknown): Promise<{ rate: number; ms: number; cpuMs: number }> {
  const [cpu, start] = [process.cpuUsage(), performance.now()]
  await work()
  const ms = performance.now() - start
  const used = process.cpuUsage(cpu)
  return { rate: (count / ms) * 1000, ms, cpuMs: (used.user + used.system) / 1000 / count }
}

async function measureOurs(model: Model, traced: boolean): Promise<Figures> {
  const session = model.createSession(prefillTokens + decodeTokens)
  const recorder = traced ? recordSteps(model.info.layerCount, false) : undefined
  const feed = (list: readonly number[]) => {
    let last = 0
    for (let i = 0; i < list.length; i += positionsMax) {
      const pass = list.slice(i, i + positionsMax)
      const isLast = i + pass.length >= list.length
      const [row] = session.append(pass, isLast ? pass.length - 1 : pass.length, recorder)
      if (row !== undefined) last = argmax(row)
    }
    return last
  }
  let next = 0
  const first = await timed(promptTokens, () => {
    next = feed(tokens.slice(0, promptTokens))
  })
  const decode = await timed(decodeTokens, () => {
    for (let i = 0; i < decodeTokens; i++) next = feed([next])
  })
  session.truncate(0)
  const prefill = await timed(prefillTokens, () => feed(tokens))
  session.close()
  recorder?.finish()
  return {
    decode: decode.rate,
    prefill: prefill.rate,
    firstTokenMs: first.ms,
    decodeCpuMs: decode.cpuMs,
    prefillCpuMs: prefill.cpuMs,
  }
}

const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 2, logLevel: 'error' })
const rival = await llama.loadModel({ modelPath: path })

async function measureRival(threads: number): Promise<Figures> {
  const context = await rival.createContext({ threads, contextSize: 1024, batchSize: prefillTokens })
  const sequence = context.getSequence()
  const take = async (list: number[], count: number) => {
    let last = 0
    let taken = 0
    for await (const token of sequence.evaluate(list as never, { temperature: 0, yieldEogToken: true })) {
      last = token as number
      if (++taken === count) break
    }
    return last
  }
  let next = 0
  const first = await timed(promptTokens, async () => {
    next = await take(tokens.slice(0, promptTokens), 1)
  })
  const decode = await timed(decodeTokens, () => take([next], decodeTokens))
  await sequence.clearHistory()
  const prefill = await timed(prefillTokens, () => take(tokens, 1))
  await context.dispose()
  return {
    decode: decode.rate,
    prefill: prefill.rate,
    firstTokenMs: first.ms,
    decodeCpuMs: decode.cpuMs,
    prefillCpuMs: prefill.cpuMs,
  }
}

const contenders: Record<string, () => Promise<Figures>> = {
  ours: () => measureOurs(model, false),
  oursTraced: () => measureOurs(model, true),
  oursTwoThreads: () => measureOurs(crewed, false),
  llama1: () => measureRival(1),
  llama2: () => measureRival(2),
}
const results: Record<string, Figures[]> = {}
for (let run = -1; run < runs; run++) {
  for (const [name, measure] of Object.entries(contenders)) {
    const figures = await measure()
    if (run >= 0) results[name] = [...(results[name] ?? []), figures]
  }
}

function median(list: readonly Figures[], pick: keyof Figures): number {
  return list.map((figures) => figures[pick]).sort((a, b) => a - b)[Math.floor(list.length / 2)]!
}

const picks = ['decode', 'prefill', 'firstTokenMs', 'decodeCpuMs', 'prefillCpuMs'] as const
console.log(`${cpus()[0]?.model}, node ${process.version}, ${runs} interleaved runs, medians`)
console.log(`load ${loadMs.toFixed(0)} ms, memory ${(model.memoryBytes() / 1e6).toFixed(0)} MB`)
console.log(
  ['engine', 'decode tok/s', 'prefill tok/s', 'first token ms', 'decode CPU ms', 'prefill CPU ms'].join(' | '),
)
for (const [name, list] of Object.entries(results)) {
  console.log([name, ...picks.map((pick) => median(list, pick).toFixed(1))].join(' | '))
}
for (const [phase, pick] of [
  ['decode', 'decodeCpuMs'],
  ['prefill', 'prefillCpuMs'],
] as const) {
  const shares = results.oursTraced!.map((traced, run) => traced[pick] / results.ours![run]![pick] - 1)
  const share = shares.sort((a, b) => a - b)[Math.floor(runs / 2)]!
  console.log(`trace, ${phase} | ${(100 * share).toFixed(1)} % of CPU time, median of ratios within a run`)
}
dismissCrew(seat)
await rival.dispose()
await llama.dispose()
