/**
 * The chosen chain's blocks: an append-only log on disk, and in memory only where each block stands, its hash and the
 * indexes. On open every record is read, its checksum and its place in the chain of hashes checked.
 */
import { asRlpBytes, asRlpList, bytesEqual, WeightlessError } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { Disk, Log } from '@weightless/env'
import { openSegmentLog, type SegmentLog } from '@weightless/store'
import { storeLimits } from '../limits.ts'
import type { Block } from './block.ts'
import {
  type BlockParts,
  decodeRecord,
  encodeBlockRecord,
  encodeRewindRecord,
  partsToBlock,
  receiptLogs,
} from './blockRecord.ts'
import { createHashIndex } from './hashIndex.ts'
import { createLogIndex } from './logIndex.ts'

/**
 * Opens the log in `folder`; an empty one is an empty store, to which the genesis block is appended first.
 * @throws {LogCorruptError | BlockOrderError}
 */
export async function openBlockStore(disk: Disk, folder: string, report: Log): Promise<BlockStore> {
  const store = new BlockStore()
  const log = await openSegmentLog(disk, folder, {
    segmentBytesMax: storeLimits.segmentBytesMax,
    log: report,
    onRecord: (position, record) => store.load(position, record),
  })
  store.useLog(log)
  return store
}

export class BlockStore {
  #openLog: SegmentLog | undefined
  readonly #positions: number[] = []
  #hashes = new Uint8Array(32 * 1024)
  readonly #blockIndex = createHashIndex()
  readonly #transactionIndex = createHashIndex()
  readonly #logIndex = createLogIndex()
  /** Oldest first. */
  readonly #recent = new Map<number, Block>()

  /** The log to read from and append to, once its records have been loaded. */
  useLog(log: SegmentLog): void {
    this.#openLog = log
  }

  /** Number of the last block; -1 when empty. */
  get height(): number {
    return this.#positions.length - 1
  }

  get transactionCount(): number {
    return this.#transactionIndex.size()
  }

  /** Takes one record found on open. @throws {BlockOrderError} */
  load(position: number, bytes: Uint8Array): void {
    const record = decodeRecord(bytes)
    if (record.kind === 'rewind') {
      this.#cut(record.number)
      return
    }
    const { header, hash, raws, receipts } = record.parts
    const parent = this.hash(header.number - 1)
    if (header.number !== this.height + 1 || (parent && !bytesEqual(parent, header.parentHash))) {
      throw new BlockOrderError({ number: header.number, expected: this.height + 1 })
    }
    this.#index(position, header.number, hash)
    raws.forEach((raw, index) => {
      this.#transactionIndex.add(keccak256(raw), header.number, index)
    })
    this.#logIndex.add(header.number, loggedAddresses(receipts))
  }

  /** Writes the next block, durably; it shows once the function that comes back is called. */
  async append(block: Block): Promise<() => void> {
    const [position] = await this.#log.append([encodeBlockRecord(block)])
    await this.#log.sync()
    return () => this.#publish(position!, block)
  }

  #publish(position: number, block: Block): void {
    this.#index(position, block.header.number, block.hash)
    block.transactions.forEach((transaction, index) => {
      this.#transactionIndex.add(transaction.hash, block.header.number, index)
    })
    const logs = block.receipts.flatMap((receipt) => receipt.logs)
    this.#logIndex.add(
      block.header.number,
      logs.map((log) => log.address),
    )
    this.#remember(block)
  }

  /** Takes the chain back to block `number`; durable when it resolves. */
  async rewind(number: number): Promise<void> {
    await this.#log.append([encodeRewindRecord(number)])
    await this.#log.sync()
    this.#cut(number)
  }

  hash(number: number): Uint8Array | undefined {
    if (number < 0 || number > this.height) return undefined
    return this.#hashes.slice(number * 32, number * 32 + 32)
  }

  /** Number of the block with this hash. */
  numberOf(hash: Uint8Array): number | undefined {
    return this.#blockIndex.find(hash, (number) => this.#hasHash(number, hash))?.block
  }

  block(number: number): Block | undefined {
    const position = this.#positions[number]
    if (position === undefined) return undefined
    const known = this.#recent.get(number)
    if (known !== undefined) return known
    const block = partsToBlock(this.#parts(position))
    this.#remember(block)
    return block
  }

  /** Where the transaction stands. */
  transaction(hash: Uint8Array): { block: Block; index: number } | undefined {
    const found = this.#transactionIndex.find(hash, (number, index) => {
      const transaction = this.block(number)?.transactions[index]
      return transaction !== undefined && bytesEqual(transaction.hash, hash)
    })
    const block = found && this.block(found.block)
    return found && block ? { block, index: found.index } : undefined
  }

  /** Numbers of the blocks with logs of these contracts, rising. */
  blocksWithLogs(from: number, to: number, addresses: readonly Uint8Array[] | undefined): number[] {
    return this.#logIndex.blocks(from, to, addresses)
  }

  /** Hashes of up to 256 blocks down from `number`, newest first. */
  hashesDown(number: number): Uint8Array[] {
    const hashes: Uint8Array[] = []
    for (let at = number; at >= 0 && hashes.length < 256; at--) hashes.push(this.hash(at)!)
    return hashes
  }

  async close(): Promise<void> {
    await this.#log.close()
  }

  get #log(): SegmentLog {
    return this.#openLog!
  }

  #parts(position: number): BlockParts {
    const record = decodeRecord(this.#log.readSync(position))
    if (record.kind === 'rewind') throw new BlockOrderError({ number: -1, expected: this.height })
    return record.parts
  }

  #index(position: number, number: number, hash: Uint8Array): void {
    if (this.#hashes.length < (number + 1) * 32) {
      const larger = new Uint8Array(this.#hashes.length * 2)
      larger.set(this.#hashes)
      this.#hashes = larger
    }
    this.#hashes.set(hash, number * 32)
    this.#positions.push(position)
    this.#blockIndex.add(hash, number, 0)
  }

  #cut(number: number): void {
    this.#positions.length = number + 1
    this.#blockIndex.cutAbove(number)
    this.#transactionIndex.cutAbove(number)
    for (const recent of [...this.#recent.keys()]) if (recent > number) this.#recent.delete(recent)
    this.#logIndex.rewind(number)
  }

  #hasHash(number: number, hash: Uint8Array): boolean {
    const known = this.hash(number)
    return known !== undefined && bytesEqual(known, hash)
  }

  #remember(block: Block): void {
    this.#recent.delete(block.header.number)
    this.#recent.set(block.header.number, block)
    if (this.#recent.size > storeLimits.recentBlocksMax) this.#recent.delete(this.#recent.keys().next().value!)
  }
}

function* loggedAddresses(receipts: BlockParts['receipts']): Generator<Uint8Array> {
  for (const receipt of receipts) for (const log of receiptLogs(receipt)) yield asRlpBytes(asRlpList(log)[0])
}

export class BlockOrderError extends WeightlessError {
  constructor(facts: { number: number; expected: number }) {
    super('chain/block-order', 'A stored block does not follow the one before it.', facts, {
      hint: 'The block files are damaged; restore them from a copy, or run `weightless reset`.',
    })
  }
}
