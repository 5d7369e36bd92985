/** What a gateway knows of the coded network: its nodes and placements, from the indexer beside it or over HTTP. Spec: storage §11, §12. */
import { joinUrl } from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Network } from '@weightless/env'
import type { Registry } from '../indexer/registry.ts'
import type { FileLocator } from '../peers/locateFiles.ts'
import {
  type FileLocation,
  type NodeRecord,
  readNodeRecord,
  readPlacement,
  type SignedPlacement,
} from '../wire/index.ts'

export type NetworkView = {
  /** Nodes that announced themselves lately. */
  nodes(): Promise<NodeRecord[]>
  locate(root: Hex): Promise<FileLocation>
  /** Milliseconds for which it is not asked again about a file that was not final: more than 0 where asking is a request. */
  freshMs: number
  /** Resolves when the placement is durable where readers look for it. @throws {PlacementRefusedError} */
  publish(placement: SignedPlacement): Promise<void>
  /** Lets go of the placement of a file whose payment has run out, where it is kept beside this gateway. */
  forget(root: Hex, sizeBytes: number): Promise<void>
}

/** @param announce - tells peers of a placement; its holders take it from there */
export function viewRegistry(
  { placements }: Registry,
  locator: FileLocator,
  announce?: (placement: SignedPlacement) => Promise<void>,
): NetworkView {
  return {
    nodes: () => Promise.resolve(locator.nodes()),
    locate: (root) => Promise.resolve(locator.locate(root)),
    freshMs: 0,
    forget: placements.forget,
    async publish(placement) {
      const verdict = await placements.put(placement.root, placement)
      if (!verdict.ok) throw new PlacementRefusedError({ root: placement.root, reason: verdict.detail ?? verdict.code })
      // Durable here is what counts; who misses the announcement asks the registry.
      announce?.(placement).catch(() => undefined)
    },
  }
}

const answerBytesMax = 16 * 1024 * 1024
const timeoutMs = 5_000

/** Everything that the indexer says is checked again: it may be anybody's. */
export function viewIndexer(network: Network, indexerUrl: string): NetworkView {
  async function ask(path: string): Promise<unknown> {
    const url = joinUrl(indexerUrl, path)
    const response = await network.fetch(url, { timeoutMs })
    const body = await response.json(answerBytesMax)
    if (response.status !== 200) throw new IndexerRefusedError({ url, status: response.status })
    return body
  }
  return {
    nodes: async () => readAll(await ask('/nodes'), readNodeRecord),
    async locate(root) {
      const { placements, nodes } = ((await ask(`/locate/${root}`)) ?? {}) as Partial<FileLocation>
      return { placements: readAll(placements, readPlacement), nodes: readAll(nodes, readNodeRecord) }
    },
    freshMs: 100,
    // Another's indexer is not ours to change: clients learn from nodes that a file was pruned.
    forget: () => Promise.resolve(),
    async publish(placement) {
      const url = joinUrl(indexerUrl, `/placement/${placement.root}`)
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify(placement)
      const response = await network.fetch(url, { method: 'PUT', headers, body, timeoutMs })
      const reason = (await response.text(4_096)).slice(0, 300)
      if (response.status !== 204) throw new PlacementRefusedError({ root: placement.root, reason })
    },
  }
}

type Read<Value> = (json: unknown) => { ok: true; value: Value } | { ok: false }

function readAll<Value>(list: unknown, read: Read<Value>): Value[] {
  return (Array.isArray(list) ? list : []).flatMap((json) => {
    const verdict = read(json)
    return verdict.ok ? [verdict.value] : []
  })
}

export class PlacementRefusedError extends WeightlessError {
  constructor(facts: { root: Hex; reason: string }) {
    super('storage/placement-refused', 'The indexer does not take a placement.', facts)
  }
}

export class IndexerRefusedError extends WeightlessError {
  constructor(facts: { url: string; status: number }) {
    super('storage/indexer-refused', 'The indexer gives no answer of use.', facts)
  }
}
