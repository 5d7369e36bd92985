// File roots per second: our kernel, hash-wasm's keccak over the same leaves, and the published SDK's own tree.
//   node bench/storage/rootHashing.mjs [sizeBytes]     (Node 24)
// CPU time of this process; median of three, interleaved. The SDK is superlinear, so it is measured at the same size.
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { createFileHasher } from '@weightless/crypto'
import { createKeccak } from 'hash-wasm'

const sizeBytes = Number(process.argv[2] ?? 16 * 1024 * 1024)
const bytes = new Uint8Array(sizeBytes)
for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 2654435761) >>> 13
const keccak = await createKeccak(256)
const { MemData } = createRequire(import.meta.url)('@0gfoundation/0g-ts-sdk')

const contenders = { ours, hashWasm, sdk }
const samples = { ours: [], hashWasm: [], sdk: [] }
const roots = {}
ours()
for (let round = 0; round < 3; round++) {
  for (const [name, run] of Object.entries(contenders)) {
    const before = process.cpuUsage()
    roots[name] = await run()
    const { user, system } = process.cpuUsage(before)
    samples[name].push((user + system) / 1e6)
  }
}
const seconds = Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, list.sort((a, b) => a - b)[1]]))
if (roots.ours !== roots.sdk || roots.ours !== roots.hashWasm) throw new Error(`roots differ: ${JSON.stringify(roots)}`)
console.log(
  JSON.stringify({
    sizeBytes,
    cpuSeconds: seconds,
    oursMBPerSecond: Math.round(sizeBytes / 1e6 / seconds.ours),
    timesHashWasm: Number((seconds.hashWasm / seconds.ours).toFixed(1)),
    timesSdk: Number((seconds.sdk / seconds.ours).toFixed(1)),
    cpu: cpus()[0].model,
  }),
)

function ours() {
  const hasher = createFileHasher()
  hasher.update(bytes)
  return Buffer.from(hasher.finish().root).toString('hex')
}

/** The same tree for a power-of-two number of sectors. */
function hashWasm() {
  let level = []
  for (let at = 0; at < sizeBytes; at += 256)
    level.push(
      keccak
        .init()
        .update(bytes.subarray(at, at + 256))
        .digest('binary'),
    )
  const pair = new Uint8Array(64)
  while (level.length > 1) {
    const next = []
    for (let i = 0; i < level.length; i += 2) {
      pair.set(level[i], 0)
      pair.set(level[i + 1], 32)
      next.push(keccak.init().update(pair).digest('binary'))
    }
    level = next
  }
  return Buffer.from(level[0]).toString('hex')
}

async function sdk() {
  const [tree, error] = await new MemData(bytes).merkleTree()
  if (error) throw error
  return tree.rootHash().slice(2)
}
