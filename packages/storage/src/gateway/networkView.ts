/** What a gateway knows of the coded network: its nodes and placements, from the indexer beside it. Spec: storage §11, §12. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Registry } from '../indexer/registry.ts'
import type { FileLocator } from '../peers/locateFiles.ts'
import type { FileLocation, NodeRecord, SignedPlacement } from '../wire/index.ts'

export type NetworkView = {
  /** Nodes that announced themselves lately. */
  nodes(): Promise<NodeRecord[]>
  locate(root: Hex): Promise<FileLocation>
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
    forget: placements.forget,
    async publish(placement) {
      const verdict = await placements.put(placement.root, placement)
      if (!verdict.ok) throw new PlacementRefusedError({ root: placement.root, reason: verdict.detail ?? verdict.code })
      // Durable here is what counts; who misses the announcement asks the registry.
      announce?.(placement).catch(() => undefined)
    },
  }
}

export class PlacementRefusedError extends WeightlessError {
  constructor(facts: { root: Hex; reason: string }) {
    super('storage/placement-refused', 'The indexer does not take a placement.', facts)
  }
}
