/** Content as an indexer finds it: on the node beside it, else on any other, every segment proved on the way. Spec: storage §8. */
import { fetchSegment } from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import { fileShape, segmentBytes } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { ContentSource, FoundFile } from '../http/contentRoutes.ts'
import { encodeSegmentFrame, type FileInfoJson, faults, type SegmentFrame, segmentFrameType } from '../wire/index.ts'
import type { NodeRegistry } from './nodeRegistry.ts'

export function createNetworkContent(
  env: Pick<Env, 'network' | 'log'>,
  registry: NodeRegistry,
  local: ContentSource | undefined,
): ContentSource {
  return {
    async find(key, signal) {
      const here = await local?.find(key, signal)
      if (here?.info.finalized) return here
      const infos = await registry.fileInfos(key, signal)
      const holders = infos.filter(({ info }) => info.finalized)
      if (here && holders.length === 0) return here
      const known = holders[0] ?? infos[0]
      if (!known) return here
      return remoteFile(
        env,
        known.info,
        holders.map(({ node }) => node.url),
        signal,
      )
    },
    async accept(root, frame, txSeq) {
      if (local) return local.accept(root, frame, txSeq)
      const [node] = registry.nodes()
      if (!node) return faults.cacheFull
      return forward(env, node.url, root, frame, txSeq)
    },
  }
}

function remoteFile(
  { network }: Pick<Env, 'network'>,
  info: FileInfoJson,
  nodeUrls: readonly string[],
  signal: AbortSignal,
): FoundFile {
  const root = info.tx.dataMerkleRoot
  const shape = fileShape(info.tx.size)

  async function load(index: number): Promise<SegmentFrame> {
    let last: unknown
    for (const nodeUrl of nodeUrls) {
      try {
        return await fetchSegment(network, nodeUrl, { root, shape, index }, { signal })
      } catch (fault) {
        if (signal.aborted) throw fault
        last = fault
      }
    }
    throw new ContentUnreachableError({ root, segmentIndex: index }, last)
  }

  return {
    info,
    async frame(index) {
      return index < shape.segments && nodeUrls.length > 0 ? encodeSegmentFrame(await load(index)) : undefined
    },
    async *open(from, to) {
      for (let index = Math.floor(from / segmentBytes); index * segmentBytes < to; index++) {
        const { data } = await load(index)
        const start = index * segmentBytes
        yield data.subarray(Math.max(0, from - start), Math.min(data.length, to - start))
      }
    },
  }
}

async function forward(
  { network }: Pick<Env, 'network'>,
  nodeUrl: string,
  root: Hex,
  frame: SegmentFrame,
  txSeq: number | undefined,
) {
  const query = txSeq === undefined ? '' : `?txSeq=${txSeq}`
  const response = await network.fetch(`${nodeUrl}/segment/${root}/${frame.index}${query}`, {
    method: 'PUT',
    headers: { 'content-type': segmentFrameType },
    body: encodeSegmentFrame(frame),
  })
  if (response.status === 204) return undefined
  const { code, message, data } = (await response.json(65_536)) as { code: number; message: string; data?: string }
  return { code, message, ...(data ? { data } : {}) }
}

export class ContentUnreachableError extends WeightlessError {
  constructor(facts: { root: Hex; segmentIndex: number }, cause: unknown) {
    super('storage/content-unreachable', 'No storage node gives this segment.', facts, { cause })
  }
}
