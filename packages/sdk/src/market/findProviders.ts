/** Providers that serve a need, matched here from the chain's list: nobody has to be trusted with the choice. MARKET §4 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Candidate, matchNeed, matchSeed, type Need } from '@weightless/contracts/matchNeed'
import { readCandidates } from '@weightless/contracts/readCandidates'
import type { Ledger } from '@weightless/ledger'

export type FoundProviders = {
  /** Best first; fewer than `need.redundancy` where no more fit. */
  providers: Hex[]
  /** What the match was computed from, so that anybody can do it again. */
  candidates: Candidate[]
  blockNumber: bigint
  seed: Hex
}

/**
 * @param count - numbers the requester's matches at one block @param at - another block than the newest, to make a match again
 * @throws {LedgerUnreachableError} {TransactionRevertedError}
 */
export async function findProviders(
  ledger: Ledger,
  market: Hex,
  need: Need,
  { requester, count = 0, at }: { requester: Hex; count?: number; at?: bigint },
): Promise<FoundProviders> {
  const { number: blockNumber, hash } = await ledger.block(at ?? 'latest')
  const call = { address: market, abi: abis.serviceMarket, functionName: 'getCandidates', blockNumber } as const
  const candidates = await readCandidates((offset, limit) => ledger.read({ ...call, args: [offset, limit] }))
  const seed = matchSeed(hash, requester, count)
  return { providers: matchNeed(candidates, need, seed), candidates, blockNumber, seed }
}
