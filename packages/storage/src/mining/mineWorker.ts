/**
 * The inside of a mining worker: draws what nonces recall, then says which seals of what it is sent are answers. It keeps
 * the pads of one batch between the two, because growing one costs as much as trying it. Spec: mining §4.
 */
import {
  copyPad,
  hitsOf,
  openPad,
  padSeedOf,
  qualitiesOf,
  type RecallRange,
  recallLoad,
  usePad,
} from '@weightless/crypto'
import type { TaskPort } from '@weightless/env'

export type MineRequest =
  /** Nonces are 32 bytes each, end to end; at most 64 of them. */
  | {
      kind: 'draw'
      minerId: Uint8Array
      subtaskDigest: Uint8Array
      rangeDigest: Uint8Array
      range: RecallRange
      nonces: Uint8Array
    }
  /** `index` is the nonce's place in the last batch. */
  | { kind: 'try'; index: number; sealed: Uint8Array; sealedMask: bigint; target: bigint }

export type MineReply =
  /** First sector of what each nonce recalls; -1 where that lies outside the range. */
  { kind: 'drawn'; loads: number[] } | { kind: 'tried'; hits: number[] }

export default async function runMineWorker(port: TaskPort): Promise<void> {
  let pads: { seed: Uint8Array; pad: Uint8Array }[] = []
  for await (const message of port.messages) {
    const request = message as MineRequest
    if (request.kind === 'draw') {
      const drawn = draw(request)
      pads = drawn.pads
      port.send({ kind: 'drawn', loads: drawn.loads } satisfies MineReply)
    } else {
      const kept = pads[request.index]
      port.send({ kind: 'tried', hits: kept ? attempt(kept, request) : [] } satisfies MineReply)
    }
  }
}

function draw({ minerId, subtaskDigest, rangeDigest, range, nonces }: MineRequest & { kind: 'draw' }) {
  const pads: { seed: Uint8Array; pad: Uint8Array }[] = []
  const loads: number[] = []
  for (let at = 0; at < nonces.length; at += 32) {
    const seed = padSeedOf({ minerId, subtaskDigest, rangeDigest, nonce: nonces.subarray(at, at + 32) })
    loads.push(recallLoad(openPad(seed), range) ?? -1)
    pads.push({ seed, pad: copyPad() })
  }
  return { pads, loads }
}

function attempt(
  { seed, pad }: { seed: Uint8Array; pad: Uint8Array },
  { sealed, sealedMask, target }: MineRequest & { kind: 'try' },
): number[] {
  usePad(seed, pad)
  return hitsOf(qualitiesOf(sealed, sealedMask), sealedMask, target)
}
