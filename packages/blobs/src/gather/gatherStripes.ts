/**
 * The stripes of a placed file in order, out of any k rows: the data rows while all is well, and others from the stripe
 * on where one is missing, slow or gone. Rows stream, several stripes ahead of the reader. Spec: storage §10, §12.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { type FileShape, segmentBytes } from '@weightless/crypto'
import { AbortedError, NetworkError } from '@weightless/env'
import { hasRow, type NodeRecord, type SignedPlacement } from '@weightless/storage/wire'
import type { HolderReport, TransferParts } from '../network/transferParts.ts'
import type { HolderHealth } from './holderHealth.ts'
import type { RowFrame } from './openStripeTask.ts'
import { openRowStream, type RowStream } from './rowStream.ts'

export type GatherParts = TransferParts & {
  placement: SignedPlacement
  shape: FileShape
  /** By node id; holders without a record are not asked. */
  nodes: ReadonlyMap<Hex, NodeRecord>
  health: HolderHealth
}

const aheadBytes = 24 * 1024 * 1024
/** A row that holds the others up so long gets a rival; so does one that takes three times as long as usual. */
const hedgeMsMin = 200
const lagMax = 8
const tickMs = 25

/** Collects, for one run of stripes in order, as many rows of each as it needs. `close` when done. */
export class StripeGatherer {
  readonly #parts: GatherParts
  readonly #to: number
  readonly #streams = new Map<number, RowStream>()
  readonly #lag = new Map<number, number>()
  /** Rows that are not asked again. */
  readonly #left: Set<number>
  readonly #control = new AbortController()
  #wake: (() => void) | undefined
  #usualMs = 0

  constructor(parts: GatherParts, to: number, without: ReadonlySet<number> = new Set()) {
    this.#parts = parts
    this.#to = to
    this.#left = new Set(without)
    void this.#tick()
  }

  /** @throws {StripeUnreadableError} when too few rows are left */
  async collect(stripe: number, needed: number, signal: AbortSignal | undefined): Promise<RowFrame[]> {
    const { clock, placement, shape } = this.#parts
    const startMs = clock.monotonicMs()
    let hedges = 0
    /** Rows that a rival was started for. */
    const late = new Set<number>()
    for (;;) {
      if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
      const { frames, pending } = this.#look(stripe)
      if (frames.length >= needed) {
        for (const row of late)
          if (pending.some((stream) => stream.row === row)) this.leave(row, 'slow', `at stripe ${stripe}`)
        this.#settle(
          stripe,
          pending.filter(({ row }) => !late.has(row)),
        )
        const tookMs = clock.monotonicMs() - startMs
        this.#usualMs += (tookMs - this.#usualMs) / 8
        return frames.slice(0, needed)
      }
      const waitedMs = clock.monotonicMs() - startMs
      if (waitedMs > (hedges + 1) * Math.max(hedgeMsMin, 3 * this.#usualMs) && this.#activate(stripe)) {
        hedges++
        for (const { row } of pending) late.add(row)
        continue
      }
      if (frames.length + pending.length < needed) {
        if (this.#activate(stripe)) continue
        const rows = [...Array(placement.dataRows + placement.parityRows).keys()].filter((row) =>
          hasRow(shape, placement.dataRows, stripe, row),
        )
        throw new StripeUnreadableError({
          root: placement.root,
          stripe,
          needed,
          found: frames.length,
          rows: rows.length,
        })
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** A row whose holder lied is left for good. */
  leave(row: number, fault: HolderReport['fault'], detail: string): void {
    const { placement, nodes, health, onBadHolder } = this.#parts
    const nodeId = placement.holders[row]!
    this.#left.add(row)
    this.#streams.get(row)?.close()
    this.#streams.delete(row)
    health.markSick(nodeId)
    onBadHolder?.({ nodeId, url: nodes.get(nodeId)?.url ?? '', root: placement.root, row, fault, detail })
  }

  close(): void {
    this.#control.abort()
    for (const stream of this.#streams.values()) stream.close()
    this.#streams.clear()
  }

  #look(stripe: number): { frames: RowFrame[]; pending: RowStream[] } {
    const frames: RowFrame[] = []
    const pending: RowStream[] = []
    for (const stream of [...this.#streams.values()].sort((a, b) => a.row - b.row)) {
      if (!hasRow(this.#parts.shape, this.#parts.placement.dataRows, stripe, stream.row)) continue
      const found = stream.look(stripe)
      if (found === 'pending') pending.push(stream)
      else if (found === 'failed') this.leave(stream.row, ...describe(stream.fault()))
      else if (found === 'missing') this.leave(stream.row, 'missing', `stripe ${stripe}`)
      else frames.push({ row: stream.row, bytes: found })
    }
    return { frames, pending }
  }

  /** Rows that keep lagging are left; rivals are let go once the row that they stood in for has caught up. */
  #settle(stripe: number, pending: readonly RowStream[]): void {
    for (const { row } of pending) {
      const lag = (this.#lag.get(row) ?? 0) + 1
      this.#lag.set(row, lag)
      if (lag > lagMax) this.leave(row, 'slow', `behind at stripe ${stripe}`)
    }
    if (pending.length > 0 || this.#streams.size <= this.#parts.placement.dataRows) return
    const rival = Math.max(...this.#streams.keys())
    this.#streams.get(rival)?.close()
    this.#streams.delete(rival)
  }

  /** Starts the next best row at this stripe; false when none is left. */
  #activate(stripe: number): boolean {
    const { placement, shape, nodes, health } = this.#parts
    const { dataRows, parityRows, holders, root, sizeBytes } = placement
    const isSick = (row: number) => Number(health.isSick(holders[row]!))
    const free = [...Array(dataRows + parityRows).keys()]
      .filter((row) => !this.#streams.has(row) && !this.#left.has(row))
      .filter((row) => nodes.has(holders[row]!) && hasRow(shape, dataRows, stripe, row))
      .sort((a, b) => isSick(a) - isSick(b) || a - b)
    const row = free[0]
    if (row === undefined) return false
    const wish = { root, sizeBytes, row, from: stripe, to: this.#to }
    const aheadMax = Math.min(16, Math.max(2, Math.floor(aheadBytes / (dataRows * segmentBytes))))
    const notify = () => this.#notify()
    this.#lag.delete(row)
    this.#streams.set(row, openRowStream(this.#parts, nodes.get(holders[row]!)!, wish, aheadMax, notify))
    return true
  }

  #notify(): void {
    this.#wake?.()
  }

  /** One timer for all waits: a wait ends at the latest with the next tick. */
  async #tick(): Promise<void> {
    const { signal } = this.#control
    while (!signal.aborted) {
      await this.#parts.clock.sleep(tickMs, signal).catch(() => undefined)
      this.#notify()
    }
  }
}

function describe(fault: unknown): [HolderReport['fault'], string] {
  if (!(fault instanceof NetworkError)) return ['refused', fault instanceof Error ? fault.message : String(fault)]
  return [fault.facts.reason === 'timeout' ? 'slow' : 'unreachable', String(fault.facts.reason)]
}

export class StripeUnreadableError extends WeightlessError {
  constructor(facts: { root: Hex; stripe: number; needed: number; found: number; rows: number }) {
    super('blobs/stripe-unreadable', 'Too few rows of a stripe are left, or answer.', facts)
  }
}
