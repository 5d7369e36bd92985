// Records what the published SDKs really ask of a node and indexer, and what ours answered:
//   node peers/storage/record.mjs   (with Node 24)
// Content is kept as `LIN <size>:<offset>:<length>` in place of its base64. A poll that repeats with the same answer is kept once.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const sizes = [257, 262_145, 786_433]
const sdks = { 'foundation-1.2.8': '@0gfoundation/0g-ts-sdk', 'labs-0.3.3': '@0glabs/0g-ts-sdk' }

for (const [name, sdk] of Object.entries(sdks)) {
  const network = spawn(process.execPath, [join(root, 'bench/storage/startNetwork.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const { rpcUrl, indexerUrl } = await new Promise((resolve) =>
    network.stdout.once('data', (line) => resolve(JSON.parse(line))),
  )
  const steps = []
  const chain = await startProxy(rpcUrl, (call) => {
    if (call.method === 'eth_sendRawTransaction')
      steps.push({ submitted: steps.filter((step) => 'submitted' in step).length })
  })
  const storage = await startProxy(indexerUrl, (call, answer) => {
    const step = { method: call.method, params: shorten(call.params), answer: shorten(withoutUrl(answer)) }
    const same = steps.findLast((known) => known.method === step.method)
    if (same && steps.at(-1) === same && JSON.stringify(same) === JSON.stringify(step)) return
    steps.push(step)
  })
  const script = join(import.meta.dirname, 'recordOne.mjs')
  const child = spawn(process.execPath, [script, sdk, storage.url, chain.url, ...sizes.map(String)], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  network.stdin.end()
  storage.close()
  chain.close()
  if (code !== 0) throw new Error(`${sdk} failed`)
  const origin = `Requests of the unmodified npm package ${sdk} ${name.split('-')[1]}, and our answers, recorded by peers/storage/record.mjs; LIN files.`
  writeFileSync(
    join(root, `vectors/storage/recorded-${name}.json`),
    `${JSON.stringify({ origin, sizes, steps }, null, 1)}\n`,
  )
  console.log(`${name}: ${steps.length} steps`)
}
process.exit(0)

/** Forwards POST bodies to `target` and shows each call with its answer. Node URLs in answers are kept: they go through us. */
function startProxy(target, see) {
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString('utf8')
    const answer = await fetch(target, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    const text = (await answer.text()).replaceAll(indexerOf(target), url)
    const [calls, answers] = [JSON.parse(body), JSON.parse(text)]
    for (const [i, call] of [calls].flat().entries()) see(call, [answers].flat()[i])
    response.writeHead(200, { 'content-type': 'application/json' }).end(text)
  })
  let url = ''
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      url = `http://127.0.0.1:${server.address().port}`
      resolve({ url, close: () => server.close() })
    })
  })
}

function indexerOf(target) {
  return target.replace(/\/$/, '')
}

function withoutUrl({ result, error }) {
  const text = JSON.stringify(error ? { error } : { result: result ?? null })
  return JSON.parse(text.replace(/"http:\/\/127\.0\.0\.1:\d+"/g, '"URL"'))
}

/** Replaces long base64 by the place in the LIN file where its bytes stand. */
function shorten(value) {
  if (typeof value === 'string') return value.length > 128 ? locate(value) : value
  if (Array.isArray(value)) return value.map(shorten)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorten(inner)]))
}

function locate(text) {
  const bytes = Buffer.from(text, 'base64')
  const file = Buffer.alloc(1024 * 1024)
  for (const size of sizes) {
    file.fill(0)
    for (let i = 0; i < size; i++) file[i] = (i * 7 + (i >> 8) * 13 + (i >> 16) * 31) & 0xff
    for (let at = 0; at < size; at += 262_144) {
      if (file.subarray(at, at + bytes.length).equals(bytes)) return `LIN ${size}:${at}:${bytes.length}`
    }
  }
  throw new Error('content that is not of a LIN file')
}
