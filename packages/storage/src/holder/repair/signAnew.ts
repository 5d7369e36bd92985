/**
 * Brings a placement up to date after a row has gone to another node: the next version, signed by every holder that is
 * there, made known to them and to the indexers. Spec: storage §12, §13.
 */
import { askSignature, HolderRefusedError, joinUrl } from '@weightless/blobs'
import { type Hex, hexToBytes } from '@weightless/codec'
import { ed25519Verify } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import {
  type NodeRecord,
  type Placement,
  placementDigest,
  placementStage,
  readPlacement,
  type SignedPlacement,
  supersedes,
  vouching,
} from '../../wire/index.ts'
import type { PlacementKeeper } from '../keepPlacements.ts'

export type SignParts = {
  env: Pick<Env, 'clock' | 'network' | 'log'>
  nodeId: Hex
  placements: PlacementKeeper
  findNode(nodeId: Hex): NodeRecord | undefined
  indexerUrls: readonly string[]
}

const timeoutMs = 15_000
const answerBytesMax = 1024 * 1024

/** @returns the new placement, once it is accepted at least; undefined when too few sign, to be tried again */
export async function signAnew(
  parts: SignParts,
  placement: SignedPlacement,
  row: number,
  signal: AbortSignal,
): Promise<SignedPlacement | undefined> {
  const newest = await askNewest(parts, placement, signal)
  if (newest.holders.some((holder, at) => holder === parts.nodeId && at !== row)) return undefined
  const { signatures: _, ...body } = newest
  const holders = newest.holders.map((holder, at) => (at === row ? parts.nodeId : holder))
  // Of the last attempt perhaps all but this node's own copy has gone astray: then it is only to be signed by more.
  const isSame = newest.holders[row] === parts.nodeId
  const proposal: Placement = { ...body, holders, version: newest.version + (isSame ? 0 : 1) }
  const signed = { ...proposal, signatures: await collect(parts, proposal, newest, signal) }
  if (placementStage(signed) === 'open' || signed.signatures[row] === null) return undefined
  await parts.placements.put(signed.root, signed, signal)
  await publish(parts, signed, signal)
  return signed
}

/** Shows a placement to its holders and to the indexers; whoever is away learns of it later. */
export async function publish(parts: SignParts, placement: SignedPlacement, signal: AbortSignal): Promise<void> {
  const holders = placement.holders.flatMap((holder) => parts.findNode(holder)?.url ?? [])
  const headers = { 'content-type': 'application/json' }
  await Promise.all(
    [...holders, ...parts.indexerUrls].map(async (base) => {
      try {
        const options = { method: 'PUT', headers, body: JSON.stringify(placement), signal, timeoutMs }
        const response = await parts.env.network.fetch(joinUrl(base, `/placement/${placement.root}`), options)
        const reason = (await response.text(4_096)).slice(0, 200)
        if (response.status !== 204) parts.env.log.debug('a placement was not taken', { base, reason })
        if (reason.includes('version-old')) await learnNewest(parts, base, placement, signal)
      } catch {
        // It is told again whenever it asks.
      }
    }),
  )
}

/** Whoever refuses an old version knows a newer one. */
async function learnNewest(
  { env, placements }: SignParts,
  base: string,
  known: SignedPlacement,
  signal: AbortSignal,
): Promise<void> {
  const { root, sizeBytes } = known
  const response = await env.network.fetch(joinUrl(base, `/placement/${root}`), { signal, timeoutMs })
  const list = await response.json(answerBytesMax)
  for (const json of Array.isArray(list) ? list.slice(0, 16) : []) {
    const read = readPlacement(json)
    if (!read.ok || read.value.sizeBytes !== sizeBytes || !supersedes(read.value, known)) continue
    await placements.put(root, read.value, signal)
  }
}

/** @param earlier shown beside, because a holder signs only what follows the newest that it knows */
async function collect(
  parts: SignParts,
  proposal: Placement,
  earlier: SignedPlacement,
  signal: AbortSignal,
): Promise<(Hex | null)[]> {
  const digest = placementDigest(proposal)
  const asked = { ...proposal, earlier }
  return Promise.all(
    proposal.holders.map(async (holder): Promise<Hex | null> => {
      if (holder === parts.nodeId) {
        const own = await parts.placements.sign(asked, signal)
        return own.ok ? own.value.signature : null
      }
      const node = parts.findNode(holder)
      if (!node) return null
      try {
        const signature = await askSignature({ network: parts.env.network, timeoutMs }, node.url, asked, signal)
        const isSigned = /^0x[0-9a-f]{128}$/.test(signature)
        return isSigned && ed25519Verify(hexToBytes(signature), digest, hexToBytes(holder)) ? signature : null
      } catch (fault) {
        if (!(fault instanceof HolderRefusedError)) return null
        parts.env.log.debug('a holder does not sign', { url: node.url, holderCode: fault.facts.holderCode })
        return null
      }
    }),
  )
}

/** The newest version that any holder or indexer knows. */
async function askNewest(
  { env, findNode, placements, indexerUrls }: SignParts,
  placement: SignedPlacement,
  signal: AbortSignal,
): Promise<SignedPlacement> {
  const { root, sizeBytes } = placement
  let newest = placements.get(root, sizeBytes) ?? placement
  if (supersedes(placement, newest)) newest = placement
  const bases = [...placement.holders.flatMap((holder) => findNode(holder)?.url ?? []), ...indexerUrls]
  const answers = await Promise.all(
    bases.map(async (base) => {
      try {
        const response = await env.network.fetch(joinUrl(base, `/placement/${root}`), { signal, timeoutMs })
        const json = await response.json(answerBytesMax)
        return Array.isArray(json) ? json : []
      } catch {
        return []
      }
    }),
  )
  for (const json of answers.flat().slice(0, 256)) {
    const read = readPlacement(json)
    if (!read.ok || placementStage(read.value) === 'open' || !supersedes(read.value, newest)) continue
    const isSame = read.value.root === root && read.value.sizeBytes === sizeBytes && isOfSameCode(read.value, newest)
    if (isSame) newest = read.value
  }
  return newest
}

function isOfSameCode(a: SignedPlacement, b: Placement): boolean {
  return (
    a.codingRoot === b.codingRoot &&
    a.dataRows === b.dataRows &&
    a.parityRows === b.parityRows &&
    vouching(a, b) >= b.dataRows
  )
}
