/**
 * One chat against eight at once on the embedded engine as a provider runs it (worker, one mate thread, trace on), and what a
 * newcomer waits for its first token while seven answer: medians of interleaved runs. Usage: node measureBatch.ts MODEL.gguf [runs].
 */
import { readFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { openTensorEngine } from '@weightless/compute'
import { createNodeEnv } from '@weightless/env/node'

const [path, runsText = '5'] = process.argv.slice(2)
const runs = Number(runsText)
const tokensOfAnswer = 64
const questions = [
  'Why is the sky blue?',
  'Write the opening of a story about a lighthouse keeper who finds a message in a bottle.',
  'List ten uses of a paper clip and explain each of them in a sentence.',
  'Explain how a bill becomes a law, step by step, as you would to a student of twelve years.',
  'What is the difference between weather and climate? Give examples of both, and say why people mix them up.',
  'Describe the water cycle.',
  'Give me advice for a first marathon: training, food, sleep and what to do on the day itself.',
  'Who was Ada Lovelace, what did she write, and why do people still speak of her?',
]
const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
const engine = await openTensorEngine({ env, name: 'bench', weights: new Uint8Array(readFileSync(path!)), mates: 1 })

type Answer = { tokens: number; firstMs: number; root: string }

/** A stop token would end an answer early: another seed is no help, so tokens are counted as they come. */
async function answer(question: number, temperature: number, maxTokens = tokensOfAnswer): Promise<Answer> {
  const start = performance.now()
  const run = await engine.start({
    messages: [{ role: 'user', content: questions[question]! }],
    seed: `0x${(question + 1).toString(16).padStart(64, '0')}`,
    sampler: { temperature, topP: 0.95, maxTokens },
    stop: [],
    topLogprobs: undefined,
  })
  let firstMs = 0
  for await (const _ of run.tokens) firstMs ||= performance.now() - start
  const end = await run.end()
  return { tokens: end.outputTokens.length, firstMs, root: end.traceRoot }
}

async function rateOf(list: readonly number[], temperature: number): Promise<{ rate: number; roots: string[] }> {
  const start = performance.now()
  const answers = await Promise.all(list.map((question) => answer(question, temperature)))
  const tokens = answers.reduce((sum, each) => sum + each.tokens, 0)
  return { rate: (tokens / (performance.now() - start)) * 1000, roots: answers.map(({ root }) => root) }
}

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!
const all = questions.map((_, i) => i)
console.log(`${cpus()[0]?.model}, node ${process.version}, ${runs} interleaved runs, medians; load ${loadavg()[0]}`)
for (const temperature of [0, 0.7]) {
  const [alone, together, lonely, crowded]: number[][] = [[], [], [], []]
  for (let i = -1; i < runs; i++) {
    const one = await rateOf([(i + 8) % 8], temperature)
    const eight = await rateOf(all, temperature)
    if (one.roots[0] !== eight.roots[(i + 8) % 8]) throw new Error('the trace of an answer depends on its company')
    const { firstMs } = await answer(2, temperature, 4)
    const company = all.filter((question) => question !== 2).map((question) => answer(question, temperature, 200))
    // Once they all answer.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const late = await answer(2, temperature, 4)
    await Promise.all(company)
    if (i < 0) continue
    alone!.push(one.rate)
    together!.push(eight.rate)
    lonely!.push(firstMs)
    crowded!.push(late.firstMs)
  }
  const ratio = median(together!.map((rate, i) => rate / alone![i]!))
  console.log(
    `temperature ${temperature} | one ${median(alone!).toFixed(1)} tok/s | eight ${median(together!).toFixed(1)} tok/s | ratio ${ratio.toFixed(2)}` +
      ` | first token alone ${median(lonely!).toFixed(0)} ms, while seven answer ${median(crowded!).toFixed(0)} ms`,
  )
}
await engine.close()
await env.close()
