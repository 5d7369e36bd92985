/**
 * Plain transfers per second end to end over JSON-RPC: from the first eth_sendRawTransaction to the moment when every
 * receipt has been fetched and says success. Ours and anvil in turn, in the same run, same signed bytes, same client.
 *
 * node bench/chain/measureTransfers.ts [transactions] [rounds]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLoad } from './jsonRpcLoad.ts'
import { signTransfers, type Transfers } from './signTransfers.ts'

const count = Number(process.argv[2] ?? 8_000)
const rounds = Number(process.argv[3] ?? 2)
const senderCount = 1_000
const modes = [
  { name: 'batches of 100', size: 100, connections: 4 },
  { name: 'single requests', size: 1, connections: 64 },
]

type Node = { name: string; url: string; process: ChildProcess; notes: string; folder?: string }
type Row = { node: string; mode: string; perSecond: number; sendPerSecond: number; cpuSeconds: number; blocks: number }

const perSender = Math.ceil(count / senderCount)
const rows: Row[] = []
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}; ${perSender * senderCount} transfers`,
)
for (const mode of modes) {
  for (let round = 0; round < rounds; round++) {
    const transfers = await signTransfers(senderCount, perSender, 0)
    for (const start of [startOurs, startAnvil]) {
      const node = await start(transfers)
      try {
        const row = await measure(node, transfers, mode)
        rows.push(row)
        console.log(
          `${row.node.padEnd(10)} ${row.mode.padEnd(16)} ${row.perSecond.toFixed(0).padStart(6)} tx/s end to end, sending ${row.sendPerSecond.toFixed(0).padStart(6)}/s, ${row.cpuSeconds.toFixed(2)} CPU-s, ${row.blocks} blocks`,
        )
      } finally {
        const gone = setTimeout(() => node.process.kill('SIGKILL'), 5_000)
        node.process.once('exit', () => clearTimeout(gone))
        node.process.kill('SIGTERM')
        await new Promise((resolve) => node.process.once('exit', resolve))
        if (node.folder) await rm(node.folder, { recursive: true, force: true })
      }
    }
  }
}
for (const mode of modes) {
  const best = (name: string) =>
    Math.max(...rows.filter((row) => row.node === name && row.mode === mode.name).map((row) => row.perSecond))
  console.log(`${mode.name}: ours / anvil = ${(best('ours') / best('anvil')).toFixed(2)}`)
}

async function measure(node: Node, transfers: Transfers, mode: (typeof modes)[number]): Promise<Row> {
  const load = createLoad(node.url, mode.connections)
  const head = async () => Number((await load.run([{ method: 'eth_blockNumber', params: [] }], 1))[0]!.result)
  const heightBefore = await head()
  const cpuBefore = await cpuSeconds(node.process.pid!)
  const started = performance.now()
  const answers = await load.run(
    transfers.raws.map((raw) => ({ method: 'eth_sendRawTransaction', params: [raw] })),
    mode.size,
  )
  const refused = answers.find((answer) => answer.error)
  if (refused) throw new Error(`${node.name} refused a transfer: ${refused.error?.message}`)
  const sentMs = performance.now() - started
  let missing = transfers.hashes
  while (missing.length > 0) {
    const receipts = await load.run(
      missing.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] })),
      200,
    )
    const failed = receipts.find((answer) => answer.result && (answer.result as { status: string }).status !== '0x1')
    if (failed) throw new Error(`${node.name}: a transfer failed`)
    missing = missing.filter((_, index) => !receipts[index]!.result)
    if (missing.length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const tookMs = performance.now() - started
  const cpu = (await cpuSeconds(node.process.pid!)) - cpuBefore
  const balances = await load.run(
    transfers.recipients.slice(0, 500).map((address) => ({ method: 'eth_getBalance', params: [address, 'latest'] })),
    100,
  )
  if (!balances.every((answer) => answer.result === '0x1')) throw new Error(`${node.name}: a recipient was not paid`)
  const blocks = (await head()) - heightBefore
  load.close()
  const total = transfers.raws.length
  return {
    node: node.name,
    mode: mode.name,
    perSecond: (total / tookMs) * 1000,
    sendPerSecond: (total / sentMs) * 1000,
    cpuSeconds: cpu,
    blocks,
  }
}

async function startOurs(transfers: Transfers): Promise<Node> {
  const folder = await mkdtemp(join(tmpdir(), 'weightless-bench-'))
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv.filter((flag) => !flag.startsWith('--cpu-prof')),
      ...(process.env['NODE_PROF'] ? ['--cpu-prof', `--cpu-prof-dir=${process.env['NODE_PROF']}`] : []),
      new URL('./startNode.ts', import.meta.url).pathname,
      folder,
      transfers.senders.join(','),
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const line = await firstLine(child, (text) => text.includes('"url"'))
  return { name: 'ours', url: (JSON.parse(line) as { url: string }).url, process: child, notes: '', folder }
}

async function startAnvil(transfers: Transfers): Promise<Node> {
  const binary = new URL(
    `./node_modules/@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/bin/anvil`,
    import.meta.url,
  ).pathname
  const child = spawn(
    binary,
    [
      '--port',
      '18545',
      '--chain-id',
      '31337',
      '--gas-limit',
      '500000000',
      '--hardfork',
      'cancun',
      '--order',
      'fifo',
      '--block-time',
      '1',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await firstLine(child, (text) => text.includes('Listening on'))
  const url = 'http://127.0.0.1:18545'
  const load = createLoad(url, 2)
  await load.run(
    transfers.senders.map((address) => ({
      method: 'anvil_setBalance',
      params: [address, `0x${(10n ** 24n).toString(16)}`],
    })),
    100,
  )
  load.close()
  return { name: 'anvil', url, process: child, notes: '' }
}

async function firstLine(child: ChildProcess, matches: (line: string) => boolean): Promise<string> {
  let text = ''
  return await new Promise((resolve, reject) => {
    const read = (part: Buffer): void => {
      text += part.toString('utf8')
      const line = text.split('\n').find(matches)
      if (line === undefined) return
      child.stdout!.off('data', read)
      child.stdout!.resume()
      resolve(line)
    }
    child.stdout!.on('data', read)
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${text.slice(-500)}`)))
  })
}

/** CPU seconds of the process and its threads, children apart. Children count too. */
async function cpuSeconds(pid: number): Promise<number> {
  const own = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
  const kids = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean)
  const below = await Promise.all(kids.map((kid) => cpuSeconds(Number(kid))))
  return (Number(own[11]) + Number(own[12])) / 100 + below.reduce((sum, seconds) => sum + seconds, 0)
}
