/** Latency of one transfer at a time: from sending to the receipt in hand, polled each millisecond; and what fsync costs here. */
import { spawn } from 'node:child_process'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLoad } from './jsonRpcLoad.ts'
import { signTransfers } from './signTransfers.ts'

const folder = await mkdtemp(join(tmpdir(), 'weightless-bench-'))
const { senders, raws, hashes } = await signTransfers(100, 2, 0)
const node = spawn(process.execPath, [new URL('./startNode.ts', import.meta.url).pathname, folder, senders.join(',')], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const { url } = await new Promise<{ url: string }>((resolve) => {
  node.stdout!.once('data', (line: Buffer) => resolve(JSON.parse(line.toString()) as { url: string }))
})
const load = createLoad(url, 1)
const tookMs: number[] = []
for (const [index, raw] of raws.entries()) {
  const started = performance.now()
  await load.run([{ method: 'eth_sendRawTransaction', params: [raw] }], 1)
  for (;;) {
    const [answer] = await load.run([{ method: 'eth_getTransactionReceipt', params: [hashes[index]] }], 1)
    if (answer!.result) break
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  tookMs.push(performance.now() - started)
}
load.close()
node.kill('SIGTERM')
await new Promise((resolve) => node.once('exit', resolve))
const fsyncMs = Array.from({ length: 50 }, () => {
  const file = openSync(join(folder, 'probe'), 'a')
  writeSync(file, new Uint8Array(2_000))
  const started = performance.now()
  fsyncSync(file)
  closeSync(file)
  return performance.now() - started
})
await rm(folder, { recursive: true, force: true })
const at = (list: number[], share: number) => list.sort((a, b) => a - b)[Math.floor(list.length * share)]!.toFixed(1)
console.log(`lone transfer to receipt: median ${at(tookMs, 0.5)} ms, p95 ${at(tookMs, 0.95)} ms, n ${tookMs.length}`)
console.log(`fsync of 2 kB: median ${at(fsyncMs, 0.5)} ms, p95 ${at(fsyncMs, 0.95)} ms`)
