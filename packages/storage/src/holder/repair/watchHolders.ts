/**
 * Goes through the placements that this node has a part in, over and over: its own row must be whole, and a holder that is
 * gone for long is replaced. Of the holders that are left, the first one by row asks the next node in line. Spec: storage §13.
 */
import { joinUrl } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { type NodeRecord, rankNodes, readPlacement, type SignedPlacement, supersedes } from '../../wire/index.ts'
import { askPlacements } from '../askPlacements.ts'
import type { Repair, RepairParts } from './repairFiles.ts'
import { publish } from './signAnew.ts'

export type WatchParts = RepairParts & { repair: Pick<Repair, 'check'>; checkMs: number }

const pageMax = 256
const tellMax = 8
const timeoutMs = 5_000
const answerBytesMax = 32 * 1024 * 1024

/** Resolves after `signal`. */
export async function watchHolders(parts: WatchParts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts.env
  const told = new Map<string, number>()
  let isRestored = false
  let toldUpTo: string | undefined
  while (!signal.aborted) {
    try {
      if (!isRestored && parts.nodes.hasLooked()) isRestored = await learnPlacements(parts, signal)
      toldUpTo = await tellSome(parts, toldUpTo, tellMax, signal)
      for (let after: string | undefined; ; ) {
        const page = parts.placements.list(pageMax, after)
        for (const { placement } of page) await look(parts, placement, told, signal)
        after = page.at(-1)?.key
        if (page.length < pageMax) break
      }
    } catch (fault) {
      if (!signal.aborted) log.warn('looking after placements failed', { reason: String(fault) })
    }
    await clock.sleep(parts.checkMs, signal).catch(() => undefined)
  }
}

async function look(
  parts: WatchParts,
  placement: SignedPlacement,
  told: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const { nodeId, nodes, goneMs, env } = parts
  if (!placement.holders.includes(nodeId)) return
  parts.repair.check(placement)
  if (!nodes.hasLooked()) return
  const isLive = (holder: Hex) => holder === nodeId || nodes.find(holder) !== undefined
  // One asks for all; should it fail, it is gone itself before long, and the next one is the first.
  if (placement.holders.find(isLive) !== nodeId) return
  const row = placement.holders.findIndex((holder) => !isLive(holder) && nodes.silentMs(holder) > goneMs)
  if (row < 0) return
  const key = `${placement.root}/${placement.sizeBytes}/${row}`
  const nowMs = env.clock.monotonicMs()
  const tries = told.get(key) ?? 0
  const candidates = rankNodes(
    placement.root,
    nodes.live().filter((node) => !placement.holders.includes(node.nodeId)),
  )
  // The same one is asked again and again; every few times it is the next one's turn.
  const candidate = candidates[Math.floor(tries / 4) % Math.max(1, candidates.length)]
  if (told.size > pageMax * 16) told.clear()
  told.set(key, tries + 1)
  if (!candidate) return
  env.log.info('a row is to be taken over', {
    root: placement.root,
    row,
    by: candidate.url,
    silentMs: nodes.silentMs(placement.holders[row]!),
    nowMs,
  })
  await ask(parts, candidate, placement, row, signal)
}

async function ask(
  { env }: WatchParts,
  { url }: NodeRecord,
  placement: SignedPlacement,
  row: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ placement, row })
    const response = await env.network.fetch(joinUrl(url, '/repair'), {
      method: 'POST',
      headers,
      body,
      signal,
      timeoutMs,
    })
    const reason = (await response.text(4_096)).slice(0, 200)
    if (response.status !== 202) env.log.debug('a row was not taken over', { url, reason })
  } catch {
    // Asked again at the next look.
  }
}

/** What a node that has lost its disk, or was away, asks all others: in which placements do I stand? */
async function learnPlacements(parts: WatchParts, signal: AbortSignal): Promise<boolean> {
  const others = parts.nodes.live()
  for (const { url } of others) {
    let after: string | null = ''
    while (after !== null && !signal.aborted) {
      const limits = { bytesMax: answerBytesMax, timeoutMs, signal }
      const answer = await askPlacements(parts.env, url, { nodeId: parts.nodeId, after }, limits)
      if (!answer) break
      for (const json of answer.placements) await learn(parts, json, signal)
      after = typeof answer.after === 'string' ? answer.after : null
    }
  }
  let toldUpTo: string | undefined
  do toldUpTo = await tellSome(parts, toldUpTo, pageMax, signal)
  while (toldUpTo !== undefined && !signal.aborted)
  return others.length > 0
}

async function learn({ placements }: WatchParts, json: unknown, signal: AbortSignal): Promise<void> {
  const read = readPlacement(json)
  if (!read.ok) return
  const { root, sizeBytes } = read.value
  const known = placements.get(root, sizeBytes)
  if (!known || supersedes(read.value, known)) await placements.put(root, read.value, signal)
}

/**
 * An indexer that lost its memory, or holders that were away, learn what this node knows; and it, what has changed. All at the
 * start, then a few at each look, round and round.
 * @returns where to go on
 */
async function tellSome(
  parts: WatchParts,
  after: string | undefined,
  limit: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const page = parts.placements.list(limit, after)
  for (const { placement } of page) await publish({ ...parts, findNode: parts.nodes.find }, placement, signal)
  return page.length < limit ? undefined : page.at(-1)!.key
}
