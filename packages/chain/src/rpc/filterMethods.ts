/** Logs by query and by polling: eth_getLogs, eth_new*Filter, eth_getFilterChanges, eth_getFilterLogs, eth_uninstallFilter. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Block } from '../execution/block.ts'
import { type FormattedLog, findLogs, type LogFilter, logsOfBlock, readLogFilter } from './logFilter.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'
import { RpcFault } from './rpcFault.ts'

type Filter = {
  kind: 'logs' | 'blocks' | 'pending'
  query?: LogFilter
  items: (FormattedLog | Hex)[]
  polledMs: number
}

/** Filters not polled for a while are forgotten, as are those that nobody empties. */
class FilterBook {
  readonly #context: RpcContext
  readonly #filters = new Map<string, Filter>()

  constructor(context: RpcContext) {
    this.#context = context
    context.engine.headMoved.listen((block) => this.#takeBlock(block))
    context.pool.added.listen((transaction) => this.#give('pending', () => [transaction.key]))
  }

  open(kind: Filter['kind'], query?: LogFilter): string {
    this.#expire()
    if (this.#filters.size >= this.#context.limits.filtersMax) {
      throw new RpcFault('limit-exceeded', 'too many filters; uninstall some')
    }
    const id = bytesToHex(this.#context.env.random.bytes(16))
    this.#filters.set(id, { kind, items: [], polledMs: this.#nowMs(), ...(query ? { query } : {}) })
    return id
  }

  close(id: unknown): boolean {
    return this.#filters.delete(String(id))
  }

  changes(id: unknown): (FormattedLog | Hex)[] {
    const filter = this.#require(id)
    return filter.items.splice(0)
  }

  logs(id: unknown): FormattedLog[] {
    const { query } = this.#require(id)
    if (query === undefined) throw new RpcFault('refused', 'filter not found')
    return findLogs(this.#context, query)
  }

  #require(id: unknown): Filter {
    const filter = this.#filters.get(String(id))
    if (filter === undefined) throw new RpcFault('refused', 'filter not found')
    filter.polledMs = this.#nowMs()
    this.#context.audience.poll()
    return filter
  }

  #takeBlock(block: Block): void {
    this.#expire()
    this.#give('blocks', () => [bytesToHex(block.hash)])
    this.#give('logs', ({ query }) => (query && isWithin(query, block) ? logsOfBlock(block, query) : []))
  }

  #give(kind: Filter['kind'], items: (filter: Filter) => (FormattedLog | Hex)[]): void {
    for (const [id, filter] of this.#filters) {
      if (filter.kind !== kind) continue
      filter.items.push(...items(filter))
      if (filter.items.length > this.#context.limits.filterItemsMax) this.#filters.delete(id)
    }
  }

  #expire(): void {
    const limitMs = this.#nowMs() - this.#context.limits.filterLifetimeMs
    for (const [id, filter] of this.#filters) if (filter.polledMs < limitMs) this.#filters.delete(id)
  }

  #nowMs(): number {
    return this.#context.env.clock.monotonicMs()
  }
}

export function filterMethods(context: RpcContext): MethodTable {
  const book = new FilterBook(context)
  const readFilter = (value: unknown) => readLogFilter(value, context.limits.logAddressesMax)
  return {
    eth_getLogs: ([filter]) => findLogs(context, readFilter(filter)),
    eth_newFilter: ([filter]) => book.open('logs', readFilter(filter)),
    eth_newBlockFilter: () => book.open('blocks'),
    eth_newPendingTransactionFilter: () => book.open('pending'),
    eth_getFilterChanges: ([id]) => book.changes(id),
    eth_getFilterLogs: ([id]) => book.logs(id),
    eth_uninstallFilter: ([id]) => book.close(id),
  }
}

/** A filter may name the blocks it wants; open ends follow the head. */
function isWithin({ range }: LogFilter, { header, hash }: Block): boolean {
  if ('blockHash' in range) return bytesToHex(range.blockHash) === bytesToHex(hash)
  const after = !('number' in range.from) || header.number >= range.from.number
  return after && (!('number' in range.to) || header.number <= range.to.number)
}
