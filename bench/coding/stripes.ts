// Stripes of 256-KiB rows: parity, recovery with a third missing, row tree and linear check, one thread; whole stripes on two workers.
// Rival: reed-solomon-simd (Rust, AVX2), the same code: its parity has to be equal byte by byte.
//   node bench/coding/stripes.ts [rounds]     (Node 24)
// CPU seconds, the best of several times in each round, medians of interleaved rounds.
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkRow, decodeRows, encodeRows, encodeStripe, setCoderEngine } from '@weightless/coder'
import { challengeOf, combineRows } from '@weightless/coder/combineRows'
import { rowTree } from '@weightless/coder/rowTree'
import { createNodeEnv } from '@weightless/env/node'
import { loadNative } from '../../packages/env/src/node/loadNative.ts'
import { askRival, buildRivals, cpuSeconds, fillWithNoise, median } from './buildRivals.ts'

const rounds = Number(process.argv[2] ?? 5)
const times = 12
const rowBytes = 262_144
const rivals = buildRivals()
const native = loadNative()
const engine = native?.hasCoder() ? native : undefined
const env = createNodeEnv({ dataFolder: join(tmpdir(), 'weightless-bench-coding'), workersMax: 2 })
console.log(
  `load average ${loadavg()[0]!.toFixed(1)}, ${cpus()[0]!.model}; ${engine ? 'native' : 'WebAssembly'}; GB/s are bytes of data rows`,
)

for (const [dataRows, parityRows] of [
  [4, 2],
  [16, 8],
  [32, 16],
] as const) {
  await measure(dataRows, parityRows)
}
await env.close()

async function measure(dataRows: number, parityRows: number): Promise<void> {
  const shape = { dataRows, parityRows }
  const data = new Uint8Array(dataRows * rowBytes)
  fillWithNoise(data)
  const rows = Array.from({ length: dataRows }, (_, r) => data.subarray(r * rowBytes, (r + 1) * rowBytes))
  const stripe = encodeStripe(shape, rows, rowBytes)
  const all = [...rows, ...stripe.parity]
  const lost = [...all.keys()].filter((r) => r % 3 === 0)
  const given = all.map((row, r) => (lost.includes(r) ? undefined : row))
  const lostData = lost.filter((r) => r < dataRows)
  const challenge = challengeOf(shape, rowBytes, stripe.header.rowRoot)
  const path = stripe.rowPath(dataRows)
  const encode = () => encodeRows(shape, rows, rowBytes)
  const decode = () => decodeRows(shape, given, rowBytes, lostData)
  const combine = () => combineRows(challenge, rows)
  const whole = () => encodeStripe(shape, rows, rowBytes)
  const jobs: { [name: string]: () => void } = {
    encode,
    'encode, WebAssembly': portably(encode),
    decode,
    'decode, WebAssembly': portably(decode),
    rowTree: () => rowTree(shape, rows, stripe.parity, rowBytes),
    combinations: combine,
    'combinations, WebAssembly': portably(combine),
    encodeStripe: whole,
    'encodeStripe, WebAssembly': portably(whole),
    'checkRow (one row)': () => checkRow(stripe.header, dataRows, stripe.parity[0]!, path),
  }
  const samples = new Map<string, number[]>()
  const add = (name: string, seconds: number) => samples.set(name, [...(samples.get(name) ?? []), seconds])
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of Object.entries(jobs)) add(name, bestOf(job))
    if (rivals.rust) {
      const answer = askRival(rivals.rust, ['code', dataRows, parityRows, rowBytes, lost.join(','), times])
      if (Number(answer.parity) !== fingerprint(stripe.parity)) throw new Error('parity differs from reed-solomon-simd')
      add('encode, reed-solomon-simd', Number(answer.encodeCpu))
      add('decode, reed-solomon-simd', Number(answer.decodeCpu))
    }
    add('encodeStripe, two workers (wall)', await onTwoWorkers(dataRows, parityRows))
  }
  console.log(
    `\n${dataRows} + ${parityRows}, ${lostData.length} data rows of ${lost.length} lost ones decoded; median of ${rounds}`,
  )
  for (const [name, list] of samples) {
    const seconds = median(list)
    const bytes = name.startsWith('checkRow') ? rowBytes : data.length
    console.log(`${name.padEnd(34)} ${(seconds * 1e3).toFixed(3)} ms  ${(bytes / 1e9 / seconds).toFixed(2)} GB/s`)
  }
}

function portably(job: () => void): () => void {
  return () => {
    setCoderEngine(undefined)
    job()
    setCoderEngine(engine)
  }
}

function bestOf(job: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < times; i++) {
    const start = cpuSeconds()
    job()
    best = Math.min(best, cpuSeconds() - start)
  }
  return best
}

/** Wall seconds for one stripe when two workers make stripes side by side. */
async function onTwoWorkers(dataRows: number, parityRows: number): Promise<number> {
  const module = new URL('./encodeStripesTask.ts', import.meta.url)
  const input = { dataRows, parityRows, rowBytes, stripes: Math.ceil(256 / dataRows) }
  await Promise.all([0, 1].map(() => env.tasks.run(module, { ...input, stripes: 2 })))
  const walls = await Promise.all([0, 1].map(() => env.tasks.run<number>(module, input)))
  return Math.max(...walls) / (2 * input.stripes)
}

function fingerprint(rows: readonly Uint8Array[]): number {
  let sum = 2166136261
  for (const row of rows) for (const byte of row) sum = Math.imul(sum ^ byte, 16777619)
  return sum >>> 0
}
