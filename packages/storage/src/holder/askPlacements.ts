/** One page of the placements that another node knows and in which a node stands. Spec: storage §12. */
import { joinUrl } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'

export type PlacementsPage = {
  /** As they came; whoever reads them checks them. */
  placements: unknown[]
  /** Where the next page begins, if it is a text. */
  after: unknown
}

export type PageLimits = { bytesMax: number; timeoutMs: number; signal: AbortSignal }

/**
 * @param after - empty for the first page
 * @returns undefined where the other is away, or answers in another form
 */
export async function askPlacements(
  { network }: Pick<Env, 'network'>,
  url: string,
  { nodeId, after }: { nodeId: Hex; after: string },
  { bytesMax, ...limits }: PageLimits,
): Promise<PlacementsPage | undefined> {
  const query = after === '' ? '' : `?after=${encodeURIComponent(after)}`
  try {
    const response = await network.fetch(joinUrl(url, `/placements/${nodeId}${query}`), limits)
    const json = (await response.json(bytesMax)) as Partial<PlacementsPage> | null
    if (response.status !== 200 || !Array.isArray(json?.placements)) return undefined
    return { placements: json.placements, after: json.after }
  } catch {
    return undefined
  }
}
