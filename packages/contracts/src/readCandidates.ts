/** The whole list of offers at one block, page by page, as matches are made from it. Spec: spec/market.md 4.1 */
import type { Candidate } from './matchNeed.ts'

/** `ServiceMarket.getCandidates(offset, limit)` at the block that is meant: a page, and how many there are in all. */
export type CandidatePage = (offset: bigint, limit: bigint) => Promise<readonly [readonly Candidate[], bigint]>

const pageSize = 100n
/** The contract takes 500 offers. */
const pagesMax = 5

/** In the chain's order. @throws whatever `pageOf` throws */
export async function readCandidates(pageOf: CandidatePage): Promise<Candidate[]> {
  const candidates: Candidate[] = []
  for (let page = 0; page < pagesMax; page++) {
    const [found, total] = await pageOf(BigInt(page) * pageSize, pageSize)
    candidates.push(...found)
    if (BigInt(candidates.length) >= total || found.length === 0) break
  }
  return candidates
}
