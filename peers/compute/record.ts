/**
 * Records what OpenAI's clients send, for the replay in `npm test`: starts a network with the tiny model, puts a recorder in
 * front of its gateway, runs the cases. `node peers/compute/record.ts [PYTHON]` writes vectors/compute/openai.json.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { gatewayKey, startComputeNet, tokens } from '../../sim/compute/computeNet.ts'

type Recorded = {
  client: string
  method: string
  path: string
  headers: Record<string, string>
  body: string
  status?: number
}

const python = process.argv[2]
const kept = new Set([
  'accept',
  'content-type',
  'user-agent',
  'authorization',
  'x-stainless-lang',
  'x-stainless-retry-count',
])
const net = await startComputeNet()
const provider = await net.startProvider()
await Promise.all([provider.ready, net.deposit(2, tokens(10))])
const gateway = await net.startGateway()
const recorded: Recorded[] = []
let client = 'npm'

const recorder = createServer(async (request, response) => {
  const body = await bodyOf(request)
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => kept.has(name))) as Record<
    string,
    string
  >
  const entry: Recorded = { client, method: request.method!, path: request.url!, headers, body }
  recorded.push(entry)
  const stop = new AbortController()
  response.once('close', () => stop.abort())
  try {
    const answer = await fetch(`${gateway.url}${request.url}`, {
      method: request.method!,
      headers,
      ...(body ? { body } : {}),
      signal: stop.signal,
    })
    entry.status = answer.status
    response.writeHead(
      answer.status,
      Object.fromEntries([...answer.headers].filter(([name]) => /^(content-type|x-|zg-)/.test(name))),
    )
    for await (const piece of answer.body ?? []) response.write(piece)
    response.end()
  } catch {
    // The client left, as one of the cases does.
    response.destroy()
  }
})
recorder.listen(0, '127.0.0.1')
await once(recorder, 'listening')
const { port } = recorder.address() as { port: number }
const env = {
  ...process.env,
  OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`,
  OPENAI_API_KEY: gatewayKey,
  MODEL: 'tiny',
}

await runCases(process.execPath, [join(import.meta.dirname, 'openaiCases.mjs')])
client = 'python'
if (python) await runCases(python, [join(import.meta.dirname, 'python', 'openaiCases.py')])
recorder.close()
recorder.closeAllConnections()
await net.close()
const versions = {
  npm: 'openai 7.57.0',
  python: python
    ? `openai ${spawnSync(python, ['-c', 'import openai; print(openai.__version__)'], { encoding: 'utf8' }).stdout.trim()}`
    : undefined,
}
const file = join(import.meta.dirname, '../../vectors/compute/openai.json')
writeFileSync(
  file,
  `${JSON.stringify({ origin: 'peers/compute/record.ts', versions, requests: recorded }, undefined, 1)}\n`,
)
console.log(`${recorded.length} requests recorded`)

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString('utf8')
}

async function runCases(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
}
