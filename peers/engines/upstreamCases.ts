/** What a server of somebody else must do behind a provider: answers, streams, usage that agrees with its own, a reader that leaves. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { smolLm2 } from '../../packages/node/src/weights/modelSources.ts'
import { resolveWeights } from '../../packages/node/src/weights/resolveWeights.ts'
import { devnet, startProvider } from './startProvider.ts'

const { gatewayUrl, apiKey } = devnet.compute
const client = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey, maxRetries: 0, timeout: 180_000 })

export const ggufPath = async (): Promise<string> => (await resolveWeights(smolLm2)).path

export function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

export async function until<Value>(
  what: string,
  look: () => Promise<Value | undefined>,
  secondsMax = 120,
): Promise<Value> {
  for (let i = 0; i < secondsMax * 4; i++) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await sleep(250)
  }
  throw new Error(`never happened: ${what}`)
}

export type StartedServer = { child: ChildProcess; stop(): Promise<void> }

/** In a process group of its own, so that what it starts ends with it. */
export function startServer(command: string, words: readonly string[], environment: object = {}): StartedServer {
  const child = spawn(command, words, {
    ...{ stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { ...process.env, ...environment } },
  })
  let complaint = ''
  child.stderr!.on('data', (chunk) => (complaint = (complaint + chunk).slice(-2_000)))
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  process.once('exit', () => endGroup(child, 'SIGKILL'))
  return {
    child,
    async stop() {
      endGroup(child, 'SIGTERM')
      const timer = setTimeout(() => endGroup(child, 'SIGKILL'), 5_000)
      await gone
      clearTimeout(timer)
    },
  }
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal)
}

/**
 * @param flags - of `provider start`, beside the upstream's address and the price
 * @param more - what else this server can do, asked for by the name under which it is sold
 */
export async function runUpstreamCases(
  name: string,
  url: string,
  server: StartedServer,
  flags: readonly string[],
  more: (model: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const dataFolder = mkdtempSync(join(tmpdir(), `weightless-${name}-`))
  const model = `smollm2-${name}`
  const all = ['--upstream', url, '--model', model, '--price', '0.1/0.4', '--log', 'silent', ...flags]
  const provider = await startProvider(dataFolder, all)
  try {
    await until('the gateway knows it', async () => {
      const { data } = await client.models.list()
      return data.find(({ id }) => id === model)
    })
    const messages = [{ role: 'user' as const, content: 'Name three colours.' }]
    const base = { model, messages, max_tokens: 16, temperature: 0 }
    const whole = await client.chat.completions.create(base)
    const upstreamModel = flags[flags.indexOf('--upstream-model') + 1] ?? model
    const direct = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, timeout: 180_000 })
    const own = await direct.chat.completions.create({ ...base, model: upstreamModel })
    assert.equal(whole.choices[0]!.message.content, own.choices[0]!.message.content)
    assert.deepEqual(tokensOf(whole.usage), tokensOf(own.usage))
    const { text, usage, count, receiptId } = await gather({
      ...{ ...base, stream: true, stream_options: { include_usage: true } },
    })
    assert.ok(count > 2 && text.length > 0)
    // What is billed for the stream: its own word where it gives one, else counted by the provider with the model's tokenizer.
    const billed = await billOf(receiptId)
    const spoken = usage === undefined ? 'it tells no usage in streams, the provider counted' : 'usage as it told'
    if (usage) assert.deepEqual(billed, tokensOf(usage))
    assert.ok(Math.abs(billed[1]! - whole.usage!.completion_tokens) <= 1, JSON.stringify({ billed, usage, whole }))
    const plain = await gather({ ...base, stream: true })
    assert.equal(plain.usage, undefined)
    const raw = await client.completions.create({ model, prompt: 'Once upon a time', max_tokens: 8, temperature: 0 })
    assert.ok(raw.choices[0]!.text.length > 0)
    await more(model)
    const eventsBefore = await leave(model)
    await rests(server)
    console.log(
      [
        `${name}: said ${JSON.stringify(whole.choices[0]!.message.content)} for ${whole.usage!.total_tokens} tokens, as it said without us`,
        `streamed ${count} events, ${spoken} (${billed.join(' + ')}); without include_usage none has a usage; a reader left after ${eventsBefore} events and it rested`,
      ].join('\n'),
    )
  } finally {
    await provider.stop()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

const tokensOf = (usage: OpenAI.CompletionUsage | undefined) => [usage?.prompt_tokens, usage?.completion_tokens]

async function gather(request: OpenAI.ChatCompletionCreateParamsStreaming) {
  let [text, count] = ['', 0]
  let usage: OpenAI.CompletionUsage | undefined
  const { data, response } = await client.chat.completions.create(request).withResponse()
  for await (const chunk of data) {
    count++
    text += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  return { text, count, usage, receiptId: response.headers.get('x-weightless-receipt') }
}

async function billOf(receiptId: string | null): Promise<number[]> {
  const headers = { authorization: `Bearer ${apiKey}` }
  const { receipt } = await until('the receipt', async () => {
    const found = await fetch(`${gatewayUrl}/v1/receipts/${receiptId}`, { headers })
    return found.status === 200 ? ((await found.json()) as { receipt: Record<string, string> }) : undefined
  })
  assert.deepEqual([Number(receipt.serviceClass), Number(receipt.check)], [2, 0])
  return [Number(receipt.promptTokens), Number(receipt.completionTokens)]
}

async function leave(model: string): Promise<number> {
  const messages = [{ role: 'user' as const, content: 'Write a very long story about the sea, in many chapters.' }]
  const chunks = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 1_500,
    temperature: 1,
    stream: true,
  })
  let count = 0
  for await (const _ of chunks) if (++count === 5) break
  return count
}

/** Where the system tells of processes: what the server and its children compute comes to nothing. */
async function rests({ child }: StartedServer): Promise<void> {
  if (process.platform !== 'linux') return
  await until('the server rests', async () => {
    const before = ticksOf(child.pid!)
    await sleep(1_000)
    return ticksOf(child.pid!) - before <= 10 ? true : undefined
  })
}

/** CPU time of a process group, in ticks of 10 ms. */
function ticksOf(group: number): number {
  let ticks = 0
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const words = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\)\s/s, '')
        .split(' ')
      if (Number(words[2]) === group) ticks += Number(words[11]) + Number(words[12])
    } catch {
      // It ended while we looked.
    }
  }
  return ticks
}
