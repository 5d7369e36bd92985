/**
 * Whether the node that holds a row in the placement known so far is still there with it: asked once for one fragment that
 * it cannot foresee, before a next version gives the row to another. What strangers can cause by it is bounded: answers are
 * kept for a while, and only so many questions go out a second. Spec: storage §12.
 */
import { joinUrl } from '@weightless/blobs'
import { bytesToUint, type Hex, hexToBytes } from '@weightless/codec'
import type { FileShape } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { checkFragment, decodeFragmentFrame, fragmentFrameBytesMax, type Placement } from '../wire/index.ts'
import { fragmentsOf } from './fragmentStore.ts'
import type { KnownNodes } from './knownNodes.ts'

/** `busy`: too many have been asked lately to ask this one now. */
export type OldHolderState = 'gone' | 'live' | 'busy'

export type AskOldHolder = (placement: Placement, row: number, shape: FileShape) => Promise<OldHolderState>

export type AskOldHolderParts = {
  env: Pick<Env, 'clock' | 'network' | 'random'>
  nodes: Pick<KnownNodes, 'find' | 'isAway'>
}

const deadlineMs = 3_000
const keptMs = 3_000
const keptMax = 1_024
const questionsAtOnce = 256
const questionsPerSecond = 16

export function createAskOldHolder(parts: AskOldHolderParts): AskOldHolder {
  const { clock } = parts.env
  const kept = new Map<string, { atMs: number; state: Promise<OldHolderState> }>()
  let free = questionsAtOnce
  let filledMs = clock.monotonicMs()

  function mayAsk(): boolean {
    const nowMs = clock.monotonicMs()
    free = Math.min(questionsAtOnce, free + ((nowMs - filledMs) * questionsPerSecond) / 1_000)
    filledMs = nowMs
    if (free < 1) return false
    free--
    return true
  }

  return (placement, row, shape) => {
    const holder = placement.holders[row]!
    const node = parts.nodes.find(holder)
    // Of whom nothing was ever heard nothing can be said, as long as this node has heard of nobody.
    if (!node) return Promise.resolve(parts.nodes.isAway(holder) ? 'gone' : 'live')
    const fragments = fragmentsOf(shape, placement.dataRows, row)
    // Nothing can be missing from a row without fragments.
    if (fragments === 0) return Promise.resolve('live')
    const key = `${placement.root}/${placement.sizeBytes}/${row}/${holder}`
    const known = kept.get(key)
    if (known && clock.monotonicMs() - known.atMs < keptMs) return known.state
    if (!mayAsk()) return Promise.resolve('busy')
    const stripe = Number(bytesToUint(parts.env.random.bytes(6))) % fragments
    const state = hasFragment(parts, node.url, { placement, row, stripe, shape }).then(
      (isHere): OldHolderState => (isHere ? 'live' : 'gone'),
    )
    kept.delete(key)
    kept.set(key, { atMs: clock.monotonicMs(), state })
    if (kept.size > keptMax) kept.delete(kept.keys().next().value!)
    return state
  }
}

type Question = { placement: Placement; row: number; stripe: number; shape: FileShape }

/** False also where no answer comes in time. */
async function hasFragment(
  { env }: AskOldHolderParts,
  url: string,
  { placement, row, stripe, shape }: Question,
): Promise<boolean> {
  const { root, sizeBytes, dataRows, parityRows } = placement
  const stop = new AbortController()
  env.clock.sleep(deadlineMs, stop.signal).then(
    () => stop.abort(),
    () => undefined,
  )
  try {
    const path = `/fragments/${root}?sizeBytes=${sizeBytes}&row=${row}&from=${stripe}&to=${stripe + 1}`
    const response = await env.network.fetch(joinUrl(url, path), { signal: stop.signal, timeoutMs: deadlineMs })
    const body = await response.bytes(fragmentFrameBytesMax + 4)
    const frame = response.status === 200 && body.length > 4 ? decodeFragmentFrame(body.subarray(4)) : undefined
    if (!frame?.ok) return false
    const { value } = frame
    const isAsked = value.stripe === stripe && value.row === row
    const isOfCode = value.dataRows === dataRows && value.parityRows === parityRows
    return isAsked && isOfCode && checkFragment(hexToBytes(root as Hex), shape, value).ok
  } catch {
    return false
  } finally {
    stop.abort()
  }
}
