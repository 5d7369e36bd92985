/** Which logs a caller wants: contracts, topics by position, a range of blocks; and finding them. */
import { bytesEqual } from '@weightless/codec'
import type { Block, BlockLog } from '../execution/block.ts'
import { bloomMayHold } from '../execution/logsBloom.ts'
import { formatLog } from './formatReceipt.ts'
import {
  type BlockName,
  type Fields,
  optional,
  readAddress,
  readBlockName,
  readFields,
  readHash,
  readList,
} from './params.ts'
import { findBlock, type RpcContext, requireBlock } from './rpcContext.ts'
import { invalidParams, RpcFault } from './rpcFault.ts'

export type LogCriteria = {
  /** Any of these contracts; undefined means all. */
  addresses: readonly Uint8Array[] | undefined
  /** By position: any of these, or undefined for anything. */
  topics: readonly (readonly Uint8Array[] | undefined)[]
}

export type LogFilter = LogCriteria & { range: { from: BlockName; to: BlockName } | { blockHash: Uint8Array } }

export type FormattedLog = ReturnType<typeof formatLog>

/** @throws {RpcFault} */
export function readLogFilter(value: unknown, addressesMax: number): LogFilter {
  const fields = value === undefined || value === null ? {} : readFields(value, 'filter')
  return { ...readCriteria(fields, addressesMax), range: readRange(fields) }
}

/** @throws {RpcFault} */
export function readCriteria(fields: Fields, addressesMax: number): LogCriteria {
  const address = fields.address
  const addresses = optional(
    address,
    (given, name) =>
      (Array.isArray(given) ? readList(given, name, addressesMax) : [given]).map((item) => readAddress(item, name)),
    'address',
  )
  const topics = optional(fields.topics, (given, name) => readList(given, name, 4), 'topics') ?? []
  return {
    addresses: addresses?.length === 0 ? undefined : addresses,
    topics: topics.map((topic) => {
      if (topic === null || topic === undefined) return undefined
      const any = Array.isArray(topic) ? readList(topic, 'topics', addressesMax) : [topic]
      return any.length === 0 || any.includes(null) ? undefined : any.map((item) => readHash(item, 'topics'))
    }),
  }
}

/** Logs of the filter's range, oldest first. @throws {RpcFault} */
export function findLogs(context: RpcContext, filter: LogFilter): FormattedLog[] {
  const { limits } = context
  const found: FormattedLog[] = []
  for (const block of blocksOf(context, filter)) {
    found.push(...logsOfBlock(block, filter))
    if (found.length > limits.logsMax) {
      throw new RpcFault('limit-exceeded', `query returned more than ${limits.logsMax} results`)
    }
  }
  return found
}

export function logsOfBlock(block: Block, criteria: LogCriteria): FormattedLog[] {
  if (!mayMatch(block.header.logsBloom, criteria)) return []
  const found: FormattedLog[] = []
  let logIndex = 0
  block.receipts.forEach((receipt, transactionIndex) => {
    for (const log of receipt.logs) {
      if (matches(log, criteria)) found.push(formatLog(log, block, transactionIndex, logIndex))
      logIndex++
    }
  })
  return found
}

function readRange(fields: Fields): LogFilter['range'] {
  if (fields.blockHash == null) {
    return { from: readBlockName(fields.fromBlock, 'fromBlock'), to: readBlockName(fields.toBlock, 'toBlock') }
  }
  if (fields.fromBlock != null || fields.toBlock != null) {
    throw invalidParams(
      'invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other',
    )
  }
  return { blockHash: readHash(fields.blockHash, 'blockHash') }
}

function* blocksOf(context: RpcContext, { range, addresses }: LogFilter): Generator<Block> {
  if ('blockHash' in range) return yield requireBlock(context, { hash: range.blockHash })
  const headNumber = context.engine.head.header.number
  const from = numberOf(context, range.from)
  const to = Math.min(numberOf(context, range.to), headNumber)
  if ('number' in range.from && 'number' in range.to && range.from.number > range.to.number) {
    throw invalidParams('invalid block range params')
  }
  if (to - from > context.limits.logBlocksMax) {
    throw new RpcFault('limit-exceeded', `block range above ${context.limits.logBlocksMax}`)
  }
  for (const number of context.engine.blocks.blocksWithLogs(from, to, addresses))
    yield requireBlock(context, { number })
}

function numberOf(context: RpcContext, name: BlockName): number {
  return 'number' in name ? name.number : (findBlock(context, name)?.header.number ?? 0)
}

function matches(log: BlockLog, { addresses, topics }: LogCriteria): boolean {
  if (addresses && !addresses.some((address) => bytesEqual(address, log.address))) return false
  if (topics.length > log.topics.length) return false
  return topics.every((any, index) => !any || any.some((topic) => bytesEqual(topic, log.topics[index]!)))
}

function mayMatch(bloom: Uint8Array, { addresses, topics }: LogCriteria): boolean {
  const some = (entries: readonly Uint8Array[] | undefined) =>
    !entries || entries.some((entry) => bloomMayHold(bloom, entry))
  return some(addresses) && topics.every(some)
}
