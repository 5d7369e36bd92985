/**
 * How well fingerprints tell honest providers from others: answers of llama.cpp by the provider's own server, weighed by this
 * engine with the file that is claimed. `node calibratePrints.ts MODEL.gguf FIGURES.jsonl --set calibration` (bounds are chosen by
 * it) or `held-out` (they are tested by it); `--honest` and `--others` say how many answers of each provider, `--only` which
 * provider, `--from` where to begin. Figures are appended; started again, it goes on; several processes may share a file.
 * `ratePrints.ts MODEL.gguf FIGURES.jsonl` prints the tables. Spec: spec/fingerprint.md §5
 */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { textToBytes } from '@weightless/codec'
import { createNodeEnv } from '@weightless/env/node'
import { openLlamaModel } from '@weightless/node/llama/openLlamaModel'
import { serveModel } from '@weightless/node/llama/serveModel'
import { type PrintedAnswer, readPrintedAnswer, readPrintedRequest } from '@weightless/receipt/fingerprint/readPrinted'
import { weighAnswer } from '@weightless/receipt/fingerprint/weighAnswer'
import { loadModel } from '@weightless/tensor'
import { type Provider, providers } from './prints/cheats.ts'
import { type Asked, drawAsked, type PrintSet, sets } from './prints/drawAsked.ts'
import { type Measured, readFigures } from './prints/readFigures.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    set: { type: 'string', default: 'calibration' },
    honest: { type: 'string', default: '24' },
    others: { type: 'string', default: '12' },
    only: { type: 'string', default: '' },
    from: { type: 'string', default: '0' },
  },
})
const [path = '', out = ''] = positionals
const set = sets.find((name) => name === values.set)
if (!set) throw new Error(`--set is ${sets.join(' or ')}`)
const shows = { logprobs: true, top_logprobs: 20 }

const original = new Uint8Array(readFileSync(path))
const model = await loadModel(original.slice())
const done = new Map<string, Set<number>>()
for (const { set: of, name, index } of existsSync(out) ? readFigures(out) : []) {
  if (of === set) done.set(name, (done.get(name) ?? new Set()).add(index))
}
for (const provider of providers) {
  if (!provider.name.includes(values.only)) continue
  const wanted = await missing(provider, set)
  if (wanted.length > 0) await measure(provider, set, wanted)
}

type Wanted = { index: number; asked: Asked; sent: Asked }

async function missing({ name, change }: Provider, of: PrintSet): Promise<Wanted[]> {
  const count = Number(name === 'honest' ? values.honest : values.others)
  const wanted: Wanted[] = []
  let seen = 0
  for (let index = Number(values.from); seen < count; index++) {
    const asked = drawAsked(of, index)
    const sent = change ? change(asked) : asked
    if (!sent) continue
    seen++
    if (!done.get(name)?.has(index)) wanted.push({ index, asked, sent })
  }
  return wanted
}

async function measure({ name, weights, forge }: Provider, of: PrintSet, wanted: readonly Wanted[]): Promise<void> {
  const changed = weights && (await weights(original))
  if (weights && !changed) return
  const file = changed ? join(tmpdir(), `weightless-prints-${process.pid}.gguf`) : path
  if (changed) writeFileSync(file, changed)
  const { ask, close } = await serve(file)
  for (const { index, asked, sent } of wanted) {
    const { answer: made, ended } = await ask(sent)
    const answer = forge ? forge(made, asked, sent) : made
    const request = readPrintedRequest({ ...asked, ...shows })!
    const figures =
      answer.positions.length > 0 ? await weighAnswer(model, request, answer, 'drawn') : { fault: 'empty' }
    const { temperature, top_p } = asked
    const line: Measured = { set: of, name, index, temperature, top_p, ended, ...figures }
    appendFileSync(out, `${JSON.stringify(line)}\n`)
  }
  await close()
  if (changed) rmSync(file)
}

async function serve(file: string) {
  const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
  const llama = await openLlamaModel({
    ...{ engineFolder: import.meta.dirname, file, parallel: 1, threads: 1, gpu: false },
    onWarning: () => undefined,
  })
  const server = await serveModel({ env, model: llama, name: 'bench', key: 'bench' })
  async function ask(sent: Asked): Promise<{ answer: PrintedAnswer; ended: string }> {
    const send = () =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer bench', 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'bench', ...sent, ...shows }),
      })
    // While the last answer was weighed its connection may have idled for too long.
    const response = await send().catch(send)
    const body = await response.text()
    if (!response.ok) throw new Error(body)
    const { choices } = JSON.parse(body) as { choices: { finish_reason: string }[] }
    const answer = readPrintedAnswer(textToBytes(body)) ?? { text: '', positions: [] }
    return { answer, ended: choices[0]!.finish_reason }
  }
  const close = async () => {
    await server.close()
    await llama.close()
    await env.close()
  }
  return { ask, close }
}
