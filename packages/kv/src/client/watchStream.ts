/** Follows the changes of a stream over a WebSocket; after a break it goes on behind the last change that it gave. */
import type { Hex } from '@weightless/codec'
import { type Env, NetworkError, type Socket } from '@weightless/env'
import { base64ToBytes, bytesToBase64 } from './base64.ts'
import type { CallKeyValue } from './callKeyValue.ts'
import { readEntry } from './readEntry.ts'

export type Change =
  /** A value of no bytes: the key was removed. */
  | { type: 'changed'; key: Uint8Array; value: Uint8Array; version: number }
  /** Everything up to here has been given. */
  | { type: 'caughtUp'; version: number }
  /** The chain went back: what was given from this version on did not happen. */
  | { type: 'reverted'; fromVersion: number }

type WatchParts = { env: Pick<Env, 'network' | 'clock'>; kvUrl: string; call: CallKeyValue }
type Wish = { streamId: Hex; prefix: Uint8Array; fromVersion: number }

type Notice =
  | { type: 'changed'; version: number; isLast: boolean; entries: { key: string; size: number; data: string | null }[] }
  | { type: 'caughtUp'; version: number }
  | { type: 'reverted'; fromVersion: number }
  | { type: 'behind'; resumeFrom: number }

const acknowledgeEvery = 64
const pauseMsMax = 10_000

export async function* watchStream(parts: WatchParts, wish: Wish, signal: AbortSignal): AsyncGenerator<Change> {
  const { env, kvUrl } = parts
  const place = { next: wish.fromVersion }
  for (let attempt = 0; !signal.aborted; attempt++) {
    let socket: Socket | undefined
    const leave = (): void => socket?.close()
    try {
      socket = await env.network.connect(kvUrl.replace(/^http/, 'ws'), signal)
      signal.addEventListener('abort', leave, { once: true })
      for await (const change of readSocket(parts, wish, place, socket)) {
        attempt = 0
        yield change
      }
    } catch (fault) {
      if (!(fault instanceof NetworkError) && !signal.aborted) throw fault
    } finally {
      signal.removeEventListener('abort', leave)
      socket?.close()
    }
    if (!signal.aborted)
      await env.clock.sleep(Math.min(pauseMsMax, 100 * 2 ** Math.min(attempt, 7)), signal).catch(() => undefined)
  }
}

/** One connection: until it breaks, or the node says that we fell behind. */
async function* readSocket(
  parts: WatchParts,
  wish: Wish,
  place: { next: number },
  socket: Socket,
): AsyncGenerator<Change> {
  const { streamId, prefix } = wish
  const send = (method: string, params: unknown[]): boolean =>
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: method, method, params }))
  send('kv_subscribe', [streamId, { prefix: bytesToBase64(prefix), fromVersion: place.next }])
  for await (const text of socket.messages) {
    const message = JSON.parse(text) as {
      error?: { message: string }
      params?: { subscription: string; number: number; result: Notice }
    }
    if (message.error) throw new NetworkError({ url: parts.kvUrl, reason: message.error.message })
    if (!message.params) continue
    const { subscription, number, result } = message.params
    if (result.type === 'behind') {
      place.next = result.resumeFrom
      return
    }
    if (result.type === 'changed') {
      // Of the keys of one transaction none may be left out after a break, so it counts when its last part was given.
      yield* changesOf(parts, streamId, result)
      if (result.isLast) place.next = result.version + 1
    } else {
      if (result.type === 'reverted') place.next = result.fromVersion
      yield result
    }
    if (number % acknowledgeEvery === 0 && !send('kv_acknowledge', [subscription, number])) return
  }
}

async function* changesOf(
  { call }: WatchParts,
  streamId: Hex,
  { version, entries }: Extract<Notice, { type: 'changed' }>,
): AsyncGenerator<Change> {
  for (const { key: name, data } of entries) {
    const key = base64ToBytes(name)
    const value = data === null ? (await readEntry(call, streamId, key, { version }))?.value : base64ToBytes(data)
    yield { type: 'changed', key, value: value ?? new Uint8Array(0), version }
  }
}
