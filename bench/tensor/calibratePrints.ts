/**
 * How well fingerprints tell models apart: answers of llama.cpp by the provider's own server, weighed by this engine with
 * the file that is claimed. Usage: node calibratePrints.ts MODEL.gguf [ANSWERS]; prints a table. Spec: spec/fingerprint.md §5
 */
import { createHash, hash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { textToBytes } from '@weightless/codec'
import { setHasher } from '@weightless/crypto'
import { createNodeEnv } from '@weightless/env/node'
import { openLlamaModel } from '@weightless/node/llama/openLlamaModel'
import { serveModel } from '@weightless/node/llama/serveModel'
import { boundsOf, findBeyond } from '@weightless/receipt/fingerprint/printBounds'
import { type PrintedAnswer, readPrintedAnswer, readPrintedRequest } from '@weightless/receipt/fingerprint/readPrinted'
import { weighAnswer } from '@weightless/receipt/fingerprint/weighAnswer'
import type { PrintFigures } from '@weightless/receipt/fingerprint/weighPrint'
import { loadModel } from '@weightless/tensor'
import { type Change, requantise } from './requantise.ts'

const path = process.argv[2]!
const answers = Number(process.argv[3] ?? 24)
const maxTokens = 64

setHasher({ sha256: (bytes) => hash('sha256', bytes, 'buffer'), createSha256: () => createHash('sha256') })

const prompts = [
  'What is a Merkle tree?',
  'Write a short story about a lighthouse.',
  'Explain photosynthesis to a child.',
  'List five uses of a paper clip.',
  'Translate "good morning" into French, German and Spanish.',
  'Why is the sky blue?',
  'Give me a recipe for pancakes.',
  'Write a Python function that reverses a list.',
  'What happened in 1969?',
  'Describe the taste of an apple.',
  'How do I learn to play the piano?',
  'Compare cats and dogs.',
]
const samplers = [
  { temperature: 0, top_p: 1 },
  { temperature: 0.7, top_p: 0.9 },
  { temperature: 1, top_p: 1 },
  { temperature: 0.7, top_p: 1 },
]

type Body = { model: string; messages: { role: string; content: string }[]; temperature: number; top_p: number }

function bodyOf(index: number): Body {
  const content = prompts[index % prompts.length]!
  const sampler = samplers[Math.floor(index / prompts.length + index) % samplers.length]!
  return { model: 'bench', messages: [{ role: 'user', content }], ...sampler }
}

/** What the provider is asked, as it answers it. */
type Asked = { claimed: Body; answer: PrintedAnswer }

async function askAll(
  file: string,
  change: (body: Body) => Body,
  forge = (asked: Asked, _sent: Body) => asked,
): Promise<Asked[]> {
  const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
  const model = await openLlamaModel({
    engineFolder: import.meta.dirname,
    file,
    parallel: 1,
    threads: 1,
    gpu: false,
    onWarning: () => undefined,
  })
  const server = await serveModel({ env, model, name: 'bench', key: 'bench' })
  const out: Asked[] = []
  for (let index = 0; index < answers; index++) {
    const claimed = bodyOf(index)
    const sent = change(claimed)
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer bench', 'content-type': 'application/json' },
      body: JSON.stringify({ ...sent, seed: 1_000 + index, max_tokens: maxTokens, logprobs: true, top_logprobs: 20 }),
    })
    const answer = readPrintedAnswer(textToBytes(await response.text()))
    if (!answer) throw new Error('no log-probabilities')
    out.push(forge({ claimed, answer }, sent))
  }
  await server.close()
  await model.close()
  await env.close()
  return out
}

const original = new Uint8Array(readFileSync(path))
const model = await loadModel(original.slice())
const { bounds } = boundsOf('0x')

async function weighAll(asked: readonly Asked[]): Promise<PrintFigures[]> {
  const out: PrintFigures[] = []
  for (const { claimed, answer } of asked) {
    const request = readPrintedRequest({ ...claimed, logprobs: true, top_logprobs: 20 })!
    const figures = await weighAnswer(model, request, answer, 'drawn')
    if ('fault' in figures) throw new Error(figures.fault)
    out.push(figures)
  }
  return out
}

const withSystem = (body: Body): Body => ({
  ...body,
  messages: [{ role: 'system', content: 'Mention our sponsor, the Acme company, where you can.' }, ...body.messages],
})
const hotter = (body: Body): Body => ({ ...body, temperature: body.temperature === 0 ? 0.7 : body.temperature * 1.4 })

/** Draws at one temperature and shows what another would give. */
function forgeTemperature({ claimed, answer }: Asked, sent: Body): Asked {
  const scale = (sent.temperature || 1) / (claimed.temperature || 1)
  const shown = <Token extends { logprob: number }>(token: Token) => ({ ...token, logprob: token.logprob * scale })
  const positions = answer.positions.map((position) => ({ ...shown(position), top: position.top.map(shown) }))
  return { claimed, answer: { ...answer, positions } }
}

async function changed(change: Change): Promise<string> {
  const file = join(tmpdir(), `weightless-prints-${process.pid}-${change.replace(/\W/g, '')}.gguf`)
  writeFileSync(file, await requantise(original, change))
  return file
}

const asIs = (body: Body) => body
const cases: [name: string, make: () => Promise<Asked[]>][] = [
  ['honest', () => askAll(path, asIs)],
  ...(['Q8_0', 'Q4_0', '3 bits', 'noise 1 %'] as const).map((change): [string, () => Promise<Asked[]>] => [
    `weights as ${change}`,
    async () => {
      const file = await changed(change)
      const asked = await askAll(file, asIs)
      rmSync(file)
      return asked
    },
  ]),
  ['other prompt', () => askAll(path, withSystem)],
  ['other temperature, shown', () => askAll(path, hotter)],
  ['other temperature, forged', () => askAll(path, hotter, forgeTemperature)],
]

const quantile = (numbers: readonly number[], share: number) =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(share * numbers.length))]!
const only = process.argv[4]
console.log(
  'provider | answers | beyond a bound | error min / median / max, nats | other best max | undrawable max | choice min / max',
)
for (const [name, make] of cases) {
  if (only && !name.includes(only)) continue
  const figures = (await weighAll(await make())).filter(({ positions }) => positions >= bounds.positionsMin)
  const beyond = figures.filter((one) => findBeyond(one, bounds) !== undefined).length
  const of = (pick: (one: PrintFigures) => number) => figures.map(pick)
  const errors = of(({ error }) => error)
  const choices = of(({ choice }) => choice)
  const most = (list: readonly number[]) => Math.max(...list)
  console.log(
    [
      ...[name, figures.length, beyond],
      [quantile(errors, 0), quantile(errors, 0.5), most(errors)].map((x) => x.toFixed(3)).join(' / '),
      ...[of(({ otherBest }) => otherBest), of(({ undrawable }) => undrawable)].map((list) => most(list).toFixed(3)),
      `${Math.min(...choices).toFixed(1)} / ${most(choices).toFixed(1)}`,
    ].join(' | '),
  )
  if (process.env.WEIGHTLESS_PRINT_DETAIL) console.log(JSON.stringify(figures.map((one) => ({ ...one, name }))))
}
