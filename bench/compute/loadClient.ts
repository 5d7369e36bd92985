/** Requests of many keys, each with another body, over kept-alive connections: at a fixed rate, or as fast as answers come. */
import { Agent, request } from 'node:http'

export type Target = { url: string; keys: readonly string[] }

export type Sample = { ms: number; status: number }

const agent = new Agent({ keepAlive: true, maxSockets: 512, scheduling: 'fifo' })
let serial = 0

/** One whole chat. */
export function askWhole(target: Target): Promise<Sample> {
  return send(target, false, () => undefined)
}

/** One streamed chat; `onPiece` hears of each piece as it comes. */
export function askStream(target: Target, onPiece: (ms: number) => void): Promise<Sample> {
  return send(target, true, onPiece)
}

function send({ url, keys }: Target, stream: boolean, onPiece: (ms: number) => void): Promise<Sample> {
  const number = serial++
  const content = `Question ${number}: ${'what is known of this? '.repeat(1 + (number % 7))}`
  const body = JSON.stringify({ model: 'mock', max_tokens: 64, stream, messages: [{ role: 'user', content }] })
  const headers = {
    authorization: `Bearer ${keys[number % keys.length]}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.on('data', () => onPiece(performance.now() - startedMs))
      answer.on('end', () => resolve({ ms: performance.now() - startedMs, status: answer.statusCode ?? 0 }))
      answer.on('error', reject)
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

/** `work` begins so many times a second, whatever becomes of those before. Returns how late the begins were at most, in ms. */
export async function atRate(perSecond: number, seconds: number, work: () => Promise<void>): Promise<number> {
  const count = Math.round(perSecond * seconds)
  const startedMs = performance.now()
  const running: Promise<void>[] = []
  let latestMs = 0
  for (let index = 0; index < count; index++) {
    const dueMs = startedMs + (index * 1_000) / perSecond
    // Asleep, not spinning: that would take one of two processors from what is measured, and begin no sooner than a millisecond.
    const earlyMs = dueMs - performance.now()
    if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs))
    latestMs = Math.max(latestMs, performance.now() - dueMs)
    running.push(work())
  }
  await Promise.all(running)
  return latestMs
}

/** `lanes` clients, each asking as soon as it has its answer. Returns all samples and the seconds they took. */
export async function flatOut(
  target: Target,
  lanes: number,
  count: number,
  ask: (target: Target) => Promise<Sample> = askWhole,
): Promise<{ samples: Sample[]; seconds: number }> {
  const samples: Sample[] = []
  let begun = 0
  const startedMs = performance.now()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (begun < count) {
        begun++
        samples.push(await ask(target))
      }
    }),
  )
  return { samples, seconds: (performance.now() - startedMs) / 1_000 }
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}
