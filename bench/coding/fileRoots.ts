// File roots: ours (native kernels as in a node, and WebAssembly), the published SDK, go-ethereum's keccak, XKCP's AVX2 keccak in C.
//   node bench/coding/fileRoots.ts [smallBytes] [largeBytes] [rounds]     (Node 24; powers of two)
// Small: one thread each, CPU seconds. Large: two threads each where there are two, wall clock. Medians, interleaved.
import { createRequire } from 'node:module'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesToHex } from '@weightless/codec'
import { closeFileTree, fileRoot, fileShape, segmentBytes, setKeccakEngine } from '@weightless/crypto'
import { wasmKeccak } from '@weightless/crypto/keccakKernel'
import { createNodeEnv } from '@weightless/env/node'
import { loadNative } from '../../packages/env/src/node/loadNative.ts'
import { askRival, buildRivals, cpuSeconds, fillWithNoise, median } from './buildRivals.ts'

const smallBytes = Number(process.argv[2] ?? 16 * 1024 * 1024)
const largeBytes = Number(process.argv[3] ?? 1024 * 1024 * 1024)
const rounds = Number(process.argv[4] ?? 5)
const { MemData } = createRequire(import.meta.url)('@0gfoundation/0g-ts-sdk')
const rivals = buildRivals()
const native = loadNative()
const env = createNodeEnv({ dataFolder: join(tmpdir(), 'weightless-bench-coding'), workersMax: 2 })
console.log(`load average ${loadavg()[0]!.toFixed(1)}, ${cpus()[0]!.model}, native lanes ${native?.lanes() ?? 0}`)

await compare(`${smallBytes} bytes, one thread, CPU seconds`, smallBytes, {
  'ours, native': native && oursOn(native, 8, smallBytes),
  'ours, native, AVX2 only': native && oursOn(native, 4, smallBytes),
  'ours, WebAssembly': oursOn(wasmKeccak, 0, smallBytes),
  'published SDK': sdk(smallBytes),
  'XKCP AVX2 4-way (C)': rivals.rust && (async () => ask(rivals.rust!, ['root', smallBytes], 'cpu')),
  'go-ethereum keccak': rivals.go && (async () => ask(rivals.go!, [smallBytes, 1], 'cpu')),
})
setKeccakEngine(native ?? wasmKeccak)
native?.limitLanes(8)
await compare(`${largeBytes} bytes, two threads, wall seconds`, largeBytes, {
  'ours, two workers': twoWorkers(largeBytes),
  'go-ethereum keccak, two goroutines': rivals.go && (async () => ask(rivals.go!, [largeBytes, 2], 'wall')),
  'XKCP AVX2 4-way (C), one thread': rivals.rust && (async () => ask(rivals.rust!, ['root', largeBytes], 'wall')),
})
await env.close()

type Run = () => Promise<{ seconds: number; root: string }>

async function compare(title: string, bytes: number, contenders: { [name: string]: Run | undefined }): Promise<void> {
  const samples = new Map<string, number[]>()
  const roots = new Set<string>()
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      if (!run) continue
      const { seconds, root } = await run()
      roots.add(root)
      // The first round warms up.
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), seconds])
    }
  }
  if (roots.size !== 1) throw new Error(`roots differ: ${[...roots]}`)
  const ours = median([...samples.values()][0]!)
  console.log(`\n${title}; median of ${rounds}`)
  for (const [name, list] of samples) {
    const seconds = median(list)
    const row = [name.padEnd(36), `${seconds.toFixed(4)} s`, `${(bytes / 1e9 / seconds).toFixed(3)} GB/s`]
    console.log([...row, `ours is ${(seconds / ours).toFixed(2)} x`].join('  '))
  }
}

function oursOn(engine: typeof wasmKeccak, lanes: number, sizeBytes: number): Run {
  const bytes = new Uint8Array(sizeBytes)
  fillWithNoise(bytes)
  return async () => {
    setKeccakEngine(engine)
    if (lanes > 0) native!.limitLanes(lanes)
    return timed(() => bytesToHex(fileRoot(bytes)).slice(2))
  }
}

function sdk(sizeBytes: number): Run {
  const bytes = new Uint8Array(sizeBytes)
  fillWithNoise(bytes)
  return () =>
    timed(async () => {
      const [tree, error] = await new MemData(bytes).merkleTree()
      if (error) throw error
      return (tree.rootHash() as string).slice(2)
    })
}

/** Whole segments go to two workers in batches of 16 MiB, as views of shared memory. */
function twoWorkers(sizeBytes: number): Run {
  const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes))
  fillWithNoise(bytes)
  const module = new URL(import.meta.resolve('@weightless/crypto/hashSegmentsTask'))
  const batchBytes = 64 * segmentBytes
  return async () => {
    const start = performance.now()
    const shape = fileShape(sizeBytes)
    const lastAt = (shape.segments - 1) * segmentBytes
    const batches: Promise<Uint8Array>[] = []
    for (let at = 0; at < lastAt; at += batchBytes) {
      batches.push(env.tasks.run<Uint8Array>(module, bytes.subarray(at, Math.min(lastAt, at + batchBytes))))
    }
    const roots: Uint8Array[] = []
    for (const batch of await Promise.all(batches)) {
      for (let at = 0; at < batch.length; at += 32) roots.push(batch.subarray(at, at + 32))
    }
    const { root } = closeFileTree(shape, roots, bytes.slice(lastAt))
    return { seconds: (performance.now() - start) / 1000, root: bytesToHex(root).slice(2) }
  }
}

function ask(
  program: string,
  parameters: (string | number)[],
  clock: 'cpu' | 'wall',
): { seconds: number; root: string } {
  const answer = askRival(program, parameters)
  return { seconds: Number(answer[clock]), root: String(answer.root) }
}

async function timed(work: () => string | Promise<string>): Promise<{ seconds: number; root: string }> {
  const start = cpuSeconds()
  const root = await work()
  return { seconds: cpuSeconds() - start, root }
}
