/** Fingerprints of a real server's answers, from the command line as a user has it: asked, kept, weighed with the file; and what must have none. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogprobKind, printProgram } from '@weightless/receipt'
import OpenAI from 'openai'
import { devnet, startProvider, weightless } from './startProvider.ts'
import { until } from './upstreamCases.ts'

const { gatewayUrl, apiKey } = devnet.compute
const client = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey, maxRetries: 0, timeout: 300_000 })

const questions = [
  'Write a short story about a lighthouse keeper and a whale.',
  'Explain step by step how bread is made.',
  'What do you know about the city of Prague?',
]
const samplers = [
  ...[
    { temperature: 0, topP: 1 },
    { temperature: 0.7, topP: 0.9 },
    { temperature: 1, topP: 1 },
  ],
  { temperature: 1.5, topP: 0.6 },
]

/** @param kind - that the provider must have found by itself */
export async function weighAnswers(model: string, url: string, file: string, kind: LogprobKind): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-prints-'))
  const errors: number[] = []
  try {
    for (const [index, { temperature, topP }] of samplers.entries()) {
      const bundle = join(folder, `${index}.json`)
      const sampler = [
        '--temperature',
        `${temperature}`,
        '--top-p',
        `${topP}`,
        '--max-tokens',
        '96',
        '--seed',
        `${index}`,
      ]
      const words = [questions[index % questions.length]!, '--model', model, '--fingerprint', ...sampler]
      await weightless('--json', '--data-dir', folder, 'chat', ...words, '--save', bundle)
      const { receipt } = JSON.parse(readFileSync(bundle, 'utf8'))
      assert.deepEqual([Number(receipt.check), receipt.programId], [2, printProgram(kind)])
      const verdict = JSON.parse(await weightless('--json', '--data-dir', folder, 'verify', bundle, '--model', file))
      assert.ok(verdict.accepted && verdict.fingerprint, JSON.stringify(verdict))
      assert.ok(verdict.fingerprint.positions >= 16)
      errors.push(verdict.fingerprint.error)
    }
    await weighWhole(model, file, folder)
    await findNone(model)
    await refuseOther(url, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const range = [Math.min(...errors), Math.max(...errors)].map((error) => error.toFixed(4)).join(' to ')
  console.log(`${model}: found ${kind}; ${errors.length + 1} answers agree, ${range} nats from the file`)
}

/** What a program keeps itself: OpenAI's client, an answer in one piece. No temperature is OpenAI's 1, whatever the server thinks. */
async function weighWhole(model: string, file: string, folder: string): Promise<void> {
  const messages = [{ role: 'user' as const, content: questions[0]! }]
  const sent = { model, messages, max_tokens: 96, logprobs: true, top_logprobs: 20 }
  const response = await client.chat.completions.create(sent).asResponse()
  const bytes = await response.text()
  const [request, answer, bundle] = ['request', 'response', 'json'].map((end) => join(folder, `whole.${end}`))
  writeFileSync(request!, JSON.stringify(sent))
  writeFileSync(answer!, bytes)
  writeFileSync(bundle!, JSON.stringify(await receiptOf(response.headers)))
  const words = [bundle!, '--model', file, '--request', request!, '--response', answer!]
  const verdict = JSON.parse(await weightless('--json', '--data-dir', folder, 'verify', ...words))
  assert.ok(verdict.accepted && verdict.fingerprint, JSON.stringify(verdict))
}

/** Of what bends the sampler nothing is promised; what the server refuses comes back as its own word. */
async function findNone(model: string): Promise<void> {
  const messages = [{ role: 'user' as const, content: 'Name three colours.' }]
  const base = { model, messages, max_tokens: 24, logprobs: true, top_logprobs: 5 }
  const bent = await client.chat.completions.create({ ...base, frequency_penalty: 1 }).asResponse()
  assert.equal(Number((await receiptOf(bent.headers)).receipt.check), 0)
  await bent.text()
  const parameters = { type: 'object', properties: { city: { type: 'string' } } }
  const tool = { type: 'function' as const, function: { name: 'weather', parameters } }
  const called = await client.chat.completions
    .create({ ...base, logprobs: false, top_logprobs: null, tools: [tool] })
    .then(({ choices }) => (choices[0]!.message.tool_calls?.length ? 'calls them' : 'takes them, and answers in words'))
    .catch((fault: unknown) =>
      fault instanceof OpenAI.APIError ? `${fault.status} ${fault.message}` : Promise.reject(fault),
    )
  await assert.rejects(
    client.chat.completions.create({ ...base, messages: [{ role: 'user', content: 'word '.repeat(9_000) }] }),
    OpenAI.APIError,
  )
  console.log(`${model}: tools: ${called}`)
}

/** Named with a file that the server does not run, a provider does not start. */
async function refuseOther(url: string, folder: string): Promise<void> {
  const other = join(import.meta.dirname, '../../packages/tensor/models/weightless-bard-1m.gguf')
  const flags = ['--upstream', url, '--upstream-model', 'smol', '--model', 'misnamed', '--price', '0.1/0.4']
  await assert.rejects(startProvider(folder, [...flags, '--fingerprint', other, '--log', 'silent']), /print-probe/)
}

async function receiptOf(headers: Headers): Promise<{ receipt: Record<string, unknown> }> {
  const id = headers.get('x-weightless-receipt')
  return until('the receipt', async () => {
    const found = await fetch(`${gatewayUrl}/v1/receipts/${id}`, { headers: { authorization: `Bearer ${apiKey}` } })
    return found.status === 200 ? ((await found.json()) as { receipt: Record<string, unknown> }) : undefined
  })
}
