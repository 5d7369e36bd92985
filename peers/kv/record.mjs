// Records what the published key-value clients really ask, and what our node answered:
//   WEIGHTLESS_DEVNET=…/devnet.json node peers/kv/record.mjs   (with Node 24, against a devnet that runs)
// Long base64 is kept as `LIN <offset>:<length>` of the long value. A poll that repeats with the same answer is kept once.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { keyValueRoundTrip } from './keyValueRoundTrip.mjs'

const sdks = [
  { name: 'foundation-1.2.8', pkg: '@0gfoundation/0g-ts-sdk', account: 6, encodeKey: (key) => key },
  { name: 'labs-0.3.3', pkg: '@0glabs/0g-ts-sdk', account: 7, encodeKey: (key) => Buffer.from(key).toString('base64') },
]
const long = Buffer.from(Uint8Array.from({ length: 600_000 }, (_, at) => (at * 7 + (at >> 8) * 13) & 255))

for (const { name, pkg, account, encodeKey } of sdks) {
  const steps = []
  const streamId = `0x${Buffer.from(`recorded ${name}`).toString('hex').padEnd(64, '0')}`
  await keyValueRoundTrip({
    sdk: await import(pkg),
    account,
    encodeKey,
    streamId,
    see: (submitted) => steps.push({ submitted: shorten(submitted) }),
    via: (url) => startProxy(url, steps),
  })
  const origin = `Requests of the unmodified npm package ${pkg} ${name.split('-')[1]}, and our answers, recorded by peers/kv/record.mjs.`
  const path = join(import.meta.dirname, `../../vectors/kv/recorded-${name}.json`)
  writeFileSync(path, `${JSON.stringify({ origin, streamId, steps }, null, 1)}\n`)
  console.log(`${name}: ${steps.length} steps`)
}
process.exit(0)

function startProxy(target, steps) {
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString('utf8')
    const answer = await (
      await fetch(target, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    ).text()
    const { method, params } = JSON.parse(body)
    const { id, jsonrpc, ...rest } = JSON.parse(answer)
    const step = { method, params, answer: shorten(rest) }
    if (JSON.stringify(steps.at(-1)) !== JSON.stringify(step)) steps.push(step)
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
  })
}

function shorten(value) {
  if (typeof value === 'string') return value.length > 4_000 ? locate(value) : value
  if (Array.isArray(value)) return value.map(shorten)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorten(inner)]))
}

/** Where the long value stands in a text of base64 or hex. */
function locate(text) {
  if (text.startsWith('0x')) return text.replace(long.toString('hex'), 'LIN')
  const bytes = Buffer.from(text, 'base64')
  for (const at of [0, 262_144, 524_288]) {
    if (long.subarray(at, at + bytes.length).equals(bytes)) return `LIN ${at}:${bytes.length}`
  }
  throw new Error('content that is not of the long value')
}
