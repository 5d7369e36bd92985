// How much slower the published SDK uploads to our node than to a node that does nothing, on the same chain:
//   node bench/storage/sdkOverhead.mjs [sizeBytes] [pairs]     (Node 24; `npm ci` in this folder first)
// Pairs are interleaved and each half goes first in turn; every upload is of new random bytes.
import { spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Indexer, ZgFile } from '@0gfoundation/0g-ts-sdk'
import { ethers } from 'ethers'

const sizeBytes = Number(process.argv[2] ?? 4 * 1024 * 1024)
const pairs = Number(process.argv[3] ?? 10)
const say = console.log
console.log = () => undefined // the SDK talks a lot

const ours = await start('startNetwork.ts')
const { flowAddress } = (await call(ours.indexerUrl, 'zgs_getStatus')).networkIdentity
const nothing = await start('doNothingNode.mjs', flowAddress)
const wallet = ethers.HDNodeWallet.fromPhrase(
  'test test test test test test test test test test test junk',
  undefined,
  "m/44'/60'/0'/0/8",
).connect(new ethers.JsonRpcProvider(ours.rpcUrl, undefined, { polling: true }))
const folder = mkdtempSync(join(tmpdir(), 'weightless-bench-'))

await upload(ours.indexerUrl)
await upload(nothing.indexerUrl)
const rows = []
for (let pair = 0; pair < pairs; pair++) {
  const row = {}
  const order = pair % 2 === 0 ? ['ours', 'nothing'] : ['nothing', 'ours']
  for (const which of order) row[which] = await upload(which === 'ours' ? ours.indexerUrl : nothing.indexerUrl)
  rows.push({ ...row, differenceMs: row.ours - row.nothing })
}
const result = {
  sizeBytes,
  pairs,
  oursMs: median(rows.map((row) => row.ours)),
  nothingMs: median(rows.map((row) => row.nothing)),
  differenceMs: median(rows.map((row) => row.differenceMs)),
  cpu: cpus()[0].model,
}
say(JSON.stringify(result))
rmSync(folder, { recursive: true, force: true })
for (const { child } of [ours, nothing]) child.stdin.end()
setTimeout(() => process.exit(0), 500)

async function upload(indexerUrl) {
  const path = join(folder, 'file.bin')
  const bytes = Buffer.alloc(sizeBytes)
  randomFillSync(bytes)
  writeFileSync(path, bytes)
  const file = await ZgFile.fromFilePath(path)
  const startedMs = performance.now()
  const [, error] = await new Indexer(indexerUrl).upload(file, ours.rpcUrl, wallet)
  const tookMs = performance.now() - startedMs
  if (error) throw error
  await file.close()
  return Math.round(tookMs)
}

function start(script, ...args) {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return new Promise((resolve) => {
    child.stdout.once('data', (line) => resolve({ child, ...JSON.parse(line) }))
  })
}

async function call(url, method) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }) })
  return (await response.json()).result
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}
