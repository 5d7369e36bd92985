/** How a log of segments is opened. */
import type { Log } from '@weightless/env'
import type { LogCorruptError } from './scanSegment.ts'

export type SegmentLogOptions = {
  /** A new file begins when the current one has grown beyond it; 64 MiB by default, 4 GiB at most. All files are held open. */
  segmentBytesMax?: number
  /** Where a cut torn tail is reported. */
  log?: Log
  /** Called while opening, for every intact record in order. Without it only the newest file is checked on opening. */
  onRecord?: (position: number, payload: Uint8Array) => void
  /** Damaged places are told here and passed over, instead of refusing to open. For content that others can give again. */
  onDamaged?: (fault: LogCorruptError) => void
}
