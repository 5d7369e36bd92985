/** The `admin_*` methods that make sense for a node with one full shard. Spec: storage §6.2. */
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount } from '../http/readParams.ts'
import { callFailed, invalidParams } from '../wire/index.ts'
import type { FileSync } from './syncFiles.ts'

export type AdminParts = { sync: FileSync; peerUrls: readonly string[]; metricsText(): Promise<string> }

/** Refused to pages of other origins: the caller must be a program, or a page served from this machine. */
export function createAdminMethods({ sync, peerUrls, metricsText }: AdminParts): RpcMethods {
  const methods: RpcMethods = {
    admin_findFile: ([seq]) => withSeq(seq, (txSeq) => sync.start(txSeq) && null),
    admin_startSyncFile: ([seq]) => withSeq(seq, (txSeq) => sync.start(txSeq) && null),
    admin_terminateSync: ([seq]) => withSeq(seq, (txSeq) => sync.stop(txSeq)),
    admin_getSyncStatus: ([seq]) => withSeq(seq, (txSeq) => sync.state(txSeq)),
    admin_getSyncInfo: () => ({ result: sync.info() }),
    admin_getSyncServiceState: () => ({ result: { numSyncing: sync.running(), catchedUp: sync.running() === 0 } }),
    admin_getFileLocation: ([seq]) =>
      withSeq(seq, async (txSeq) => {
        const urls = await sync.locate(txSeq)
        return urls.length === 0 ? null : urls.map((url) => ({ ip: url, shardConfig: { shardId: 0, numShard: 1 } }))
      }),
    admin_getNetworkInfo: () => ({
      result: {
        peerId: '',
        listenAddresses: [],
        totalPeers: peerUrls.length,
        bannedPeers: 0,
        disconnectedPeers: peerUrls.length - sync.reachable(),
        connectedPeers: sync.reachable(),
        connectedOutgoingPeers: sync.reachable(),
        connectedIncomingPeers: 0,
      },
    }),
    admin_getMetrics: async ([prefix]) => ({ result: readMetrics(await metricsText(), String(prefix ?? '')) }),
  }
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (params, context) => (isForeignOrigin(context.origin) ? refused : method(params, context)),
    ]),
  )
}

const refused: RpcAnswer = { fault: callFailed('admin methods are not open to other origins') }

export function isForeignOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return false
  return !/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)
}

async function withSeq(value: unknown, run: (seq: number) => unknown): Promise<RpcAnswer> {
  const seq = readCount(value)
  if (seq === undefined) return { fault: invalidParams('tx_seq', 'expected an unsigned integer') }
  return { result: await run(seq) }
}

/** Prometheus lines as the map that the network's nodes answer. */
export function readMetrics(text: string, prefix: string): { [name: string]: string } {
  const lines = text.split('\n').filter((line) => line.length > 0 && !line.startsWith('#') && line.startsWith(prefix))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  )
}
