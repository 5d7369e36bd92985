/** The `admin_*` methods of a node that keeps files itself. Spec: storage §6.2. */
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount } from '../http/readParams.ts'
import { callFailed, internalError, invalidParams, type ShardConfigJson } from '../wire/index.ts'
import { numShardMax } from './shardConfig.ts'
import type { FileSync } from './syncFiles.ts'

export type AdminParts = {
  sync: FileSync
  peerUrls: readonly string[]
  metricsText(): Promise<string>
  /** Ends the process that the node runs in; undefined where it may not be ended from outside. */
  onShutdown?: (() => void) | undefined
}

export function createAdminMethods({ sync, peerUrls, metricsText, onShutdown }: AdminParts): RpcMethods {
  const start = ([seq]: readonly unknown[]): Promise<RpcAnswer> =>
    withSeq(seq, (txSeq) => (sync.start(txSeq) ? { result: null } : { fault: internalError('unknown transaction') }))
  return guardOrigin({
    admin_findFile: start,
    admin_startSyncFile: start,
    // What is missing of the file is fetched, and nothing twice.
    admin_startSyncChunks: start,
    admin_terminateSync: ([seq]) => withSeq(seq, (txSeq) => ({ result: sync.stop(txSeq) })),
    admin_getSyncStatus: ([seq]) => withSeq(seq, (txSeq) => ({ result: sync.state(txSeq) })),
    admin_getSyncInfo: ([seq]) => ({ result: sync.info(readCount(seq)) }),
    admin_getSyncServiceState: () => ({ result: { numSyncing: sync.running(), catchedUp: sync.running() === 0 } }),
    admin_getFileLocation: ([seq, allShards]) =>
      withSeq(seq, async (txSeq) => {
        const peers = await sync.locate(txSeq)
        const isEnough = allShards === true ? coverFlow(peers.map(({ shard }) => shard)) : peers.length > 0
        return { result: isEnough ? peers.map(({ url, shard }) => ({ ip: url, shardConfig: shard })) : null }
      }),
    admin_getNetworkInfo: () => {
      const connected = sync.reachable().length
      return {
        result: {
          ...{ peerId: '', listenAddresses: [], totalPeers: peerUrls.length, bannedPeers: 0 },
          ...{ disconnectedPeers: peerUrls.length - connected, connectedPeers: connected },
          ...{ connectedOutgoingPeers: connected, connectedIncomingPeers: 0 },
        },
      }
    },
    admin_getPeers: () => {
      const connected = new Set(sync.reachable())
      return { result: Object.fromEntries(peerUrls.map((url) => [url, peerJson(url, connected.has(url))])) }
    },
    admin_getMetrics: async ([prefix]) => ({ result: readMetrics(await metricsText(), String(prefix ?? '')) }),
    admin_shutdown: () => {
      if (!onShutdown) return { fault: callFailed('this node is not to be ended from outside') }
      onShutdown()
      return { result: null }
    },
  })
}

/** Refuses methods to pages of other origins: the caller must be a program, or a page served from this machine. */
export function guardOrigin(methods: RpcMethods): RpcMethods {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (params, context) => (isForeignOrigin(context.origin) ? refused : method(params, context)),
    ]),
  )
}

const refused: RpcAnswer = { fault: callFailed('admin methods are not open to other origins') }

function isForeignOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return false
  return !/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)
}

/** Whether every segment of the flow lies in one of the parts. */
function coverFlow(shards: readonly ShardConfigJson[]): boolean {
  const most = Math.max(0, ...shards.map(({ numShard }) => numShard))
  if (most === 0 || most > numShardMax) return false
  const isCovered = (index: number) => shards.some(({ numShard, shardId }) => index % numShard === shardId)
  return Array.from({ length: most }, (_, index) => index).every(isCovered)
}

/** A peer by HTTP, named by its URL. */
function peerJson(url: string, isConnected: boolean) {
  return {
    client: { version: '', os: '', protocol: 'http', agent: 'weightless' },
    connectionStatus: {
      ...{ status: isConnected ? 'connected' : 'disconnected', connectionsIn: 0 },
      ...{ connectionsOut: isConnected ? 1 : 0, lastSeenSecs: 0 },
    },
    ...{ listeningAddresses: [url], seenIps: [], isTrusted: false, connectionDirection: 'Outgoing', enr: '' },
  }
}

async function withSeq(value: unknown, run: (seq: number) => RpcAnswer | Promise<RpcAnswer>): Promise<RpcAnswer> {
  const seq = readCount(value)
  if (seq === undefined) return { fault: invalidParams('tx_seq', 'expected an unsigned integer') }
  return run(seq)
}

/** Prometheus lines as the map that the network's nodes answer. */
export function readMetrics(text: string, prefix: string): { [name: string]: string } {
  const lines = text.split('\n')
  const types = new Map(
    lines.flatMap((line) => {
      const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
      return name && type ? [[name, type] as const] : []
    }),
  )
  const values = lines.filter((line) => line.length > 0 && !line.startsWith('#') && line.startsWith(prefix))
  return Object.fromEntries(
    values.map((line) => {
      const name = line.slice(0, line.lastIndexOf(' '))
      return [name, `${types.get(name.split('{')[0]!) ?? 'untyped'} ${line.slice(line.lastIndexOf(' ') + 1)}`]
    }),
  )
}
