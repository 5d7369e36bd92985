// llama.cpp added to a data directory, a model fetched by its root from the network, sold, and asked through the gateway with
// OpenAI's client, unmodified: answers, streams, usage, schema, four at once, a reader that leaves, a crash of native code.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { devnet, startProvider, weightless } from './startProvider.ts'

const { gatewayUrl, apiKey } = devnet.compute
const client = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey, maxRetries: 0, timeout: 120_000 })
const model = 'smollm2-llama'
const messages = [{ role: 'user' as const, content: 'Name three colours.' }]
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-llama-'))
const seen: string[] = []

async function until<Value>(what: string, look: () => Promise<Value | undefined>): Promise<Value> {
  for (let i = 0; i < 240; i++) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await sleep(250)
  }
  throw new Error(`never happened: ${what}`)
}

try {
  assert.match(await weightless('--data-dir', dataFolder, 'engine', 'list'), /No engine/)
  await assert.rejects(weightless('--data-dir', dataFolder, 'engine', 'add', 'other'), /Allowed choices are llama/)
  const added = JSON.parse(await weightless('--json', '--data-dir', dataFolder, 'engine', 'add', 'llama'))
  assert.match(await weightless('--data-dir', dataFolder, 'engine', 'list'), /llama {2}3\.22\.1/)
  const { data: cards } = await client.models.list()
  const { root } = cards.find(({ id }) => id.startsWith('smollm2')) as unknown as { root: string }
  const flags = ['--engine', 'llama', '--gguf', root, '--model', model, '--price', '0.1/0.4', '--threads', '1']
  const provider = await startProvider(dataFolder, [...flags, '--context', '2048', '--log', 'silent'])
  seen.push(`${added.name} ${added.version} serves ${root.slice(0, 10)}…`)
  try {
    await until('the gateway knows it', async () => {
      const { data } = await client.models.list()
      return data.find(({ id }) => id === model)
    })
    await ask()
    await stream()
    await manyAtOnce()
    await leave(provider.child.pid!)
    await crash(provider.child.pid!)
  } finally {
    await provider.stop()
  }
  assert.match(await weightless('--data-dir', dataFolder, 'engine', 'remove', 'llama'), /Removed/)
} finally {
  rmSync(dataFolder, { recursive: true, force: true })
}
console.log(seen.join('\n'))

async function ask(): Promise<void> {
  const base = { model, messages, max_tokens: 20, temperature: 0 }
  const { data, response } = await client.chat.completions.create(base).withResponse()
  assert.ok(data.choices[0]!.message.content!.length > 0)
  assert.equal(data.usage!.total_tokens, data.usage!.prompt_tokens + data.usage!.completion_tokens)
  assert.ok(data.usage!.completion_tokens <= 20)
  const headers = { authorization: `Bearer ${apiKey}` }
  const id = response.headers.get('x-weightless-receipt')
  const bundle = await until('the receipt', async () => {
    const found = await fetch(`${gatewayUrl}/v1/receipts/${id}`, { headers })
    return found.status === 200 ? ((await found.json()) as { receipt: Record<string, unknown> }) : undefined
  })
  // Class 2: bytes; check 0: nothing that anybody could do again.
  assert.deepEqual([Number(bundle.receipt.serviceClass), Number(bundle.receipt.check)], [2, 0])
  assert.equal(Number(bundle.receipt.promptTokens), data.usage!.prompt_tokens)
  assert.equal(Number(bundle.receipt.completionTokens), data.usage!.completion_tokens)
  const again = await client.chat.completions.create({
    ...base,
    temperature: 1,
    seed: 5,
    logprobs: true,
    top_logprobs: 2,
  })
  assert.equal(again.choices[0]!.logprobs!.content![0]!.top_logprobs.length, 2)
  const schema = { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] }
  const json_schema = { name: 'colour', schema }
  const formed = await client.chat.completions.create({
    ...base,
    response_format: { type: 'json_schema', json_schema },
  })
  assert.match(JSON.parse(formed.choices[0]!.message.content!).colour, /^(red|blue)$/)
  const raw = await client.completions.create({ model, prompt: 'Once upon a time', max_tokens: 8, temperature: 0 })
  assert.equal(raw.choices[0]!.finish_reason, 'length')
  await assert.rejects(client.chat.completions.create({ ...base, n: 2 }), OpenAI.BadRequestError)
  await assert.rejects(
    client.chat.completions.create({ ...base, messages: [{ role: 'user', content: 'word '.repeat(2_100) }] }),
    /2,?048|context/,
  )
  const verified = { 'X-0G-Provider-Trust-Mode': 'verified' }
  await assert.rejects(client.chat.completions.create(base, { headers: verified }), OpenAI.APIError)
  seen.push(
    `said ${JSON.stringify(data.choices[0]!.message.content)} for ${data.usage!.total_tokens} tokens, class 2, check 0`,
  )
}

async function stream(): Promise<void> {
  const base = { model, messages, max_tokens: 20, temperature: 0 }
  const whole = await client.chat.completions.create(base)
  const chunks = await client.chat.completions.create({
    ...base,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let count = 0
  let usage: OpenAI.CompletionUsage | null | undefined
  for await (const chunk of chunks) {
    count++
    text += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  assert.equal(text, whole.choices[0]!.message.content)
  assert.deepEqual(usage, whole.usage)
  seen.push(`streamed the same text in ${count} events with the same usage`)
}

async function manyAtOnce(): Promise<void> {
  const topics = ['sea', 'moon', 'tree', 'dog', 'snow', 'road']
  const answers = await Promise.all(
    topics.map((topic) =>
      client.chat.completions.create({
        model,
        max_tokens: 16,
        messages: [{ role: 'user', content: `About a ${topic}` }],
      }),
    ),
  )
  assert.ok(answers.every(({ choices, usage }) => choices.length === 1 && usage!.completion_tokens <= 16))
  seen.push(`${answers.length} chats at once`)
}

/** CPU time that the process of llama.cpp, the provider's child, has used, in ticks. */
function ticksOf(pid: number): number {
  const words = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\)\s/s, '')
    .split(' ')
  return Number(words[11]) + Number(words[12])
}

function llamaOf(pid: number): number | undefined {
  const children = (of: number) =>
    readFileSync(`/proc/${of}/task/${of}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
  // The command may have started itself again under the packaged Node.
  for (const each of children(pid).flatMap((child) => [child, ...children(child)])) {
    if (readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('llamaProcess')) return each
  }
  return undefined
}

async function leave(provider: number): Promise<void> {
  const long = { model, max_tokens: 1_500, messages: [{ role: 'user' as const, content: 'Write a very long story.' }] }
  const chunks = await client.chat.completions.create({ ...long, stream: true, logit_bias: { 2: -100 } })
  let count = 0
  for await (const _ of chunks) if (++count === 5) break
  const pid = llamaOf(provider)
  if (pid === undefined) return
  await until('llama.cpp rests', async () => {
    const before = ticksOf(pid)
    await sleep(500)
    return ticksOf(pid) - before <= 2 ? true : undefined
  })
  seen.push(`a reader left after ${count} events and llama.cpp rested`)
}

async function crash(pid: number): Promise<void> {
  const native = llamaOf(pid)
  if (native === undefined) return void seen.push('not run: the crash of native code (no /proc here)')
  const chunks = await client.chat.completions.create({ model, messages, max_tokens: 1_000, stream: true })
  const reading = (async () => {
    let count = 0
    for await (const _ of chunks) if (++count === 3) process.kill(native, 'SIGSEGV')
  })()
  await assert.rejects(reading)
  const answer = await until('it serves again', () =>
    client.chat.completions.create({ model, messages, max_tokens: 5 }),
  )
  assert.ok(answer.usage!.completion_tokens > 0)
  assert.notEqual(llamaOf(pid), native)
  seen.push('killed by SIGSEGV in a stream, which ended with an error; served again by another process')
}
