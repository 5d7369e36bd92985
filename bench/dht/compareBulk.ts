/** Bulk bytes between two processes over HTTP and over a libp2p stream (TCP, noise, yamux), in turns: why rows go over HTTP. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

const [mebibytes = 128, rounds = 5] = process.argv.slice(2).map(Number)
const [server, client] = [start(), start()]
const from = await ask(server, {})
const rates = { http: [] as number[], libp2p: [] as number[] }
const cpu = { http: [] as number[], libp2p: [] as number[] }
for (let round = 0; round <= rounds; round++) {
  for (const read of ['http', 'libp2p'] as const) {
    const { bytes, ms, cpuMs } = await ask<{ bytes: number; ms: number; cpuMs: number }>(client, { read, from })
    if (bytes !== mebibytes * 1_048_576) throw new Error(`${read} brought ${bytes} bytes`)
    if (round === 0) continue
    rates[read].push(bytes / ms / 1_000)
    cpu[read].push((cpuMs / mebibytes) * 1_024)
  }
}
for (const read of ['http', 'libp2p'] as const) {
  const rate = Math.round(median(rates[read]))
  console.log(
    `${read}: ${rate} MB/s, ${(median(cpu[read]) / 1_000).toFixed(2)} CPU-s of the reader per GiB (medians of ${rounds})`,
  )
}
console.log(`HTTP is ${(median(rates.http) / median(rates.libp2p)).toFixed(1)} times as fast`)
server.disconnect()
client.disconnect()

function start(): ChildProcess {
  return fork(join(import.meta.dirname, 'serveBulk.ts'), [String(mebibytes)])
}

function ask<Answer = unknown>(child: ChildProcess, message: object): Promise<Answer> {
  return new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer as Answer))
    child.send(message)
  })
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
