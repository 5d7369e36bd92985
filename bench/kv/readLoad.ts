/**
 * Reads single random keys of a million at 1,000 a second, open loop: each request has its time, and its latency counts from
 * then on, also when the one before is late. In turns with a server that answers at once, in the same process as the node.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyName, keysTotal, profileOf, streamName } from './keys.ts'

const perSecond = 1_000
const seconds = Number(process.argv[2] ?? 5)
const rounds = 4
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-bench-kv-'))
const script = join(import.meta.dirname, 'serveMillion.ts')
const startedMs = performance.now()
const { status } = spawnSync(process.execPath, [script, 'load', dataFolder], { stdio: 'inherit' })
if (status !== 0) throw new Error('the keys could not be written')
const loadSeconds = (performance.now() - startedMs) / 1000
const server = spawn(process.execPath, [script, 'serve', dataFolder], { stdio: ['pipe', 'pipe', 'inherit'] })
const facts = JSON.parse(await readLine()) as { url: string; atOnceUrl: string; diskBytes: number }
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
console.log(
  `${keysTotal} keys replayed in ${loadSeconds.toFixed(1)} s; index ${(facts.diskBytes / 1e6).toFixed(0)} MB on disk`,
)
await load(facts.url, 2)
await load(facts.atOnceUrl, 2)
const latencies: { [name: string]: number[] } = { node: [], 'at once': [] }
for (let round = 0; round < rounds; round++) {
  latencies['at once']!.push(...(await load(facts.atOnceUrl, seconds)))
  latencies.node!.push(...(await load(facts.url, seconds, true)))
}
const at = (name: string, share: number): number => {
  const sorted = latencies[name]!.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)]!
}
for (const name of Object.keys(latencies)) {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => at(name, share).toFixed(2))
  console.log(`${name.padEnd(8)} ${latencies[name]!.length} reads: p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms`)
}
const limitMs = 2 * at('at once', 0.99) + 2
const isReached = at('node', 0.5) <= 1 && at('node', 0.99) <= limitMs
console.log(
  `p50 at most 1 ms, p99 at most 2 × ${at('at once', 0.99).toFixed(2)} + 2 = ${limitMs.toFixed(2)} ms: ${isReached ? 'reached' : 'MISSED'}`,
)
server.stdin.write('\n')
const { residentBytes } = JSON.parse(await readLine()) as { residentBytes: number }
console.log(`${(residentBytes / 1e6).toFixed(0)} MB resident after ${latencies.node!.length} reads`)
server.stdin.end()
agent.destroy()
await new Promise((resolve) => server.once('close', resolve))
rmSync(dataFolder, { recursive: true, force: true })
process.exit(isReached ? 0 : 1)

function readLine(): Promise<string> {
  return new Promise((resolve, reject) => {
    server.stdout.once('data', (line: Buffer) => resolve(line.toString('utf8')))
    server.once('close', (code) => reject(new Error(`the server ended with ${code}`)))
  })
}

async function load(url: string, forSeconds: number, isChecked = false): Promise<number[]> {
  const startMs = performance.now() + 50
  const count = perSecond * forSeconds
  const results: Promise<number>[] = []
  for (let index = 0; index < count; ) {
    const dueMs = startMs + (index * 1000) / perSecond
    if (performance.now() < dueMs) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, dueMs - performance.now())))
      continue
    }
    results.push(readOne(url, dueMs, isChecked))
    index++
  }
  return Promise.all(results)
}

async function readOne(url: string, dueMs: number, isChecked: boolean): Promise<number> {
  const index = Math.floor(Math.random() * keysTotal)
  const params = [streamName, Buffer.from(keyName(index)).toString('base64'), 0, 262_144]
  const answer = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'kv_getValue', params }))
  const tookMs = performance.now() - dueMs
  const { data } = (JSON.parse(answer) as { result: { data: string } }).result
  if (isChecked && Buffer.from(data, 'base64').toString() !== profileOf(index))
    throw new Error(`a wrong value: ${answer}`)
  return tookMs
}

function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
