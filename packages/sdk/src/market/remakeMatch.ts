/** A gateway's choice, made again from the chain's state of the block that it names. Spec: MARKET §4, COMPUTE §10.2.1 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { type MatchStatement, readMatchHeader } from '@weightless/compute/wire'
import type { Ledger } from '@weightless/ledger'
import { findProviders } from './findProviders.ts'

export type RemadeMatch = {
  statement: MatchStatement
  /** Whom the rule gives for each of the statement's models, best first; lower case. */
  providers: Hex[][]
}

/**
 * @param header - `x-weightless-match` of an answer
 * @throws {MatchUnreadableError} {MatchForeignError} of another market or another chain's block
 * @throws {BlockMissingError} {LedgerUnreachableError} the node knows the block or its state no more
 */
export async function remakeMatch(ledger: Ledger, market: Hex, header: string): Promise<RemadeMatch> {
  const read = readMatchHeader(header)
  if (!read.ok) throw new MatchUnreadableError({ detail: read.detail })
  const statement = read.value
  const { blockNumber, blockHash, requester, count } = statement
  const { hash } = await ledger.block(blockNumber)
  if (hash !== blockHash || statement.market !== market.toLowerCase()) {
    throw new MatchForeignError({ blockNumber, blockHash, found: hash, market: statement.market })
  }
  const providers: Hex[][] = []
  for (const model of statement.models) {
    const need = { ...statement.need, model }
    const found = await findProviders(ledger, market, need, { requester, count, at: blockNumber })
    providers.push(found.providers.map((address) => address.toLowerCase() as Hex))
  }
  return { statement, providers }
}

export class MatchUnreadableError extends WeightlessError {
  constructor(facts: { detail: string | undefined }) {
    super('sdk/match-unreadable', 'This is no statement about a match on the market.', facts)
  }
}

export class MatchForeignError extends WeightlessError {
  constructor(facts: { blockNumber: bigint; blockHash: Hex; found: Hex; market: Hex }) {
    super('sdk/match-foreign', 'The statement is about another chain or another market.', facts)
  }
}
