// Mining: sealing and unsealing a segment, growing pads, trying a load; BLAKE2b beside hash-wasm's and OpenSSL's; and what a
// holder reads from its disk when fragments lie plain and when they lie sealed.
//   node bench/coding/sealing.ts [rounds]     (Node 24)
// CPU seconds of one thread, medians of interleaved rounds; the holder's reads: wall and CPU of all threads.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileTree, keccak256 } from '@weightless/crypto'
import { runQualities, wasmPora } from '@weightless/crypto/poraKernel'
import { createNodeEnv } from '@weightless/env/node'
import { openFragmentStore } from '@weightless/storage/holder/fragmentStore'
import { sealAtRest } from '@weightless/storage/mining/sealAtRest'
import { codeFile } from '@weightless/storage/testing/codedFile'
import { encodeFragmentFrame } from '@weightless/storage/wire'
import { createBLAKE2b } from 'hash-wasm'
import { loadNative } from '../../packages/env/src/node/loadNative.ts'
import { cpuSeconds, fillWithNoise, median } from './buildRivals.ts'

const rounds = Number(process.argv[2] ?? 5)
const segmentBytes = 262_144
const nonces = 32
const segment = new Uint8Array(segmentBytes)
fillWithNoise(segment)
const native = loadNative()
console.log(`load average ${loadavg()[0]!.toFixed(1)}, ${cpus()[0]!.model}; native lanes ${native?.lanes() ?? 0}`)
await measureKernels()
await measureReads()

async function measureKernels(): Promise<void> {
  const head = segment.slice(0, 96)
  const seeds = segment.slice(0, 64 * nonces)
  const [pads, recalls] = [new Uint8Array(16_384 * nonces), new Uint8Array(32 * nonces)]
  const nonce = { seed: seeds.subarray(0, 64), pad: segment.slice(0, 16_384) }
  const rival = await createBLAKE2b(512)
  const message = segment.subarray(0, 4224)
  const overSeals = (hash: () => void) => () => {
    for (let index = 0; index < 64; index++) hash()
  }
  const jobs: { [name: string]: () => void } = {}
  for (const [name, engine] of [['native', native] as const, ['WebAssembly', wasmPora] as const]) {
    if (!engine) continue
    jobs[`seal a segment, ${name}`] = () => engine.sealChains(head, segment, false)
    jobs[`unseal a segment, ${name}`] = () => engine.sealChains(head, segment, true)
    jobs[`grow ${nonces} pads, ${name}`] = () => engine.growPads(seeds, pads, recalls)
  }
  jobs['try a load: 64 qualities, WebAssembly'] = () => void runQualities(nonce, segment, -1, -1)
  jobs['64 × BLAKE2b alone, hash-wasm'] = overSeals(() => void rival.init().update(message).digest('binary'))
  jobs['64 × BLAKE2b alone, node:crypto'] = overSeals(() => void createHash('blake2b512').update(message).digest())
  const samples = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of Object.entries(jobs)) {
      job()
      const start = cpuSeconds()
      for (let time = 0; time < 40; time++) job()
      samples.set(name, [...(samples.get(name) ?? []), (cpuSeconds() - start) / 40])
    }
  }
  for (const [name, list] of samples) {
    const seconds = median(list)
    const bytes = name.startsWith('grow') ? pads.length : segmentBytes
    console.log(`${name.padEnd(40)} ${(seconds * 1e3).toFixed(3)} ms  ${(bytes / 1e9 / seconds).toFixed(2)} GB/s`)
  }
}

async function measureReads(): Promise<void> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-bench-sealing-'))
  const env = createNodeEnv({ dataFolder, workersMax: 2, log: 'silent' })
  const bytes = new Uint8Array(64 * segmentBytes)
  fillWithNoise(bytes)
  const coded = codeFile(bytes, fileTree(bytes), { dataRows: 1, parityRows: 1 })
  const events = { onStored: () => undefined, onLost: () => undefined }
  const store = await openFragmentStore({ clock: env.clock, disk: env.disk, log: env.log }, events)
  const fragments = sealAtRest(store, env.tasks)
  const fileKey = 'ab'.repeat(20)
  const frames = Array.from({ length: 64 }, (_, stripe) => encodeFragmentFrame(coded.fragment(stripe, 0)!))
  await Promise.all(frames.map((frame, stripe) => fragments.add(fileKey, stripe, frame)))
  const readAll = async (name: string): Promise<void> => {
    const start = { wallMs: performance.now(), cpu: cpuSeconds() }
    for (let time = 0; time < 8; time++) {
      for (let from = 0; from < 64; from += 8) {
        await Promise.all(Array.from({ length: 8 }, (_, at) => fragments.read(fileKey, from + at, bytes.length)))
      }
    }
    const [seconds, cpu] = [(performance.now() - start.wallMs) / 1e3, cpuSeconds() - start.cpu]
    const gigabytes = (8 * bytes.length) / 1e9
    console.log(
      `${name.padEnd(40)} ${(gigabytes / seconds).toFixed(2)} GB/s  ${(cpu / gigabytes).toFixed(2)} CPU-s per GB`,
    )
  }
  await readAll('holder reads plain fragments, first time')
  await readAll('holder reads plain fragments')
  const [minerId, contextDigest] = [keccak256(new Uint8Array(1)), keccak256(new Uint8Array(2))]
  const startMs = performance.now()
  for (let from = 0; from < 64; from += 8) {
    const eight = Array.from({ length: 8 }, (_, at) => {
      const startSector = 1024 * (from + at + 1)
      return fragments.seal(fileKey, from + at, { minerId, contextDigest, startSector })
    })
    await Promise.all(eight)
  }
  const seconds = (performance.now() - startMs) / 1e3
  console.log(`${'holder seals what it keeps'.padEnd(40)} ${(bytes.length / 1e9 / seconds).toFixed(2)} GB/s`)
  await readAll('holder reads sealed fragments, first time')
  await readAll('holder reads sealed fragments')
  await fragments.close()
  await env.close()
  rmSync(dataFolder, { recursive: true })
}
