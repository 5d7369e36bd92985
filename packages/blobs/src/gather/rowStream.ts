/** The fragments of one row as its holder sends them, a bounded number ahead of the reader. Spec: storage §10. */
import { bytesToUint, type Hex, WeightlessError } from '@weightless/codec'
import type { NodeRecord } from '@weightless/storage/wire'
import { joinUrl } from '../callNode.ts'
import { refusal } from '../network/askHolder.ts'
import type { TransferParts } from '../network/transferParts.ts'
import { readFrames } from './readFrames.ts'

export type RowWish = { root: Hex; sizeBytes: number; row: number; from: number; to: number }

export type RowStream = {
  row: number
  node: NodeRecord
  /** The frame of a stripe, not checked; stripes must be asked for in order. `missing`: the holder passed over it. */
  look(stripe: number): Uint8Array<ArrayBuffer> | 'pending' | 'missing' | 'failed'
  fault(): unknown
  close(): void
}

/** @param onChange called whenever `look` may answer something else */
export function openRowStream(
  { network, timeoutMs }: Pick<TransferParts, 'network' | 'timeoutMs'>,
  node: NodeRecord,
  wish: RowWish,
  aheadMax: number,
  onChange: () => void,
): RowStream {
  const queue: { stripe: number; bytes: Uint8Array<ArrayBuffer> }[] = []
  const control = new AbortController()
  let state: 'open' | 'ended' | 'failed' = 'open'
  let fault: unknown
  let wake: (() => void) | undefined

  async function pump(): Promise<void> {
    const { root, sizeBytes, row, from, to } = wish
    const url = joinUrl(node.url, `/fragments/${root}?sizeBytes=${sizeBytes}&row=${row}&from=${from}&to=${to}`)
    const response = await network.fetch(url, { timeoutMs, signal: control.signal })
    if (response.status !== 200) throw await refusal(url, response)
    for await (const bytes of readFrames(response.body, control.signal)) {
      queue.push({ stripe: stripeOf(bytes), bytes })
      onChange()
      while (queue.length >= aheadMax && !control.signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (control.signal.aborted) return
    }
  }

  pump()
    .then(
      () => {
        state = 'ended'
      },
      (cause: unknown) => {
        state = 'failed'
        fault = cause
      },
    )
    .then(onChange)

  return {
    row: wish.row,
    node,
    look(stripe) {
      while (queue.length > 0 && queue[0]!.stripe < stripe) queue.shift()
      wake?.()
      const next = queue[0]
      if (next) return next.stripe === stripe ? next.bytes : 'missing'
      return state === 'open' ? 'pending' : state === 'ended' ? 'missing' : 'failed'
    },
    fault: () => fault,
    close() {
      control.abort(new RowLeftError())
      queue.length = 0
      wake?.()
    },
  }
}

/** As the frame's head says it; −1 where there is none. */
function stripeOf(frame: Uint8Array): number {
  if (frame.length < 20) return -1
  return Number(bytesToUint(frame.subarray(12, 20)))
}

class RowLeftError extends WeightlessError {
  constructor() {
    super('blobs/row-left', 'The reader needs no more of this row.')
  }
}
