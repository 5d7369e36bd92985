/**
 * Virtual time: a heap of events, run one by one in the order of their times. After each, all promise jobs are drained, so
 * ordinary async code runs unmodified; every event goes into an audit hash, by which two runs are compared.
 */
import { createHash } from 'node:crypto'
import { WeightlessError } from '@weightless/codec'

export type EventLoop = {
  /** Milliseconds of virtual time since the start. */
  nowMs(): number
  /** `label` goes into the audit. */
  after(delayMs: number, label: string, run: () => void): void
  /** Adds a fact to the audit hash. */
  audit(fact: string): void
  /** Holds the next event back while real work (an import, a WASM module) is under way. */
  outside<Value>(work: Promise<Value>): Promise<Value>
  /** Runs events until `goal` settles. @throws {SimStuckError} nothing is left to happen, or too much happened */
  runUntil<Value>(goal: Promise<Value>, eventsMax: number): Promise<Value>
  /** Runs what is due within the next `ms`. */
  advance(ms: number): Promise<void>
  auditHash(): string
  eventCount(): number
}

type Event = { atMs: number; order: number; label: string; run: () => void }

export function createEventLoop(): EventLoop {
  const heap: Event[] = []
  const hash = createHash('sha256')
  let nowMs = 0
  let order = 0
  let ran = 0
  let outsideCount = 0

  const drain = async (): Promise<void> => {
    do await new Promise((resolve) => setImmediate(resolve))
    while (outsideCount > 0)
  }
  const step = async (event: Event): Promise<void> => {
    nowMs = Math.max(nowMs, event.atMs)
    ran++
    hash.update(`${event.atMs} ${event.label}\n`)
    event.run()
    await drain()
  }

  return {
    nowMs: () => nowMs,
    after: (delayMs, label, run) => push(heap, { atMs: nowMs + Math.max(0, delayMs), order: order++, label, run }),
    audit: (fact) => hash.update(`${fact}\n`),
    outside: async (work) => {
      outsideCount++
      try {
        return await work
      } finally {
        outsideCount--
      }
    },
    runUntil: async (goal, eventsMax) => {
      let settled = false
      const mark = (): void => {
        settled = true
      }
      goal.then(mark, mark)
      const last = ran + eventsMax
      await drain()
      while (!settled) {
        const event = pop(heap)
        if (!event) throw new SimStuckError({ reason: 'nothing is left to happen', events: ran, nowMs })
        if (ran >= last) throw new SimStuckError({ reason: 'too many events', events: ran, nowMs })
        await step(event)
      }
      return goal
    },
    advance: async (ms) => {
      const endMs = nowMs + ms
      await drain()
      while (heap.length > 0 && heap[0]!.atMs <= endMs) await step(pop(heap)!)
      nowMs = endMs
    },
    auditHash: () => hash.copy().digest('hex'),
    eventCount: () => ran,
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}

/** The scenario waits for something that can no longer happen, or goes round in circles. */
export class SimStuckError extends WeightlessError {
  constructor(facts: { reason: string; events: number; nowMs: number }) {
    super('sim/stuck', 'The simulation cannot go on.', facts)
  }
}
