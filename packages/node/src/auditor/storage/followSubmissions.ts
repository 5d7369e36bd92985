/** Which files the chain's Flow has, by root, and whether they are paid: what a storage node may be asked for. */
import type { Hex } from '@weightless/codec'
import type { FileShape } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { FlowSource } from '@weightless/storage'
import { toSubmission } from '@weightless/storage/node/submission'

export type PaidFiles = {
  /** The file's shape if a submission of it is paid for long enough yet. @throws what the chain is read by */
  find(root: Hex, sizeBytes: number): Promise<FileShape | undefined>
  close(): Promise<void>
}

type Seen = { seq: number; sizeBytes: number; blockNumber: number; shape: FileShape }

/** Of more files the newest are known; the others are not asked for. */
const filesMax = 200_000
const submissionsMax = 8
/** What ends soon may be let go of while it is asked for. */
const spareMs = 60_000
const retryMs = 1_000

export function followSubmissions(
  { clock, log }: Pick<Env, 'clock' | 'log'>,
  source: Pick<FlowSource, 'watch' | 'payments'>,
): PaidFiles {
  const stop = new AbortController()
  const files = new Map<Hex, Seen[]>()
  let head = -1

  function take(event: Parameters<typeof toSubmission>[0]): void {
    const { root, shape, seq, sizeBytes, blockNumber } = toSubmission(event)
    if (!shape) return
    const same = (files.get(root) ?? []).filter((each) => each.seq !== seq)
    files.delete(root)
    files.set(root, [...same.slice(1 - submissionsMax), { seq, sizeBytes, blockNumber, shape }])
    if (files.size > filesMax) files.delete(files.keys().next().value!)
  }

  function takeBack(toBlock: number): void {
    head = Math.min(head, toBlock)
    for (const [root, all] of files) {
      const left = all.filter(({ blockNumber }) => blockNumber <= toBlock)
      if (left.length === 0) files.delete(root)
      else if (left.length < all.length) files.set(root, left)
    }
  }

  async function follow(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        for await (const step of source.watch(head + 1, stop.signal)) {
          if ('revert' in step) {
            takeBack(step.revert)
            continue
          }
          for (const event of step.events) take(event)
          head = Math.max(head, step.block)
        }
      } catch (fault) {
        if (!stop.signal.aborted) log.warn('the flow is not followed', { reason: String(fault) })
      }
      await clock.sleep(retryMs, stop.signal).catch(() => undefined)
    }
  }

  const ended = follow()
  return {
    async find(root, sizeBytes) {
      const known = (files.get(root) ?? []).filter((each) => each.sizeBytes === sizeBytes)
      if (known.length === 0) return undefined
      const { nowMs, paidUntilMs } = await source.payments(known.map(({ seq }) => seq))
      const at = known.findIndex((_, index) => (paidUntilMs[index] ?? Number.POSITIVE_INFINITY) > nowMs + spareMs)
      return known[at]?.shape
    },
    async close() {
      stop.abort()
      await ended
    },
  }
}
