/** A key-value node: follows streams in the log, answers questions about them on one port. Spec: kv. */
import { createBlobs } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { type Disk, type Env, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type ContentSource, createContentSource } from './replay/content.ts'
import type { ContentKeys } from './replay/decryptContent.ts'
import type { ReplayLimits } from './replay/pendingTransaction.ts'
import { createStreamSource, type StreamSource } from './replay/streamSource.ts'
import { openReplica, type Replica, type ReplicaOptions } from './replica.ts'
import { addStreamMethod } from './rpc/addStream.ts'
import { answerRpc, type RpcMethods } from './rpc/answerRpc.ts'
import { roleMethods } from './rpc/roleMethods.ts'
import { serveSubscriptions } from './rpc/serveSubscriptions.ts'
import { valueMethods } from './rpc/valueMethods.ts'
import { openStreamSet } from './streamSet.ts'

export type KeyValueNodeOptions = {
  env: Env
  /** Default: the folder `kv` of the environment's disk. */
  disk?: Disk
  /** One of the two, or `source`. */
  rpcUrl?: string
  ledger?: Ledger
  indexerUrl: string
  flowAddress: Hex
  chainId: number
  /** Default 6789; 0 asks for any free port. */
  port?: number
  host?: string
  allowedHosts?: readonly string[]
  /** Which streams it follows; `all` by default. */
  streams?: 'all' | readonly Hex[]
  /** No key-value transaction lies before it. */
  startBlock?: number
  limits?: Partial<ReplayLimits>
  /** Open encrypted transactions; without them those are decided as unreadable. */
  keys?: ContentKeys
  /** How long a subscriber may leave 256 messages unacknowledged before it is told that it fell behind; default 30,000. */
  acknowledgeMs?: number
  /** In place of the chain and the storage network, for tests and simulation. */
  source?: StreamSource
  content?: ContentSource
}

export type KeyValueNode = { url: string; wsUrl: string; port: number; replica(): Replica; close(): Promise<void> }

/** @throws {PortInUseError} {LogCorruptError} */
export async function startKeyValueNode(options: KeyValueNodeOptions): Promise<KeyValueNode> {
  const { env, port = 6789, host, allowedHosts, chainId, startBlock = 0, acknowledgeMs = 30_000 } = options
  const disk = options.disk ?? env.disk.folder('kv')
  const log = env.log.child('kv')
  const replicaOptions: Omit<ReplicaOptions, 'folder' | 'streams'> = {
    env: { clock: env.clock, log },
    disk,
    source: options.source ?? createStreamSource(ledgerOf(options), options.flowAddress),
    content: options.content ?? createContentSource(blobsOf(options)),
    startBlock,
    ...(options.limits && { limits: options.limits }),
    ...(options.keys && { keys: options.keys }),
  }
  const set = await openStreamSet({ clock: env.clock, disk }, options.streams ?? 'all', (folder, streams) =>
    openReplica({ ...replicaOptions, folder, streams }),
  )
  const parts = { env, replica: set.replica, streams: set.streams }
  const methods: RpcMethods = { ...valueMethods(parts), ...roleMethods(parts), ...addStreamMethod(set, chainId) }
  const socketParts = { ...parts, methods, log, limits: { subscriptionsMax: 64, windowMax: 256, ackMs: acknowledgeMs } }
  const server = await env.network
    .serve({
      port,
      ...(host && { host }),
      ...(allowedHosts && { allowedHosts }),
      // What streams hold is public.
      allowedOrigins: '*',
      bodyBytesMax,
      handler: (request) => answer(methods, request, log),
      onSocket: (socket) => void serveSubscriptions(socketParts, socket).catch(() => socket.close()),
    })
    .catch(async (error: unknown) => {
      await set.close()
      throw error
    })
  return {
    url: server.url,
    wsUrl: server.url.replace(/^http/, 'ws'),
    port: server.port,
    replica: set.replica,
    async close() {
      await server.close()
      await set.close()
    },
  }
}

/** A question with the longest key, as base64. */
const bodyBytesMax = 32 * 1024 * 1024
const requestMs = 10_000

function ledgerOf({ env, ledger, rpcUrl = '' }: KeyValueNodeOptions): Ledger {
  return ledger ?? createLedger({ rpcUrl, env })
}

function blobsOf({ env, indexerUrl }: KeyValueNodeOptions) {
  return createBlobs({ indexerUrl, env, timeoutMs: requestMs })
}

async function answer(methods: RpcMethods, request: HttpRequest, log: Env['log']): Promise<HttpResponse> {
  if (request.method === 'GET' || request.method === 'HEAD') {
    return {
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: 'Weightless key-value: JSON-RPC by POST or WebSocket.\n',
    }
  }
  if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } }
  const { signal, remoteAddress } = request
  const body = await readBody(request.body, bodyBytesMax)
  const text = await answerRpc(methods, body, { signal, remoteAddress }, log)
  return { status: 200, headers: { 'content-type': 'application/json' }, body: text }
}
