/**
 * How an auditor reads storage nodes: which rows one has signed for, as others show it and the chain pays for it, and one
 * fragment of them, asked for as repairs and readers do. Spec: spec/alignment.md 13
 */
import { askLocation, askNodes, joinUrl } from '@weightless/blobs'
import { bytesToHex, type Hex, uintToBytes } from '@weightless/codec'
import { drawNumber, type FragmentAnswer, type HolderTools, rowsMax, type SignedRow } from '@weightless/compute'
import type { Env, FetchOptions } from '@weightless/env'
import { askPlacements } from '@weightless/storage/holder/askPlacements'
import { fragmentsOf } from '@weightless/storage/holder/fragmentStore'
import {
  fragmentFrameBytesMax,
  type NodeRecord,
  placementStage,
  readNodeRecord,
  readPlacement,
  type SignedPlacement,
  shownHeader,
  supersedes,
  vouching,
} from '@weightless/storage/wire'
import type { PaidFiles } from './followSubmissions.ts'

export type HolderReaderParts = {
  env: Pick<Env, 'clock' | 'network'>
  indexerUrl: string
  chainId: number
  files: Pick<PaidFiles, 'find'>
}

const timeoutMs = 5_000
/** Other nodes that are asked what one has signed for, and pages of each. */
const witnessesMax = 8
const pagesMax = 4
const pageBytesMax = 16 * 1024 * 1024
const recordBytesMax = 8 * 1024
/** Records of live nodes are asked for anew after so long. */
const nodesKeptMs = 10_000

export function createHolderReader(parts: HolderReaderParts): HolderTools {
  const { env, indexerUrl } = parts
  const asking = { network: env.network, timeoutMs }
  let known: { atMs: number; nodes: readonly NodeRecord[] } | undefined

  async function liveNodes(signal: AbortSignal): Promise<readonly NodeRecord[]> {
    const nowMs = env.clock.monotonicMs()
    if (known && nowMs - known.atMs < nodesKeptMs) return known.nodes
    const nodes = await askNodes(asking, indexerUrl, signal)
    known = { atMs: nowMs, nodes }
    return nodes
  }

  const urlOf = async (nodeId: Hex, signal: AbortSignal): Promise<string | undefined> =>
    (await liveNodes(signal)).find((node) => node.nodeId === nodeId)?.url

  return {
    async listRows(nodeId, beta, signal) {
      const others = (await liveNodes(signal)).filter((node) => node.nodeId !== nodeId)
      const drawn = others
        .map((node) => ({ node, place: drawNumber(beta, node.nodeId, 'witness', 0) }))
        .sort((a, b) => (a.place < b.place ? -1 : 1))
      // Not always the same files where there are more than an audit draws from.
      const start = `${bytesToHex(uintToBytes(drawNumber(beta, nodeId, 'files', 0), 8))}${'0'.repeat(48)}`
      const found = new Map<string, SignedPlacement>()
      for (const { node } of drawn.slice(0, witnessesMax)) await listFrom(parts, node, { nodeId, start }, found, signal)
      return signedRows(parts, nodeId, [...found.values()])
    },
    async read(nodeId, { placement, row }, stripe, signal) {
      const url = await urlOf(nodeId, signal).catch(() => undefined)
      if (url === undefined) return { kind: 'silent', detail: 'it does not announce itself' }
      return askFragment(env, url, { nodeId, placement, row, stripe }, signal)
    },
    async isReplaced(nodeId, { placement }, signal) {
      const { root, sizeBytes } = placement
      const location = await askLocation(asking, indexerUrl, root, signal).catch(() => undefined)
      return (location?.placements ?? []).some(
        (other) =>
          other.sizeBytes === sizeBytes &&
          isNext(other, placement) &&
          other.holders.indexOf(nodeId) !== rowOf(placement, nodeId),
      )
    },
  }
}

const rowOf = ({ holders }: SignedPlacement, nodeId: Hex): number => holders.indexOf(nodeId)

/** In force after the other: as many that stay in it have signed as the file can be read with. */
const isNext = (next: SignedPlacement, old: SignedPlacement): boolean =>
  placementStage(next) !== 'open' && supersedes(next, old) && vouching(next, old) >= old.dataRows

/** Placements that another node knows, from `start` on and then from the first; the newest of each file stays. */
async function listFrom(
  { env }: HolderReaderParts,
  { url }: NodeRecord,
  { nodeId, start }: { nodeId: Hex; start: string },
  found: Map<string, SignedPlacement>,
  signal: AbortSignal,
): Promise<void> {
  let after = start
  let hasTurned = false
  for (let page = 0; page < pagesMax && found.size < rowsMax && !signal.aborted; page++) {
    // A witness that is away, or lies about its form, shows nothing.
    const answer = await askPlacements(env, url, { nodeId, after }, { bytesMax: pageBytesMax, timeoutMs, signal })
    if (!answer) return
    for (const json of answer.placements.slice(0, rowsMax)) {
      const read = readPlacement(json)
      if (!read.ok) continue
      const key = `${read.value.root}/${read.value.sizeBytes}`
      const old = found.get(key)
      if (!old || supersedes(read.value, old)) found.set(key, read.value)
    }
    if (typeof answer.after === 'string') after = answer.after
    else if (hasTurned) return
    else [after, hasTurned] = ['', true]
    if (hasTurned && after > start) return
  }
}

/** Those of the node's own signature, of files that the chain has and that are paid. */
async function signedRows(
  { chainId, files }: HolderReaderParts,
  nodeId: Hex,
  placements: readonly SignedPlacement[],
): Promise<SignedRow[]> {
  const rows: SignedRow[] = []
  const ordered = [...placements].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  for (const placement of ordered) {
    const row = rowOf(placement, nodeId)
    const isBound = row >= 0 && placement.signatures[row] !== null && placementStage(placement) !== 'open'
    if (!isBound || placement.chainId !== chainId || rows.length === rowsMax) continue
    const shape = await files.find(placement.root, placement.sizeBytes)
    const fragments = shape ? fragmentsOf(shape, placement.dataRows, row) : 0
    if (fragments > 0) rows.push({ placement, row, fragments })
  }
  return rows
}

const keyOf = ({ root, sizeBytes }: SignedPlacement): string => `${root}/${String(sizeBytes).padStart(16, '0')}`

type Question = { nodeId: Hex; placement: SignedPlacement; row: number; stripe: number }

async function askFragment(
  env: HolderReaderParts['env'],
  url: string,
  question: Question,
  signal: AbortSignal,
): Promise<FragmentAnswer> {
  const { placement, row, stripe } = question
  const query = `sizeBytes=${placement.sizeBytes}&row=${row}&from=${stripe}&to=${stripe + 1}`
  try {
    const options: FetchOptions = { signal, timeoutMs }
    const response = await env.network.fetch(joinUrl(url, `/fragments/${placement.root}?${query}`), options)
    const body = await response.bytes(fragmentFrameBytesMax + 4)
    if (response.status === 200 && body.length > 4) {
      // Its own buffer: the body is a view of what comes next, too.
      return { kind: 'frame', frame: body.slice(4), signature: response.headers[shownHeader] }
    }
    return { kind: 'nothing', detail: `status ${response.status}, ${body.length} bytes` }
  } catch (fault) {
    const detail = fault instanceof Error ? fault.message : String(fault)
    // Who answers other questions in time does not show this: else a node that lost data would only have to be slow.
    const isThere = await isAnswering(env, url, question.nodeId, signal)
    return isThere
      ? { kind: 'nothing', detail: `only other questions are answered: ${detail}` }
      : { kind: 'silent', detail }
  }
}

async function isAnswering(
  env: HolderReaderParts['env'],
  url: string,
  nodeId: Hex,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const response = await env.network.fetch(joinUrl(url, '/node/record'), { signal, timeoutMs })
    const read = readNodeRecord(await response.json(recordBytesMax))
    return response.status === 200 && read.ok && read.value.nodeId === nodeId
  } catch {
    return false
  }
}
