/**
 * Fifty nodes in five processes on loopback: how long until roots are told, a lookup with everything warm and with nothing
 * known, hop by hop, and what a node costs in memory and idle CPU. `node measureLookups.ts [processes] [nodes each] [roots each] [lookups]`
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { loadavg } from 'node:os'
import { join } from 'node:path'

type Hop = { asked: string; namedBy?: string; ms: number; outcome: string; holders: number; closer: number }
type Found = { hops: Hop[]; depth: number; ms: number; found: string[] }
type Status = { live: number; peers: number; rootsWaiting: number; recordsKept: number }
type Usage = { rss: number; heapUsed: number; cpuMs: number }

const [processes = 5, nodesEach = 10, rootsEach = 200, lookups = 500] = process.argv.slice(2).map(Number)
const total = processes * nodesEach
console.log(`load average at the start ${loadavg()[0]!.toFixed(1)}`)
const warmUps = 20
const children = Array.from({ length: processes }, startChild)

const before = await Promise.all(children.map((child) => ask<Usage>(child, 'usage')))
const opening = performance.now()
const [first] = await ask<{ nodeId: string; address: string }[]>(children[0]!, 'open', { count: 1, bootstrap: [] })
const bootstrap = [first!.address]
const named = await Promise.all(
  children.map((child, i) =>
    ask<{ nodeId: string; address: string }[]>(child, 'open', {
      count: i === 0 ? nodesEach - 1 : nodesEach,
      bootstrap,
    }),
  ),
)
await until(async () => (await statuses()).every(({ live }) => live === total - 1))
console.log(`${total} nodes in ${processes} processes know each other after ${seconds(opening)} s`)

const roots = named.map((nodes) => nodes.map(() => Array.from({ length: rootsEach }, randomRoot)))
const telling = performance.now()
await Promise.all(
  roots.flatMap((lists, i) => lists.map((list, at) => ask(children[i]!, 'provide', { at, roots: list }))),
)
await until(async () => (await statuses()).every(({ rootsWaiting }) => rootsWaiting === 0))
const kept = (await statuses()).reduce((sum, { recordsKept }) => sum + recordsKept, 0)
console.log(
  `${total * rootsEach} roots told after ${seconds(telling)} s; ${Math.round(kept / total)} records on a node, ${(kept / total / rootsEach).toFixed(1)} copies of each`,
)

const warm: Found[] = []
let missed = 0
for (let i = 0; i < lookups + warmUps; i++) {
  const from = i % processes
  const holder = (from + 1 + (i % (processes - 1))) % processes
  const at = (i * 7) % nodesEach
  const list = roots[holder]![(i * 3) % nodesEach]!
  const answer = await ask<Found>(children[from]!, 'find', { at, root: list[(i * 13) % rootsEach]! })
  const expected = named[holder]![(i * 3) % nodesEach]!.nodeId
  if (!answer.found.includes(expected)) missed++
  else if (i >= warmUps) warm.push(answer)
}
const asked = warm.filter(({ depth }) => depth > 0)
if (missed > 0) console.log(`${missed} of ${lookups + warmUps} lookups did not find the holder in 10 s`)
report(
  'warm, all',
  warm.map(({ ms }) => ms),
)
report(
  'warm, at least one hop',
  asked.map(({ ms }) => ms),
)
console.log(
  `  depth ${spread(asked.map(({ depth }) => depth))}, peers that answered ${spread(asked.map(({ hops }) => hops.length))}; ${warm.length - asked.length} of ${warm.length} needed no hop: the asker keeps that record itself`,
)

const cold: (Found & { openMs: number; totalMs: number })[] = []
for (let i = 0; i < 8; i++) {
  const child = startChild()
  const gate = named[1 + (i % (processes - 1))]![i % nodesEach]!.address
  const root = roots[0]![i % nodesEach]![i]!
  cold.push(await ask(child, 'findCold', { bootstrap: [gate], root }))
  child.disconnect()
}
if (cold.some(({ found }) => found.length === 0)) throw new Error('a cold node found nobody')
report(
  'cold, a process that knows one address, from its first line',
  cold.map(({ totalMs }) => totalMs),
)
report(
  'cold, of it the lookup with connecting',
  cold.map(({ ms }) => ms),
)
const deepest = cold.toSorted((a, b) => b.depth - a.depth)[0]!
console.log(`  one of them, depth ${deepest.depth}:`)
for (const { asked: peer, namedBy, ms, outcome, holders, closer } of deepest.hops) {
  const by = namedBy === undefined ? 'own routing table' : short(namedBy)
  console.log(
    `    ${short(peer)} named by ${by}: ${outcome} (${holders} holders, ${closer} closer) in ${ms.toFixed(1)} ms`,
  )
}

const middle = await Promise.all(children.map((child) => ask<Usage>(child, 'usage')))
const idleMs = 20_000
await sleep(idleMs)
const after = await Promise.all(children.map((child) => ask<Usage>(child, 'usage')))
const mean = (pick: (i: number) => number) => after.reduce((sum, _, i) => sum + pick(i), 0) / total
console.log(
  `memory of a node beside the runtime: ${mib(mean((i) => after[i]!.rss - before[i]!.rss))} resident, ${mib(mean((i) => after[i]!.heapUsed - before[i]!.heapUsed))} of heap, ${Math.round(kept / total)} records among them; a runtime alone has ${mib(before[0]!.rss)}`,
)
console.log(
  `idle CPU of a node: ${((mean((i) => after[i]!.cpuMs - middle[i]!.cpuMs) / idleMs) * 1_000).toFixed(1)} ms a second`,
)
for (const child of children) child.disconnect()
const p50 = quantile(
  warm.map(({ ms }) => ms),
  0.5,
)
console.log(
  p50 < 20 ? `warm p50 ${p50.toFixed(1)} ms is under 20 ms` : `warm p50 ${p50.toFixed(1)} ms is NOT under 20 ms`,
)
process.exit(p50 < 20 && missed === 0 ? 0 : 1)

function startChild(): ChildProcess {
  return fork(join(import.meta.dirname, 'runNodes.ts'), { execArgv: ['--expose-gc'] })
}

function ask<Answer = unknown>(child: ChildProcess, name: string, input?: unknown): Promise<Answer> {
  const id = Math.random()
  return new Promise((resolve, reject) => {
    const listen = (message: { id: number; answer: Answer; fault?: string }): void => {
      if (message.id !== id) return
      child.off('message', listen)
      if (message.fault === undefined) resolve(message.answer)
      else reject(new Error(message.fault))
    }
    child.setMaxListeners(1_000).on('message', listen)
    child.send({ id, name, input })
  })
}

async function statuses(): Promise<Status[]> {
  return (await Promise.all(children.map((child) => ask<Status[]>(child, 'status')))).flat()
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return
    await sleep(200)
  }
  throw new Error('not within two minutes')
}

function report(name: string, values: number[]): void {
  if (values.length === 0) return console.log(`${name}: none`)
  const at = (share: number) => quantile(values, share).toFixed(1)
  console.log(`${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, of ${values.length}`)
}

function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

function spread(values: number[]): string {
  return `${(values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1)} (at most ${Math.max(...values)})`
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function randomRoot(): string {
  return `0x${randomBytes(32).toString('hex')}`
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1_000).toFixed(1)
}

function mib(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

function short(nodeId: string): string {
  return nodeId.slice(0, 10)
}
