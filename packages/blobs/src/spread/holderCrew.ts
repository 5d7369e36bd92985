/** The holders of an upload: who has which row, what is durable where, and who steps in for one that fails. Spec: storage §12. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { AbortedError, NetworkError } from '@weightless/env'
import { hasRow, type NodeRecord, type SignedPlacement } from '@weightless/storage/wire'
import { askHeld, type HeldRow, HolderRefusedError } from '../network/askHolder.ts'
import type { TransferParts } from '../network/transferParts.ts'
import { type ByteWindow, createByteWindow } from './byteWindow.ts'
import { chooseHolders, chooseSpare } from './chooseHolders.ts'
import type { SourceStripe } from './codeSource.ts'
import { frameRow } from './frameRow.ts'
import { createRowLedger, type RowLedger } from './rowLedger.ts'
import { createRowSender, type RowSender, type RowSenderEvents } from './rowSender.ts'
import type { SpreadJob } from './spreadJob.ts'

export type CrewOptions = {
  windowBytes: number
  signal: AbortSignal
  earlier: SignedPlacement | undefined
  onProgress: ((done: number, total: number) => void) | undefined
}

const askMs = 4_000
/** Nodes that are asked what they have of a file before its rows are given out: the first in line, and some more. */
const askedMax = 64

/** Asks the nodes what they have of the file, waits for the submission, and gives each row its holder. @throws {NodesTooFewError} */
export async function gatherCrew(parts: TransferParts, job: SpreadJob, options: CrewOptions): Promise<HolderCrew> {
  const crew = new HolderCrew(parts, job, options)
  await crew.begin()
  return crew
}

export class HolderCrew {
  readonly ledger: RowLedger
  readonly #parts: TransferParts
  readonly #job: SpreadJob
  readonly #options: CrewOptions
  readonly #root: Hex
  readonly #rows: number
  readonly #window: ByteWindow
  #nodes: readonly NodeRecord[]
  /** Nodes that failed: nothing is given to them again, unless nobody else is left. */
  readonly #lost = new Set<Hex>()
  #senders: RowSender[] = []
  #watchers: (() => void)[] = []

  constructor(parts: TransferParts, job: SpreadJob, options: CrewOptions) {
    this.#parts = parts
    this.#job = job
    this.#options = options
    this.#nodes = job.nodes
    this.#root = bytesToHex(job.file.root)
    this.#rows = job.redundancy.dataRows + job.redundancy.parityRows
    this.#window = createByteWindow(options.windowBytes)
    this.ledger = createRowLedger(job.file.shape, job.redundancy)
  }

  async begin(): Promise<void> {
    const { submission, redundancy, nodes } = this.#job
    const held = new Map<Hex, HeldRow[]>()
    const asked = orderForAsking(nodes, this.#options.earlier).slice(0, Math.max(askedMax, this.#rows))
    const asking = asked.map(async (node) => {
      const has = await this.#askHeld(node)
      if (has) held.set(node.nodeId, has)
      else this.#lost.add(node.nodeId)
    })
    const [{ startSegment }] = await Promise.all([submission, ...asking])
    const live = nodes.filter(({ nodeId }) => !this.#lost.has(nodeId))
    const among = live.length >= this.#rows ? live : nodes
    const chosen = chooseHolders(this.#root, startSegment, redundancy, among, held, this.#options.earlier)
    this.#senders = chosen.map((node, row) => this.#hire(node, row, held.get(node.nodeId) ?? []))
  }

  holders(): NodeRecord[] {
    return this.#senders.map(({ node }) => node)
  }

  /** All of the row is durable, at a holder that is there. */
  isWhole(row: number): boolean {
    return this.ledger.missing(row) === 0 && !this.#isLost(row)
  }

  /** Sends what a stripe's rows miss; resolves when there is room for more. */
  async push(coded: SourceStripe): Promise<void> {
    const { file, redundancy } = this.#job
    for (let row = 0; row < this.#rows; row++) {
      this.#leaveIfAborted()
      if (!hasRow(file.shape, redundancy.dataRows, coded.stripe, row)) continue
      if (this.#isLost(row) && !(await this.#replace(row))) continue
      if (this.ledger.has(row, coded.stripe)) continue
      const fragment = frameRow(file, coded, row)
      await this.#window.take(fragment.data.length)
      this.#senders[row]!.push(fragment)
    }
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.idle()))
    this.#leaveIfAborted()
  }

  /** Resolves as soon as so many rows are whole, or nothing is on its way any more. */
  async wholeRows(count: number): Promise<void> {
    let isIdle = false
    const end = (): void => {
      isIdle = true
      this.#notify()
    }
    this.idle().then(end, end)
    const whole = () => this.#senders.filter((_, row) => this.isWhole(row)).length
    while (!isIdle && whole() < count) await new Promise<void>((resolve) => this.#watchers.push(resolve))
    this.#leaveIfAborted()
  }

  /** A holder did not sign: what it lacks is sent again, or it is given up. */
  async doubt(row: number, fault: unknown): Promise<void> {
    const { node } = this.#senders[row]!
    const isIncomplete = fault instanceof HolderRefusedError && fault.facts.holderCode === 'fragments-missing'
    const has = isIncomplete ? await this.#askHeld(node) : undefined
    if (has) this.ledger.reset(row, has)
    else this.#giveUp(row, node, fault)
  }

  /** Gives rows back to the holders that signed for them, where they answer: the others do not sign those rows away. */
  async reinstate({ holders, signatures }: SignedPlacement): Promise<void> {
    const crew = this.holders()
    const found = await Promise.all(
      crew.map(async (current, row) => {
        const node = this.#nodes.find(({ nodeId }) => nodeId === holders[row])
        if (!node || !signatures[row] || node.nodeId === current.nodeId) return undefined
        const has = await this.#askHeld(node)
        return has && { node, has }
      }),
    )
    const back = new Set(found.flatMap((each) => each?.node.nodeId ?? []))
    const taken = new Set([...this.#lost, ...back, ...crew.map(({ nodeId }) => nodeId)])
    const hires = crew.map((current, row): { node: NodeRecord; has: HeldRow[] } | undefined => {
      if (found[row] || !back.has(current.nodeId)) return found[row]
      // A node that goes back to a row of its own leaves this one to the next in line.
      const node = chooseSpare(this.#root, this.#nodes, taken)
      if (node) taken.add(node.nodeId)
      return node && { node, has: [] }
    })
    if (crew.some(({ nodeId }, row) => !hires[row] && back.has(nodeId))) return
    for (const [row, hire] of hires.entries()) {
      if (!hire) continue
      this.#lost.delete(hire.node.nodeId)
      this.#senders[row] = this.#hire(hire.node, row, hire.has)
    }
  }

  /** Finds holders for rows that have lost theirs; true when something can be sent now. */
  async recover(nodes: readonly NodeRecord[]): Promise<boolean> {
    this.#nodes = nodes
    let isAny = false
    for (let row = 0; row < this.#rows; row++) {
      if (this.isWhole(row)) continue
      const isManned = !this.#isLost(row) || (await this.#replace(row)) || (await this.#callBack(row))
      isAny ||= isManned
    }
    return isAny
  }

  #isLost(row: number): boolean {
    return this.#lost.has(this.#senders[row]!.node.nodeId)
  }

  #hire(node: NodeRecord, row: number, has: readonly HeldRow[]): RowSender {
    this.ledger.reset(row, has)
    const { signal, onProgress } = this.#options
    const events: RowSenderEvents = {
      onSettled: ({ stripe, data }, isStored) => {
        this.#window.give(data.length)
        if (isStored && this.#senders[row] === sender) this.ledger.add(row, stripe)
        if (isStored) onProgress?.(this.ledger.done(), this.ledger.total)
        this.#notify()
      },
      onFault: (fault) => {
        if (!signal.aborted) this.#giveUp(row, node, fault)
      },
    }
    const sender = createRowSender(this.#parts, node, this.#root, events, signal)
    return sender
  }

  #giveUp(row: number, { nodeId, url }: NodeRecord, fault: unknown): void {
    this.#lost.add(nodeId)
    const isSilent = fault instanceof NetworkError
    const kind = !isSilent ? 'refused' : fault.facts.reason === 'timeout' ? 'slow' : 'unreachable'
    const facts = fault instanceof WeightlessError ? JSON.stringify(fault.facts) : ''
    const detail = `${fault instanceof Error ? fault.message : ''} ${facts}`.slice(0, 500)
    this.#parts.onBadHolder?.({ nodeId, url, root: this.#root, row, fault: kind, detail })
  }

  /** Puts the next in line in the place of a lost holder; false when there is nobody. */
  async #replace(row: number): Promise<boolean> {
    for (;;) {
      const taken = new Set([...this.#lost, ...this.#senders.map(({ node }) => node.nodeId)])
      const spare = chooseSpare(this.#root, this.#nodes, taken)
      if (!spare) return false
      const has = await this.#askHeld(spare)
      // One that holds another row of this file would refuse a second one.
      if (has?.every((entry) => entry.row === row || entry.ranges.length === 0)) {
        this.#senders[row] = this.#hire(spare, row, has)
        return true
      }
      this.#lost.add(spare.nodeId)
    }
  }

  /** Nobody else is there: perhaps the lost one has come back, maybe at another address. */
  async #callBack(row: number): Promise<boolean> {
    const { node } = this.#senders[row]!
    const current = this.#nodes.find(({ nodeId }) => nodeId === node.nodeId) ?? node
    const has = await this.#askHeld(current)
    if (!has) return false
    this.#lost.delete(node.nodeId)
    this.#senders[row] = this.#hire(current, row, has)
    return true
  }

  /** Undefined when it gives no answer of use. */
  async #askHeld({ url }: NodeRecord): Promise<HeldRow[] | undefined> {
    const { network, timeoutMs } = this.#parts
    const ask = { network, timeoutMs: Math.min(askMs, timeoutMs) }
    try {
      return await askHeld(ask, url, this.#root, this.#job.file.shape.sizeBytes, this.#options.signal)
    } catch (fault) {
      this.#leaveIfAborted()
      if (fault instanceof NetworkError || fault instanceof HolderRefusedError) return undefined
      throw fault
    }
  }

  #notify(): void {
    for (const wake of this.#watchers.splice(0)) wake()
  }

  #leaveIfAborted(): void {
    const { signal } = this.#options
    if (signal.aborted) throw new AbortedError({ cause: signal.reason })
  }
}

/** Holders of an earlier placement first; the others as they come. */
function orderForAsking(nodes: readonly NodeRecord[], earlier: SignedPlacement | undefined): NodeRecord[] {
  const isEarlier = ({ nodeId }: NodeRecord) => earlier?.holders.includes(nodeId) === true
  return [...nodes.filter(isEarlier), ...nodes.filter((node) => !isEarlier(node))]
}
