/** How long a restart takes after so many transfers: fills a chain over JSON-RPC, stops it, opens it again. node restart.ts [count] [folder] */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLoad } from './jsonRpcLoad.ts'
import { signTransfers } from './signTransfers.ts'

const count = Number(process.argv[2] ?? 100_000)
const folder = process.argv[3] ?? (await mkdtemp(join(tmpdir(), 'weightless-bench-')))
const first = await signTransfers(1_000, 1, 0)
const start = (): Promise<{ child: ChildProcess; url: string; openMs: number; head: number }> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [new URL('./startNode.ts', import.meta.url).pathname, folder, first.senders.join(',')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    child.stdout!.once('data', (line: Buffer) =>
      resolve({ child, ...(JSON.parse(line.toString()) as { url: string; openMs: number; head: number }) }),
    )
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
  })
const stop = (child: ChildProcess, signal: NodeJS.Signals) =>
  new Promise((resolve) => {
    child.once('exit', resolve)
    child.kill(signal)
  })

const node = await start()
const load = createLoad(node.url, 4)
const started = performance.now()
const chunk = 10_000
for (let sent = 0; sent < count; sent += chunk) {
  const { raws, hashes } = await signTransfers(1_000, chunk / 1_000, sent / chunk)
  const answers = await load.run(
    raws.map((raw) => ({ method: 'eth_sendRawTransaction', params: [raw] })),
    200,
  )
  const refused = answers.find((answer) => answer.error)
  if (refused) throw new Error(refused.error?.message)
  for (;;) {
    const [last] = await load.run([{ method: 'eth_getTransactionReceipt', params: [hashes.at(-1)] }], 1)
    if (last!.result) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
console.log(`${count} transfers in ${((performance.now() - started) / 1000).toFixed(1)} s, signing included`)
const [head] = await load.run([{ method: 'eth_blockNumber', params: [] }], 1)
load.close()
await stop(node.child, 'SIGKILL')
for (let round = 0; round < 3; round++) {
  const again = await start()
  console.log(`restart after kill -9: ${again.openMs} ms to serving, head ${again.head} (was ${Number(head!.result)})`)
  await stop(again.child, 'SIGKILL')
}
// A folder named by the caller is kept, to look into.
if (process.argv[3] === undefined) await rm(folder, { recursive: true, force: true })
