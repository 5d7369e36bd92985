/** The storage network as a user sees it: which nodes there are, which of them hold a file, and whether it can be read. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { FetchResponse } from '@weightless/env'
import {
  type NodeRecord,
  type NodeStatusJson,
  type PlacementStage,
  placementStage,
  readNodeRecord,
  readNodeStatus,
  readPlacement,
} from '@weightless/storage/wire'
import type { ClientContext } from '../clientContext.ts'

export type StorageApi = {
  /** Nodes that the indexer has heard of lately, each record checked against the node's own signature. */
  nodes(): Promise<NodeRecord[]>
  /** Where a file lies; undefined while no placement is known. Signatures are checked. */
  locate(root: Hex): Promise<FilePlace | undefined>
  /** Whether a node answers now. */
  isAnswering(nodeUrl: string): Promise<boolean>
  /** What a node says of itself now; undefined when it does not answer, or as no node does. It is the node's word alone. */
  nodeStatus(nodeUrl: string): Promise<NodeStatusJson | undefined>
}

export type FilePlace = {
  root: Hex
  sizeBytes: number
  /** Rows needed to read it, and rows beyond them: so many nodes may vanish. */
  dataRows: number
  parityRows: number
  stage: PlacementStage
  /** By row; `url` is undefined for a node that the indexer has not heard of lately. */
  holders: { row: number; nodeId: Hex; url: string | undefined }[]
}

const answerBytesMax = 4 * 1024 * 1024
const timeoutMs = 5_000
const pingMs = 1_500
const recordBytesMax = 64 * 1024

export function openStorage({ config, env }: Pick<ClientContext, 'config' | 'env'>): StorageApi {
  async function ask(path: string): Promise<unknown> {
    const response = await env.network.fetch(`${config.storage.indexerUrl}${path}`, { timeoutMs })
    return readAnswer(response, path)
  }
  return {
    nodes: async () => readNodes(await ask('/nodes')),
    async isAnswering(nodeUrl) {
      try {
        const answer = await env.network.fetch(`${nodeUrl}/node/record`, { timeoutMs: pingMs })
        await answer.text(recordBytesMax)
        return answer.status === 200
      } catch {
        return false
      }
    },
    async nodeStatus(nodeUrl) {
      try {
        const answer = await env.network.fetch(`${nodeUrl}/node/status`, { timeoutMs: pingMs })
        const text = await answer.text(recordBytesMax)
        return answer.status === 200 ? readNodeStatus(JSON.parse(text)) : undefined
      } catch {
        return undefined
      }
    },
    async locate(root) {
      const answer = (await ask(`/locate/${root}`)) as { placements?: unknown; nodes?: unknown } | undefined
      const nodes = readNodes(answer?.nodes)
      const placements = asList(answer?.placements).flatMap((json) => {
        const placement = readPlacement(json)
        return placement.ok && placement.value.root === root ? [placement.value] : []
      })
      const best = placements.sort((a, b) => b.version - a.version)[0]
      if (!best) return undefined
      const { sizeBytes, dataRows, parityRows } = best
      const urlOf = new Map(nodes.map(({ nodeId, url }) => [nodeId, url]))
      const holders = best.holders.map((nodeId, row) => ({ row, nodeId, url: urlOf.get(nodeId) }))
      return { root, sizeBytes, dataRows, parityRows, stage: placementStage(best), holders }
    },
  }
}

function readNodes(json: unknown): NodeRecord[] {
  return asList(json).flatMap((each) => {
    const record = readNodeRecord(each)
    return record.ok ? [record.value] : []
  })
}

function asList(json: unknown): unknown[] {
  return Array.isArray(json) ? json.slice(0, 4_096) : []
}

async function readAnswer(response: FetchResponse, path: string): Promise<unknown> {
  const body = await response.text(answerBytesMax)
  if (response.status === 404) return undefined
  if (response.status !== 200) throw new IndexerRefusedError({ path, status: response.status })
  try {
    return JSON.parse(body)
  } catch {
    throw new IndexerRefusedError({ path, status: response.status })
  }
}

export class IndexerRefusedError extends WeightlessError {
  constructor(facts: { path: string; status: number }) {
    super('sdk/indexer-refused', 'The indexer did not answer as an indexer does.', facts, {
      hint: 'Check storage.indexerUrl in the network configuration.',
    })
  }
}
