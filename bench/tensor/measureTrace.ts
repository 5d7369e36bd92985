/**
 * What the trace costs, as a share of the computation without it: answers token by token, and prompts, with and without the trace in
 * turns in one process, medians over pairs of runs in CPU time of the thread, so that other work on the machine counts little.
 * Usage: node measureTrace.ts MODEL.gguf [PAIRS=15]; `WEIGHTLESS_NATIVE=off` measures WebAssembly alone.
 */
import '@weightless/env/node'
import { readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { loadModel, positionsMax, recordSteps, type Session } from '@weightless/tensor'
import { callEngine } from '@weightless/tensor/crew/callEngine'

const [path, pairsText = '15'] = process.argv.slice(2)
const pairs = Number(pairsText)
const promptTokens = 100
const decodeTokens = 32
const prefillTokens = 256

const model = await loadModel(new Uint8Array(readFileSync(path!)))
const text = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8')
const tokens = model.tokenizer.encode(text).slice(0, prefillTokens + decodeTokens)
const session = model.createSession(prefillTokens + decodeTokens)

/** CPU milliseconds of each phase, per token. */
type Phases = { decode: number; prefill: number }

function measure(traced: boolean): Phases {
  const recorder = traced ? recordSteps(model.info.layerCount, false) : undefined
  session.truncate(0)
  append(session, tokens.slice(0, promptTokens), undefined)
  recorder?.begin(0, [])
  const decode = cpuMs(() => {
    for (let i = 0; i < decodeTokens; i++) session.append([tokens[promptTokens + i]!], 0, recorder)
    recorder?.finish()
  })
  session.truncate(0)
  const whole = traced ? recordSteps(model.info.layerCount, false) : undefined
  const prefill = cpuMs(() => {
    append(session, tokens.slice(0, prefillTokens), whole)
    whole?.finish()
  })
  return { decode: decode / decodeTokens, prefill: prefill / prefillTokens }
}

function append(to: Session, list: readonly number[], recorder: ReturnType<typeof recordSteps> | undefined): void {
  for (let i = 0; i < list.length; i += positionsMax) {
    const pass = list.slice(i, i + positionsMax)
    to.append(pass, i + pass.length >= list.length ? pass.length - 1 : pass.length, recorder)
  }
}

function cpuMs(act: () => void): number {
  const before = process.threadCpuUsage()
  act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

const list: { without: Phases; traced: Phases }[] = []
for (let pair = -1; pair < pairs; pair++) {
  const [first, second] = [measure(pair % 2 === 0), measure(pair % 2 !== 0)]
  if (pair >= 0) list.push(pair % 2 === 0 ? { without: second, traced: first } : { without: first, traced: second })
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const kernels = callEngine() === undefined ? 'WebAssembly' : 'machine code'
console.log(
  `${cpus()[0]?.model}, node ${process.version}, ${kernels}, ${pairs} pairs, load ${loadavg()[0]?.toFixed(1)}`,
)
console.log('phase | CPU ms/token without | with trace | share of the trace, median of pairs')
for (const phase of ['decode', 'prefill'] as const) {
  const [without, traced] = [
    median(list.map((one) => one.without[phase])),
    median(list.map((one) => one.traced[phase])),
  ]
  const share = median(list.map((one) => one.traced[phase] / one.without[phase] - 1))
  console.log([phase, without.toFixed(2), traced.toFixed(2), `${(100 * share).toFixed(1)} %`].join(' | '))
}
