/** Who may do what, what became of transactions, and which streams are held: `kv_is…`, `kv_getTransactionResult`. Spec: kv §5. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Replica } from '../replica.ts'
import type { RpcMethods } from './answerRpc.ts'
import { readAccount, readCount, readKeys, readStreamId, readVersion } from './readParams.ts'

/** `streams`: those that were asked for, where not all are held. */
export function roleMethods(parts: { replica(): Replica; streams(): readonly Hex[] | 'all' }): RpcMethods {
  const state = () => parts.replica().state
  return {
    kv_getStatus: () => ({ result: true }),
    kv_hasWritePermission: ([account, stream, key, version]) => {
      const [who, streamId] = [readAccount(account), readStreamId(stream)]
      return { result: state().hasWritePermission(who, streamId, readKeys(key)[0]!, readVersion(version)) }
    },
    kv_isAdmin: ([account, stream, version]) => ({
      result: state().isAdmin(readAccount(account), readStreamId(stream), readVersion(version)),
    }),
    kv_isSpecialKey: ([stream, key, version]) => ({
      result: state().isSpecialKey(readStreamId(stream), readKeys(key)[0]!, readVersion(version)),
    }),
    kv_isWriterOfKey: ([account, stream, key, version]) => {
      const [who, streamId] = [readAccount(account), readStreamId(stream)]
      return { result: state().isWriterOfKey(who, streamId, readKeys(key)[0]!, readVersion(version)) }
    },
    kv_isWriterOfStream: ([account, stream, version]) => ({
      result: state().isWriterOfStream(readAccount(account), readStreamId(stream), readVersion(version)),
    }),
    kv_getTransactionResult: ([txSeq]) => ({ result: parts.replica().result(readCount(txSeq, 'tx_seq')) ?? null }),
    kv_getHoldingStreamIds: () => {
      const wanted = parts.streams()
      if (wanted !== 'all') return { result: [...wanted].sort() }
      return {
        result: state()
          .streams(undefined, listedMax)
          .map((streamId) => bytesToHex(streamId)),
      }
    },
    /** Ours, for nodes that hold many: `[after?]`. */
    kv_listStreams: ([after]) => {
      const found = state().streams(after === undefined ? undefined : readStreamId(after), listedMax)
      return { result: found.map((streamId) => bytesToHex(streamId)) }
    },
    kv_getReplayProgress: () => {
      const { nextSeq, firstSeq } = parts.replica().head()
      return { result: { appliedSeq: Math.max(0, nextSeq - 1), firstTxSeq: Math.max(0, firstSeq) } }
    },
    /** Ours: equal on nodes that decided alike. */
    kv_getStateDigest: () => {
      const { nextSeq, digest } = parts.replica().head()
      return { result: { nextSeq, digest, undecided: parts.replica().undecided() } }
    },
  }
}

const listedMax = 10_000
