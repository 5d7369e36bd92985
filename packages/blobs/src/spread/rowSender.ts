/**
 * Sends the fragments of one row to its holder, in as large bodies as have gathered while the last ones were on their
 * way: a lone fragment leaves at once, and a fast stream shares the holder's flush among many. Spec: storage §10.
 */
import { freeBytes, type Hex, uintToBytes } from '@weightless/codec'
import { AbortedError, NetworkError } from '@weightless/env'
import { fragmentFramesType, type NodeRecord } from '@weightless/storage/wire'
import { joinUrl } from '../callNode.ts'
import { refusal, withSignal } from '../network/askHolder.ts'
import type { TransferParts } from '../network/transferParts.ts'

/** Its data is the sender's from then on that it is given, and let go of as soon as it is stored and has left. */
export type Fragment = { stripe: number; head: Uint8Array; data: Uint8Array }

export type RowSender = {
  node: NodeRecord
  /** Fragments that were given and are not settled wait in memory: whoever gives them bounds them. */
  push(fragment: Fragment): void
  /** Resolves when everything given is settled: durable, or given up together with the holder. */
  idle(): Promise<void>
  /** Why the holder was given up. */
  fault(): unknown
}

export type RowSenderEvents = {
  /** Settled for good or, after the holder was given up, not. */
  onSettled(fragment: Fragment, isStored: boolean): void
  onFault(fault: unknown): void
}

const bodyBytesMax = 4 * 1024 * 1024
const requestsMax = 2
const triesMax = 3
const pauseMs = 150

export function createRowSender(
  parts: Pick<TransferParts, 'network' | 'clock' | 'stallMs'>,
  node: NodeRecord,
  root: Hex,
  events: RowSenderEvents,
  signal: AbortSignal,
): RowSender {
  const waiting: Fragment[] = []
  let requests = 0
  let fault: unknown
  let wake: (() => void)[] = []

  function pump(): void {
    if (fault !== undefined) settleAll()
    while (fault === undefined && requests < requestsMax && waiting.length > 0) void send(takeBody(waiting))
    if (waiting.length > 0 || requests > 0) return
    for (const resolve of wake) resolve()
    wake = []
  }

  function settleAll(): void {
    for (const fragment of waiting.splice(0)) events.onSettled(fragment, false)
  }

  async function send(body: Fragment[]): Promise<void> {
    requests++
    let isStored = false
    let hasLeft = false
    try {
      hasLeft = (await sendBody(parts, node, root, body, signal)).hasLeft
      isStored = true
    } catch (cause) {
      if (fault === undefined) {
        fault = cause
        events.onFault(cause)
      }
    }
    requests--
    for (const fragment of body) {
      events.onSettled(fragment, isStored)
      if (hasLeft) freeBytes(fragment.data)
    }
    pump()
  }

  return {
    node,
    push(fragment) {
      waiting.push(fragment)
      pump()
    },
    idle: () =>
      waiting.length === 0 && requests === 0 ? Promise.resolve() : new Promise((resolve) => wake.push(resolve)),
    fault: () => fault,
  }
}

function takeBody(waiting: Fragment[]): Fragment[] {
  let count = 0
  let bytes = 0
  while (count < waiting.length) {
    const { head, data } = waiting[count]!
    bytes += 4 + head.length + data.length
    if (count > 0 && bytes > bodyBytesMax) break
    count++
  }
  return waiting.splice(0, count)
}

/** A body may arrive twice: fragments that are there count as stored. */
async function sendBody(
  { network, clock, stallMs }: Pick<TransferParts, 'network' | 'clock' | 'stallMs'>,
  node: NodeRecord,
  root: Hex,
  fragments: readonly Fragment[],
  signal: AbortSignal,
): Promise<{ hasLeft: boolean }> {
  const url = joinUrl(node.url, `/fragments/${root}`)
  const body = fragments.flatMap(({ head, data }) => [uintToBytes(BigInt(head.length + data.length), 4), head, data])
  const endMs = clock.monotonicMs() + stallMs
  for (let attempt = 1; ; attempt++) {
    try {
      const headers = { 'content-type': fragmentFramesType }
      const response = await network.fetch(
        url,
        withSignal({ method: 'POST', headers, body, timeoutMs: stallMs }, signal),
      )
      if (response.status === 200) {
        await response.bytes(4096)
        // Nobody knows what a broken connection still looks at.
        return { hasLeft: attempt === 1 && response.isSent() }
      }
      const refused = await refusal(url, response)
      // The node has not seen the submission yet, and says so only after it has waited for it.
      if (refused.facts.holderCode !== 'submission-unknown' || clock.monotonicMs() > endMs) throw refused
    } catch (cause) {
      const isPassing = cause instanceof NetworkError && cause.facts.reason !== 'timeout'
      if (signal.aborted || cause instanceof AbortedError || !isPassing || attempt >= triesMax) throw cause
    }
    await clock.sleep(pauseMs * 2 ** Math.min(attempt, 4), signal)
  }
}
