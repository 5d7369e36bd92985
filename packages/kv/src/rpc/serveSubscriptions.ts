/**
 * Changes of a stream as they are decided, over a WebSocket: in order, from any version on, resumable. Nothing is queued for a
 * client: each is read from the index at its own pace, a window ahead of what it has acknowledged. Spec: kv §5.4.
 */
import { bytesEqual } from '@weightless/codec'
import type { Env, Log, Socket } from '@weightless/env'
import type { Replica, ReplicaEvent } from '../replica.ts'
import { sizeOfRef } from '../state/valueRef.ts'
import { answerRpc, type RpcMethods } from './answerRpc.ts'
import { base64ToBytes, bytesToBase64, ParamInvalid, readCount, readStreamId } from './readParams.ts'

export type SocketParts = {
  env: Pick<Env, 'clock'>
  replica(): Replica
  methods: RpcMethods
  log: Log
  limits: { subscriptionsMax: number; windowMax: number; ackMs: number }
}

type Subscription = {
  name: string
  streamId: Uint8Array
  prefix: Uint8Array
  /** The next version wanted. */
  next: bigint
  /** Messages sent, and how many of them the client has said it has. */
  sent: number
  acknowledged: number
  sentMs: number
  wake(): void
  stop: AbortController
}

export async function serveSubscriptions(parts: SocketParts, socket: Socket): Promise<void> {
  const open = new Map<string, Subscription>()
  const gone = new AbortController()
  let nextName = 1
  const methods: RpcMethods = {
    ...parts.methods,
    kv_subscribe: ([stream, options]) => {
      if (open.size >= parts.limits.subscriptionsMax) throw new ParamInvalid('stream_id', 'too many subscriptions')
      const subscription = readSubscription(`0x${(nextName++).toString(16)}`, stream, options)
      open.set(subscription.name, subscription)
      // Begins after its own answer was sent.
      void parts.env.clock
        .sleep(0)
        .then(() => follow(parts, socket, subscription).finally(() => open.delete(subscription.name)))
      return { result: subscription.name }
    },
    kv_unsubscribe: ([name]) => {
      const subscription = open.get(String(name))
      subscription?.stop.abort()
      return { result: subscription !== undefined }
    },
    kv_acknowledge: ([name, count]) => {
      const subscription = open.get(String(name))
      if (!subscription) return { result: false }
      subscription.acknowledged = Math.min(subscription.sent, readCount(count, 'count'))
      subscription.wake()
      return { result: true }
    },
  }
  try {
    for await (const text of socket.messages) {
      const context = { signal: gone.signal, remoteAddress: socket.remoteAddress }
      if (!socket.send(await answerRpc(methods, text, context, parts.log))) break
    }
  } finally {
    gone.abort()
    for (const { stop } of open.values()) stop.abort()
    socket.close()
  }
}

function readSubscription(name: string, stream: unknown, options: unknown): Subscription {
  const { prefix = '', fromVersion = 0 } = (options ?? {}) as Record<string, unknown>
  const prefixBytes = typeof prefix === 'string' ? base64ToBytes(prefix) : undefined
  if (!prefixBytes) throw new ParamInvalid('prefix', 'not base64')
  return {
    name,
    streamId: readStreamId(stream),
    prefix: prefixBytes,
    next: BigInt(readCount(fromVersion, 'fromVersion')),
    sent: 0,
    acknowledged: 0,
    sentMs: 0,
    wake: () => undefined,
    stop: new AbortController(),
  }
}

async function follow(parts: SocketParts, socket: Socket, subscription: Subscription): Promise<void> {
  const { signal } = subscription.stop
  const notify = (result: object): boolean => {
    subscription.sent++
    subscription.sentMs = parts.env.clock.monotonicMs()
    const params = { subscription: subscription.name, number: subscription.sent, result }
    const isSent = socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'kv_subscription', params }))
    if (!isSent) subscription.stop.abort()
    return isSent
  }
  let reverted: bigint | undefined
  const forget = parts.replica().listen((event: ReplicaEvent) => {
    if ('reverted' in event) {
      const seq = BigInt(event.reverted)
      if (seq < subscription.next) reverted = reverted === undefined || seq < reverted ? seq : reverted
    }
    subscription.wake()
  })
  let isCaughtUp = false
  try {
    while (!signal.aborted) {
      if (reverted !== undefined) {
        subscription.next = reverted
        reverted = undefined
        if (!notify({ type: 'reverted', fromVersion: Number(subscription.next) })) return
      }
      if (subscription.sent - subscription.acknowledged >= parts.limits.windowMax) {
        if (parts.env.clock.monotonicMs() - subscription.sentMs < parts.limits.ackMs) {
          await rest(parts, subscription)
          continue
        }
        notify({ type: 'behind', resumeFrom: Number(subscription.next) })
        return
      }
      const change = parts.replica().state.changes(subscription.streamId, subscription.next, 1)[0]
      if (change) {
        isCaughtUp = false
        if (!sendChange(parts, subscription, change, notify)) return
        subscription.next = change.seq + 1n
        if (subscription.sent % messagesPerTurn === 0) await parts.env.clock.sleep(0)
        continue
      }
      if (!isCaughtUp && !notify({ type: 'caughtUp', version: Number(subscription.next) - 1 })) return
      isCaughtUp = true
      await rest(parts, subscription)
    }
  } finally {
    forget()
  }
}

/** All keys of one transaction in one message, values with them where they are small. */
function sendChange(
  parts: SocketParts,
  { streamId, prefix }: Subscription,
  { seq, keys }: { seq: bigint; keys: readonly Uint8Array[] },
  notify: (result: object) => boolean,
): boolean {
  const wanted = keys.filter((key) => bytesEqual(key.subarray(0, prefix.length), prefix))
  for (let at = 0; at < wanted.length; at += keysPerMessage) {
    const entries = wanted.slice(at, at + keysPerMessage).map((key) => {
      const found = parts.replica().state.find(streamId, key, seq)
      const size = found ? sizeOfRef(found.ref) : 0
      const data = found?.ref.kind === 'inline' ? bytesToBase64(found.ref.bytes) : null
      return { key: bytesToBase64(key), size, data }
    })
    const isLast = at + keysPerMessage >= wanted.length
    if (!notify({ type: 'changed', version: Number(seq), isLast, entries })) return false
  }
  return true
}

const keysPerMessage = 256
/** Then others have their turn. */
const messagesPerTurn = 16

/** Until something was decided or acknowledged, or a second has gone by. */
async function rest({ env }: SocketParts, subscription: Subscription): Promise<void> {
  const timer = new AbortController()
  const signal = AbortSignal.any([timer.signal, subscription.stop.signal])
  const waking = new Promise<void>((resolve) => {
    subscription.wake = resolve
  })
  await Promise.race([waking, env.clock.sleep(1_000, signal).catch(() => undefined)])
  timer.abort()
}
