/** The market's list of offers at one block, as old as the list of providers may be. Spec: COMPUTE §10.2.1 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Candidate, matchSeed } from '@weightless/contracts/matchNeed'
import { readCandidates } from '@weightless/contracts/readCandidates'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'

export type MarketState = { blockNumber: bigint; blockHash: Hex; candidates: readonly Candidate[] }

/** One requester's draw of a block. */
export type Draw = { state: MarketState; seed: Hex; count: number }

export type MarketList = {
  address: Hex
  /** The requester's next draw. @throws {LedgerUnreachableError} only when nothing has ever been read */
  draw(requester: Hex): Promise<Draw>
}

export function createMarketList(options: {
  env: Pick<Env, 'clock' | 'log'>
  ledger: Ledger
  address: Hex
  ageMsMax: number
}): MarketList {
  const { env, ledger, address, ageMsMax } = options
  let known: { state: MarketState; readAtMs: number } | undefined
  let reading: Promise<MarketState> | undefined
  /** Draws of the present block, by requester: payers of this gateway, so there are few. */
  let counts = new Map<Hex, number>()

  async function read(): Promise<MarketState> {
    try {
      const { number: blockNumber, hash: blockHash } = await ledger.block('latest')
      if (known?.state.blockHash !== blockHash) {
        const call = { address, abi: abis.serviceMarket, functionName: 'getCandidates', blockNumber } as const
        const candidates = await readCandidates((offset, limit) => ledger.read({ ...call, args: [offset, limit] }))
        counts = new Map()
        known = { state: { blockNumber, blockHash, candidates }, readAtMs: 0 }
      }
      known.readAtMs = env.clock.monotonicMs()
      return known.state
    } catch (fault) {
      // The statement names the block, so an old list claims nothing that is not so.
      if (!known) throw fault
      env.log.warn('market not read', { reason: String(fault) })
      return known.state
    } finally {
      reading = undefined
    }
  }

  function current(): Promise<MarketState> {
    if (known && env.clock.monotonicMs() - known.readAtMs <= ageMsMax) return Promise.resolve(known.state)
    reading ??= read()
    return reading
  }

  return {
    address,
    async draw(requester) {
      const state = await current()
      const count = counts.get(requester) ?? 0
      counts.set(requester, count + 1)
      return { state, seed: matchSeed(state.blockHash, requester, count), count }
    },
  }
}
