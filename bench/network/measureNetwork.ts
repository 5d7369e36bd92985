/**
 * A file into and out of six holders, acknowledged durable, against MinIO and kubo in the same run: rates, processor by
 * stage, memory of a holder, reads with a third of the holders killed, first byte of random ranges.
 * `node measureNetwork.ts [MiB …]`; 1024 by default.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firstBytes, read, startNetwork, type Transfer, write } from './codedNetwork.ts'
import { kill } from './processes.ts'
import { buildRivals, measureKubo, measureMinio } from './rivals.ts'

const mebibyte = 2 ** 20
const sizes = process.argv.slice(2).map(Number)
const folder = mkdtempSync(join(tmpdir(), 'weightless-network-'))
buildRivals()
try {
  for (const mebibytes of sizes.length > 0 ? sizes : [1024]) await measureSize(mebibytes * mebibyte)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function measureSize(sizeBytes: number): Promise<void> {
  const path = makeFile(sizeBytes)
  console.log(`\n${sizeBytes / mebibyte} MiB`)
  const network = await startNetwork(folder, 6)
  const written = await write(network, path)
  show('write, final at 6 holders', written)
  const healthy = await read(network, written.root)
  show('read, every segment proved', healthy)
  const times = await firstBytes(network, written.root, 200)
  console.log(`first byte of a random range: p50 ${times[100]!.toFixed(1)} ms, p95 ${times[190]!.toFixed(1)} ms`)
  for (const index of [0, 1]) await kill(network.holders[index]!.child)
  const degraded = await read(network, written.root)
  show('read, two of six killed', degraded)
  await network.close()
  const minio = await measureMinio(folder, path)
  const kubo = await measureKubo(folder, path)
  const rate = (seconds: number): string => `${(sizeBytes / 1e6 / seconds).toFixed(0)} MB/s`
  console.log(
    `MinIO EC:5 on 15 drives: write ${rate(minio.writeSeconds)}, read ${rate(minio.readSeconds)}, ${describe(minio)}`,
  )
  console.log(`kubo, one copy: add ${rate(kubo.writeSeconds)}, cat ${rate(kubo.readSeconds)}, ${describe(kubo)}`)
  console.log(
    `write: ${(minio.writeSeconds / written.seconds).toFixed(2)} x MinIO, ${(kubo.writeSeconds / written.seconds).toFixed(2)} x kubo`,
  )
  console.log(
    `read: ${(minio.readSeconds / healthy.seconds).toFixed(2)} x MinIO, ${(kubo.readSeconds / healthy.seconds).toFixed(2)} x kubo`,
  )
  console.log(`read with a third killed: ${(healthy.seconds / degraded.seconds).toFixed(2)} x healthy`)
  rmSync(path)
}

function describe({ cpuSeconds, peakBytes }: { cpuSeconds: number; peakBytes: number }): string {
  return `${cpuSeconds.toFixed(1)} s of processor for one write and the reads, ${(peakBytes / 1e6).toFixed(0)} MB`
}

function show(what: string, { bytesPerSecond, cpu, holderPeakBytes }: Transfer): void {
  const stages = Object.entries(cpu).map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)}`)
  const rate = (bytesPerSecond / 1e6).toFixed(0)
  console.log(
    `${what}: ${rate} MB/s; seconds of processor: ${stages.join(', ')}; holder at most ${(holderPeakBytes / 1e6).toFixed(0)} MB`,
  )
}

function makeFile(sizeBytes: number): string {
  const path = join(folder, 'file')
  const file = openSync(path, 'w')
  for (let at = 0; at < sizeBytes; at += mebibyte) writeSync(file, randomBytes(Math.min(mebibyte, sizeBytes - at)))
  closeSync(file)
  return path
}
