/**
 * What the chain itself knows of a key that is said to be in trusted hardware (`TeeKeys`): whether it acknowledges the key at
 * one block. That it does not is no auditor's word: whoever reads the same block finds the same. Spec: spec/alignment.md 15.5
 */
import { type TcbStatus, tcbStatuses } from '@weightless/attest'
import { type Hex, isHexOf } from '@weightless/codec'
import { z } from 'zod'

/** Times are seconds since the Unix epoch. */
export type KeyRecord = {
  key: Hex
  blockNumber: number
  /** Time of that block. */
  atSeconds: number
  /** 0 where nothing is known of the key. */
  freshUntilSeconds: number
  /** When the quote was verified. */
  status: TcbStatus
  /** What comes of verifying its quote on chain again at that block; absent where the quote is not to be had from there. */
  again?: { status: TcbStatus } | { refusal: string } | undefined
}

export const keyRecordSchema = z.object({
  key: z.custom<Hex>((value) => isHexOf(value, 20)),
  blockNumber: z.int().min(0),
  atSeconds: z.int().min(0),
  freshUntilSeconds: z.int().min(0),
  status: z.enum(tcbStatuses),
  again: z.union([z.object({ status: z.enum(tcbStatuses) }), z.object({ refusal: z.string().max(40) })]).optional(),
})

/**
 * @param allowStatuses - states of a platform that are good enough
 * @returns why the chain does not acknowledge the key; undefined where it does
 */
export function refusalOfRecord(
  { freshUntilSeconds, atSeconds, status, again }: KeyRecord,
  allowStatuses: readonly TcbStatus[] = ['UpToDate'],
): string | undefined {
  if (freshUntilSeconds === 0) return 'unknown: no quote of this key was ever verified on chain'
  if (freshUntilSeconds < atSeconds) return `expired: acknowledged until ${freshUntilSeconds}, and it is ${atSeconds}`
  if (again && 'refusal' in again) return `${again.refusal}: its quote, verified on chain again, is refused`
  const now = again?.status ?? status
  if (!allowStatuses.includes(now)) return `tcb-status: the state of its platform is ${now}`
  return undefined
}
