/**
 * Processor time of gateway and provider per request with few clients at once, which hardly depends on what else the machine
 * does: of this checkout, or of several beside each other in turns. Beside it the median wait: for the whole answer, or with
 * `--stream` for its first piece.
 * `node compareBrokers.ts [--requests 2000] [--rounds 5] [--lanes 8] [--stream] [--profile FOLDER] [checkout …]`
 */
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { cpuSecondsOf, kill, type Started, startModule } from '../network/processes.ts'
import { askStream, askWhole, flatOut, quantile, type Sample, type Target } from './loadClient.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    lanes: { type: 'string', default: '8' },
    stream: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})
const [requests, rounds, lanes] = [values.requests, values.rounds, values.lanes].map(Number) as [number, number, number]
const own = new URL('../..', import.meta.url).pathname
const checkouts = positionals.length > 0 ? positionals.map((folder) => resolve(folder)) : [own]
const keys = Array.from({ length: 1_000 }, (_, index) => `sk-bench-${String(index).padStart(4, '0')}-0123456789abcdef`)

type Part = Started<{ url: string }>
type Arm = { checkout: string; parts: { chain: Part; provider: Part; gateway: Part }; target: Target; rounds: Round[] }
type Round = { gateway: number; provider: number; p50: number }

const upstream = await startModule<{ url: string }>('../compute/mockUpstream.ts', [])
const arms: Arm[] = []
for (const checkout of checkouts) arms.push(await startArm(checkout))
try {
  for (const arm of arms) await measureRound(arm)
  for (const arm of arms) arm.rounds.length = 0
  for (let round = 0; round < rounds; round++) for (const arm of arms) await measureRound(arm)
  for (const { checkout, rounds: done } of arms) {
    const middle = (pick: (round: Round) => number) => quantile(done.map(pick), 0.5)
    const sum = middle(({ gateway, provider }) => gateway + provider)
    const [gateway, provider, p50] = [middle((at) => at.gateway), middle((at) => at.provider), middle((at) => at.p50)]
    const parts = `gateway ${gateway.toFixed(0)} µs, provider ${provider.toFixed(0)} µs, together ${sum.toFixed(0)} µs`
    console.log(`${checkout}: ${parts}, p50 ${p50.toFixed(2)} ms`)
  }
} finally {
  for (const { parts } of arms) {
    for (const { child } of Object.values(parts)) await kill(child, values.profile ? 'SIGTERM' : 'SIGKILL')
  }
  await kill(upstream.child)
}

async function startArm(checkout: string): Promise<Arm> {
  const part = (name: string, options: object) => {
    const profiled =
      values.profile && name !== 'chain' ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}/${name}`] : []
    return startModule<{ url: string }>(
      `${checkout}/bench/compute/startPart.ts`,
      [name, JSON.stringify(options)],
      profiled,
    )
  }
  const chain = await part('chain', {})
  const provider = await part('provider', { rpcUrl: chain.said.url, upstreamUrl: upstream.said.url })
  const gateway = await part('gateway', { rpcUrl: chain.said.url, keys })
  const target = { url: `${gateway.said.url}/v1/chat/completions`, keys }
  return { checkout, parts: { chain, provider, gateway }, target, rounds: [] }
}

async function measureRound({ parts: { gateway, provider }, target, rounds: done }: Arm): Promise<void> {
  const before = [gateway, provider].map(({ child }) => cpuSecondsOf(child.pid!))
  const ask = values.stream ? askFirstPiece : askWhole
  const { samples } = await flatOut(target, lanes, requests, ask)
  const failed = samples.filter(({ status }) => status !== 200).length
  if (failed > 0) throw new Error(`${failed} of ${requests} requests failed`)
  for (const part of [gateway, provider]) await settle(part)
  const micros = [gateway, provider].map(
    ({ child }, index) => ((cpuSecondsOf(child.pid!) - before[index]!) / requests) * 1e6,
  )
  const p50 = quantile(
    samples.map(({ ms }) => ms),
    0.5,
  )
  done.push({ gateway: micros[0]!, provider: micros[1]!, p50 })
}

/** A stream is as fast as its first piece. */
async function askFirstPiece(target: Target): Promise<Sample> {
  let firstMs: number | undefined
  const { status, ms } = await askStream(target, (pieceMs) => {
    firstMs ??= pieceMs
  })
  return { status, ms: firstMs ?? ms }
}

async function settle({ child }: Part): Promise<void> {
  const lines = createInterface({ input: child.stdout! })
  child.kill('SIGUSR2')
  await once(lines, 'line')
  lines.close()
}
