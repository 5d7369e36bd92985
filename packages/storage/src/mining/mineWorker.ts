/**
 * The inside of a mining worker: draws what nonces recall, then says which seals of what it is sent are answers. It keeps
 * the pads of one batch between the two, because growing one costs as much as trying it. Spec: mining §4.
 */
import {
  growPads,
  hitsOf,
  type NoncePad,
  padSeedOf,
  qualitiesOf,
  type RecallRange,
  recallLoad,
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
  let pads: NoncePad[] = []
  for await (const message of port.messages) {
    const request = message as MineRequest
    if (request.kind === 'draw') {
      pads = draw(request)
      const loads = pads.map(({ recallSeed }) => recallLoad(recallSeed, request.range) ?? -1)
      port.send({ kind: 'drawn', loads } satisfies MineReply)
    } else {
      const nonce = pads[request.index]
      port.send({ kind: 'tried', hits: nonce ? attempt(nonce, request) : [] } satisfies MineReply)
    }
  }
}

function draw({ minerId, subtaskDigest, rangeDigest, nonces }: MineRequest & { kind: 'draw' }): NoncePad[] {
  const seeds = Array.from({ length: nonces.length / 32 }, (_, index) =>
    padSeedOf({ minerId, subtaskDigest, rangeDigest, nonce: nonces.subarray(32 * index, 32 * index + 32) }),
  )
  return growPads(seeds)
}

function attempt(nonce: NoncePad, { sealed, sealedMask, target }: MineRequest & { kind: 'try' }): number[] {
  return hitsOf(qualitiesOf(nonce, sealed, sealedMask), sealedMask, target)
}
