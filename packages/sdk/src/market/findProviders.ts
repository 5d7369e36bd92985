/** Providers that serve a need, matched here from the chain's list: nobody has to be trusted with the choice. MARKET §4 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Candidate, matchNeed, matchSeed, type Need } from '@weightless/contracts/matchNeed'
import type { Ledger } from '@weightless/ledger'

export type FoundProviders = {
  /** Best first; fewer than `need.redundancy` where no more fit. */
  providers: Hex[]
  /** What the match was computed from, so that anybody can do it again. */
  candidates: Candidate[]
  blockNumber: bigint
  seed: Hex
}

const pageSize = 100n
/** The contract takes 500 offers. */
const pagesMax = 5

/** @param count - numbers the requester's matches at one block. @throws {LedgerUnreachableError} {TransactionRevertedError} */
export async function findProviders(
  ledger: Ledger,
  market: Hex,
  need: Need,
  { requester, count = 0 }: { requester: Hex; count?: number },
): Promise<FoundProviders> {
  const head = await ledger.block('latest')
  const at = { address: market, abi: abis.serviceMarket, functionName: 'getCandidates' } as const
  const candidates: Candidate[] = []
  for (let page = 0; page < pagesMax; page++) {
    const args = [BigInt(page) * pageSize, pageSize] as const
    const [found, total] = await ledger.read({ ...at, args, blockNumber: head.number })
    candidates.push(...found)
    if (BigInt(candidates.length) >= total || found.length === 0) break
  }
  const seed = matchSeed(head.hash, requester, count)
  return { providers: matchNeed(candidates, need, seed), candidates, blockNumber: head.number, seed }
}
