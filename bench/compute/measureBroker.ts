/**
 * What gateway and provider together add to a chat: processor time, latency beside the same client straight at the server,
 * delay of the first token, throughput beside LiteLLM's proxy, memory, and whether the money is right afterwards.
 * `node measureBroker.ts [requests of the memory run, default 20000]`
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Hex } from '@weightless/codec'
import { abis, addresses } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { createLedger } from '@weightless/ledger'
import { cpuSecondsOf, kill, residentBytesOf, type Started, startModule } from '../network/processes.ts'
import { askStream, askWhole, atRate, flatOut, quantile, type Target } from './loadClient.ts'
import { startLiteLlm } from './startLiteLlm.ts'

const memoryRequests = Number(process.argv[2] ?? 20_000)
const keys = Array.from({ length: 1_000 }, (_, index) => `sk-bench-${String(index).padStart(4, '0')}-0123456789abcdef`)
const part = (name: string, options: object) =>
  startModule<{ url: string; user: Hex; address: Hex }>('../compute/startPart.ts', [name, JSON.stringify(options)])

const upstream = await startModule<{ url: string }>('../compute/mockUpstream.ts', [])
const chain = await part('chain', {})
const provider = await part('provider', { rpcUrl: chain.said.url, upstreamUrl: upstream.said.url })
const gateway = await part('gateway', { rpcUrl: chain.said.url, keys })
const path = '/v1/chat/completions'
const direct: Target = { url: `${upstream.said.url}${path}`, keys }
const through: Target = { url: `${gateway.said.url}${path}`, keys }
const liteLlm = await startLiteLlm(upstream.said.url)
let failed = 0
try {
  await flatOut(through, 8, 2_000)
  await flatOut(direct, 8, 2_000)
  await measureRate()
  await measureStreams()
  await measureThroughput()
  await measureMemory()
  await checkMoney()
} finally {
  await liteLlm?.stop()
  for (const { child } of [gateway, provider, chain, upstream]) await kill(child)
}
process.exit(failed > 0 ? 1 : 0)

/** 500 a second through both and 500 straight, one beside the other. */
async function measureRate(): Promise<void> {
  const [differences, throughMs, directMs]: [number[], number[], number[]] = [[], [], []]
  const before = brokerSeconds()
  const lateMs = await atRate(500, 20, async () => {
    const [one, other] = await Promise.all([askWhole(through), askWhole(direct)])
    count(one.status)
    throughMs.push(one.ms)
    directMs.push(other.ms)
    differences.push(one.ms - other.ms)
  })
  await settle()
  const usedMicros = ((brokerSeconds() - before) / throughMs.length) * 1e6
  print('processor time added per request', `${usedMicros.toFixed(0)} µs`, 'at most 400 µs')
  print('latency added at 500/s, p50', `${quantile(differences, 0.5).toFixed(2)} ms`, 'at most 0.6 ms')
  const [p99, straight] = [quantile(throughMs, 0.99), quantile(directMs, 0.99)]
  print(
    'latency at 500/s, p99',
    `${p99.toFixed(2)} ms (straight ${straight.toFixed(2)})`,
    `at most ${(2 * straight + 2).toFixed(2)} ms`,
  )
  print('begins were late by at most', `${lateMs.toFixed(1)} ms`, '')
}

/** The first piece, and the gaps between pieces that the server sends 20 ms apart. */
async function measureStreams(): Promise<void> {
  const [added, gaps]: [number[], number[]] = [[], []]
  await atRate(40, 10, async () => {
    const [one, other]: [number[], number[]] = [[], []]
    await Promise.all([askStream(through, (ms) => one.push(ms)), askStream(direct, (ms) => other.push(ms))])
    added.push(one[0]! - other[0]!)
    for (let piece = 1; piece < 5; piece++) gaps.push(Math.abs(one[piece]! - one[piece - 1]! - 20))
  })
  print('first token later by, p50', `${quantile(added, 0.5).toFixed(2)} ms`, 'at most 1 ms')
  print('gaps between pieces off by, p95', `${quantile(gaps, 0.95).toFixed(2)} ms`, 'never buffered')
}

async function measureThroughput(): Promise<void> {
  const ours: { rate: number; p99: number }[] = []
  const theirs: { rate: number; p99: number }[] = []
  for (let round = 0; round < 3; round++) {
    ours.push(summary(await flatOut(through, 32, 6_000)))
    if (liteLlm) theirs.push(summary(await flatOut({ url: `${liteLlm.url}${path}`, keys }, 32, 800)))
  }
  const [own, rival] = [median(ours), median(theirs)]
  print('throughput, 32 clients', `${own.rate.toFixed(0)}/s, p99 ${own.p99.toFixed(1)} ms`, '')
  if (!liteLlm) return print('LiteLLM', 'not there: pip could not install it', 'at least 5 times its throughput')
  print('LiteLLM, one worker', `${rival.rate.toFixed(0)}/s, p99 ${rival.p99.toFixed(1)} ms`, '')
  print('ratio', `${(own.rate / rival.rate).toFixed(1)} ×`, 'at least 5 ×, at a lower p99')
}

function summary({ samples, seconds }: Awaited<ReturnType<typeof flatOut>>) {
  for (const { status } of samples) count(status)
  return {
    rate: samples.length / seconds,
    p99: quantile(
      samples.map(({ ms }) => ms),
      0.99,
    ),
  }
}

function median(rounds: { rate: number; p99: number }[]) {
  return (
    rounds.toSorted((a, b) => a.rate - b.rate)[Math.floor(rounds.length / 2)] ?? { rate: Number.NaN, p99: Number.NaN }
  )
}

async function measureMemory(): Promise<void> {
  const before = [gateway, provider].map(residentMb)
  for (let done = 0; done < memoryRequests; done += 5_000) {
    for (const { status } of (await flatOut(through, 16, Math.min(5_000, memoryRequests - done))).samples) count(status)
  }
  await settle()
  const after = [gateway, provider].map(residentMb)
  print(
    `memory over ${memoryRequests} requests`,
    `gateway ${before[0]} → ${after[0]} MB, provider ${before[1]} → ${after[1]} MB`,
    'flat',
  )
}

/** What was receipted, what was vouched for and what the chain has paid must be one sum. */
async function checkMoney(): Promise<void> {
  await settle()
  const env = createNodeEnv({ dataFolder: '/tmp', log: 'silent' })
  const ledger = createLedger({ rpcUrl: chain.said.url, env })
  const at = { address: addresses.receiptSettlement, abi: abis.receiptSettlement } as const
  const [paid, owed] = await ledger.read({
    ...at,
    functionName: 'pairs',
    args: [gateway.said.user, provider.said.address],
  })
  const receipted = BigInt(await readReceipted())
  await env.close()
  const isRight = paid === owed && paid === receipted
  if (!isRight) failed++
  print('receipts, and what the chain paid', `${receipted} and ${paid} wei`, isRight ? 'equal' : 'NOT EQUAL')
}

/** The sum over all keys, as the gateway's usage pages have it. */
async function readReceipted(): Promise<bigint> {
  let sum = 0n
  for (const key of keys) {
    const answer = await fetch(`${gateway.said.url}/v1/usage?days=2`, { headers: { authorization: `Bearer ${key}` } })
    const { data } = (await answer.json()) as { data: { spent_wei: string }[] }
    for (const row of data) sum += BigInt(row.spent_wei)
  }
  return sum
}

async function settle(): Promise<void> {
  for (const { child } of [gateway, provider]) {
    const lines = createInterface({ input: child.stdout! })
    child.kill('SIGUSR2')
    await once(lines, 'line')
    lines.close()
  }
}

function brokerSeconds(): number {
  return cpuSecondsOf(gateway.child.pid!) + cpuSecondsOf(provider.child.pid!)
}

function residentMb({ child }: Started<unknown>): number {
  return Math.round(residentBytesOf(child.pid!) / 1e6)
}

function count(status: number): void {
  if (status === 200) return
  failed++
  if (failed < 5) console.error(`a request was answered ${status}`)
}

function print(what: string, figure: string, asked: string): void {
  console.log(`${what.padEnd(38)} ${figure.padEnd(44)} ${asked}`)
}
