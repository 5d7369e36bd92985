/** Which nodes there are, and where a file is: two questions to an indexer, whose answers are signed by the nodes themselves. */
import type { Hex } from '@weightless/codec'
import { type NodeRecord, readNodeRecord, readPlacement, type SignedPlacement } from '@weightless/storage/wire'
import { joinUrl } from '../callNode.ts'
import { refusal, withSignal } from './askHolder.ts'
import type { TransferParts } from './transferParts.ts'

type Ask = Pick<TransferParts, 'network' | 'timeoutMs'>

export type Location = { placements: SignedPlacement[]; nodes: NodeRecord[] }

const answerBytesMax = 8 * 1024 * 1024

/** The live nodes; records that are not signed are left out. @throws {HolderRefusedError} {NetworkError} */
export async function askNodes(ask: Ask, indexerUrl: string, signal?: AbortSignal): Promise<NodeRecord[]> {
  const json = await getJson(ask, joinUrl(indexerUrl, '/nodes'), signal)
  return readRecords(json)
}

/**
 * Placements of a root and the live ones among their holders. Undefined where the indexer knows no coded storage.
 * @throws {HolderRefusedError} {NetworkError}
 */
export async function askLocation(
  ask: Ask,
  indexerUrl: string,
  root: Hex,
  signal?: AbortSignal,
): Promise<Location | undefined> {
  const json = (await getJson(ask, joinUrl(indexerUrl, `/locate/${root}`), signal)) as {
    placements?: unknown
    nodes?: unknown
  } | null
  if (!json || typeof json !== 'object') return undefined
  const entries = Array.isArray(json.placements) ? json.placements : []
  const placements = entries.flatMap((entry) => {
    const read = readPlacement(entry)
    return read.ok && read.value.root === root ? [read.value] : []
  })
  return { placements, nodes: readRecords(json.nodes) }
}

function readRecords(json: unknown): NodeRecord[] {
  if (!Array.isArray(json)) return []
  return json.flatMap((entry) => {
    const read = readNodeRecord(entry)
    return read.ok ? [read.value] : []
  })
}

async function getJson({ network, timeoutMs }: Ask, url: string, signal?: AbortSignal): Promise<unknown> {
  const response = await network.fetch(url, withSignal({ timeoutMs }, signal))
  if (response.status === 404) {
    await response.bytes(answerBytesMax)
    return undefined
  }
  if (response.status !== 200) throw await refusal(url, response)
  return response.json(answerBytesMax)
}
