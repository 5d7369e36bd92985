/**
 * Follows a contract's events from a block on: pages of logs, finality, reorganisations and a node that goes away are
 * handled here and nowhere else.
 */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import {
  type Abi,
  type AbiEvent,
  encodeEventTopics,
  type ParseEventLogsReturnType,
  parseEventLogs,
  type RpcLog,
} from 'viem'
import { type FollowHeadParts, followHead, type Header, type Heads } from './followHead.ts'
import { type JsonRpc, LedgerUnreachableError, RpcRefusedError } from './jsonRpc.ts'

export type WatchOptions<abi extends Abi | readonly unknown[]> = {
  address: string | readonly string[]
  /** Events of this ABI are decoded; other logs of the address are left out. */
  abi: abi
  /** First block wanted. */
  fromBlock: bigint
  /** Only these events of the ABI. */
  eventNames?: readonly string[]
}

export type LedgerEvent<abi extends Abi | readonly unknown[]> = ParseEventLogsReturnType<
  abi extends Abi ? abi : Abi,
  undefined,
  true
>[number]

export type WatchStep<abi extends Abi | readonly unknown[]> =
  /** All events up to and including `block` have now been given; `final` when none of them can be reverted. */
  | { readonly block: bigint; readonly final: boolean; readonly events: readonly LedgerEvent<abi>[] }
  /** Everything after this block was taken back; the next step continues from there. */
  | { readonly revert: bigint }

type Span = { from: bigint; to: bigint }

const pageBlocksMax = 2_000n
/** Boundaries of steps that are not final yet, newest last; older ones merge, so a revert may go further back. */
const boundariesMax = 256

export async function* watchEvents<const abi extends Abi | readonly unknown[]>(
  parts: FollowHeadParts & { env: Pick<Env, 'clock' | 'log'> },
  options: WatchOptions<abi>,
  signal: AbortSignal,
): AsyncGenerator<WatchStep<abi>, void, undefined> {
  const { rpc, env, pollMs } = parts
  const follower = followHead(parts, signal)
  let heads: Heads | undefined
  let next = options.fromBlock
  let finalGiven = next - 1n
  let pageBlocks = pageBlocksMax
  let away = false
  const boundaries: Header[] = []
  while (!signal.aborted) {
    try {
      heads ??= await follower.read()
      const { head, final } = heads
      if (away) env.log.info('chain answers again', { block: head.number })
      away = false
      const common = await lastCommon(rpc, boundaries, head, signal)
      if (common !== undefined) {
        heads = undefined
        const revert = common?.number ?? finalGiven
        next = revert + 1n
        yield { revert }
        continue
      }
      if (next <= head.number) {
        const to = next + pageBlocks - 1n < head.number ? next + pageBlocks - 1n : head.number
        const page = await readPage(rpc, options, { from: next, to }, signal)
        heads = undefined
        if (!page) continue
        boundaries.push(page.last)
        if (boundaries.length > boundariesMax) boundaries.shift()
        next = to + 1n
        const isFinal = to <= final
        if (isFinal) finalGiven = to
        dropFinal(boundaries, final)
        yield { block: to, final: isFinal, events: page.events }
        pageBlocks = pageBlocks * 2n < pageBlocksMax ? pageBlocks * 2n : pageBlocksMax
        continue
      }
      const nowFinal = final < next - 1n ? final : next - 1n
      if (nowFinal > finalGiven) {
        finalGiven = nowFinal
        dropFinal(boundaries, final)
        yield { block: nowFinal, final: true, events: [] }
      }
      heads = await follower.next(head.hash)
    } catch (fault) {
      if (signal.aborted) return
      heads = undefined
      if (fault instanceof RpcRefusedError && pageBlocks > 1n) {
        pageBlocks /= 2n
        continue
      }
      if (!(fault instanceof LedgerUnreachableError)) throw fault
      if (!away) env.log.warn('chain does not answer', { rpcUrl: rpc.url })
      away = true
      await env.clock.sleep(pollMs * 5, signal).catch(() => undefined)
    }
  }
}

/**
 * `undefined` while the newest boundary is still on the chain; otherwise drops those that are not and returns the
 * newest that is, or null when none is left.
 */
async function lastCommon(
  rpc: JsonRpc,
  boundaries: Header[],
  head: Header,
  signal: AbortSignal,
): Promise<Header | null | undefined> {
  let dropped = false
  for (;;) {
    const newest = boundaries.at(-1)
    if (!newest) return dropped ? null : undefined
    const found = newest.number === head.number ? head.hash : await readHash(rpc, newest.number, signal)
    if (found === newest.hash) return dropped ? newest : undefined
    boundaries.pop()
    dropped = true
  }
}

async function readHash(rpc: JsonRpc, number: bigint, signal: AbortSignal): Promise<Hex | undefined> {
  const block = (await rpc.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false], signal)) as {
    hash: Hex
  } | null
  return block?.hash
}

/** The page's events and its last header, read together; undefined when that header is not there (a reorganisation). */
async function readPage<abi extends Abi | readonly unknown[]>(
  rpc: JsonRpc,
  options: WatchOptions<abi>,
  { from, to }: Span,
  signal: AbortSignal,
): Promise<{ last: Header; events: LedgerEvent<abi>[] } | undefined> {
  const lastNumber = `0x${to.toString(16)}`
  const filter = {
    address: options.address,
    fromBlock: `0x${from.toString(16)}`,
    toBlock: lastNumber,
    topics: topicsOf(options),
  }
  const [block, logs] = (await rpc.batch(
    [
      { method: 'eth_getBlockByNumber', params: [lastNumber, false] },
      { method: 'eth_getLogs', params: [filter] },
    ],
    signal,
  )) as [{ hash: Hex } | null, RpcLog[]]
  if (!block) return undefined
  return { last: { number: to, hash: block.hash }, events: decodeLogs(options.abi, logs) }
}

/** Decoded events in chain order; logs that the ABI does not know are left out. */
export function decodeLogs<abi extends Abi | readonly unknown[]>(
  abi: abi,
  logs: readonly RpcLog[],
): LedgerEvent<abi>[] {
  const shaped = logs.map((log) => ({
    ...log,
    blockNumber: log.blockNumber === null ? null : BigInt(log.blockNumber),
    logIndex: log.logIndex === null ? null : Number(log.logIndex),
    transactionIndex: log.transactionIndex === null ? null : Number(log.transactionIndex),
  }))
  return parseEventLogs({ abi: abi as Abi, logs: shaped as never, strict: true }) as unknown as LedgerEvent<abi>[]
}

export function topicsOf({
  abi,
  eventNames,
}: {
  abi: Abi | readonly unknown[]
  eventNames?: readonly string[]
}): Hex[][] {
  const events = (abi as Abi).filter((item): item is AbiEvent => item.type === 'event')
  const wanted = eventNames ? events.filter((event) => eventNames.includes(event.name)) : events
  return [wanted.map((event) => encodeEventTopics({ abi: [event], eventName: event.name } as never)[0] as Hex)]
}

/** Of the final boundaries only the newest is kept: nothing before it can be reverted. */
function dropFinal(boundaries: Header[], final: bigint): void {
  while (boundaries.length > 1 && boundaries[1]!.number <= final) boundaries.shift()
}
