/**
 * The provider's word for a job before it begins, where it is asked for: the number is in the log first, and no receipt that
 * would break the word is ever signed. Spec: COMPUTE §7.6, SETTLEMENT §9.10
 */
import { type Hex, textToBytes, WeightlessError } from '@weightless/codec'
import type { Clock, HttpHeaders } from '@weightless/env'
import { type Authorization, brokenTerm, type Receipt, signAcceptance } from '@weightless/receipt'
import { sseEvent } from '../wire/chatAnswer.ts'
import { acceptanceHeader, type JobTerms } from '../wire/payment.ts'
import type { ProviderContext } from './providerContext.ts'

/** An accepted stream ends so long before its deadline: longer than an upstream or a client may be silent, and both together. */
const marginSeconds = 120n

type Accepted = { terms: JobTerms | undefined; acceptance: Hex | undefined }

/** Undefined when the deadline is too near for an honest answer in time. */
export async function acceptJob(
  { account, place, log, limits, env }: ProviderContext,
  authorization: Authorization,
): Promise<Hex | undefined> {
  const nowSeconds = BigInt(Math.floor(env.clock.nowMs() / 1000))
  if (authorization.deadline < nowSeconds + BigInt(limits.acceptedSecondsMin)) return undefined
  const { user, jobNonce } = authorization
  await log.add({ kind: 'accepted', user, jobNonce })
  return signAcceptance(authorization, place, account)
}

export function acceptanceHeaders({ acceptance }: Accepted): HttpHeaders {
  return acceptance ? { [acceptanceHeader]: acceptance } : {}
}

/** @throws {AcceptanceBrokenError} the receipt is not to be signed */
export function checkKept({ terms, acceptance }: Accepted, receipt: Receipt): void {
  const term = acceptance && terms && brokenTerm(terms.authorization, receipt)
  if (term) throw new AcceptanceBrokenError({ term, jobNonce: receipt.jobNonce.toString() })
}

/** The same pieces; those of an accepted job end in time, as if the client had left, with an event that says so. */
export function endInTime<Piece extends string | Uint8Array>(
  pieces: AsyncGenerator<Piece>,
  { terms, acceptance }: Accepted,
  clock: Clock,
): AsyncGenerator<Piece | Uint8Array> {
  if (!acceptance || !terms) return pieces
  return endAt(pieces, terms.authorization.deadline - marginSeconds, clock)
}

async function* endAt<Piece>(
  pieces: AsyncGenerator<Piece>,
  endSeconds: bigint,
  clock: Clock,
): AsyncGenerator<Piece | Uint8Array> {
  try {
    for (;;) {
      if (BigInt(Math.floor(clock.nowMs() / 1000)) >= endSeconds) {
        // What was sent is receipted before anything else happens.
        await pieces.return(undefined)
        yield textToBytes(sseEvent(overtime))
        return
      }
      const { done, value } = await pieces.next()
      if (done) return
      yield value
    }
  } finally {
    await pieces.return(undefined)
  }
}

const overtime = {
  error: {
    message: 'The authorisation of this job ends; what was sent before is all there is.',
    type: 'server_error',
    param: null,
    code: 'provider_error',
  },
}

export class AcceptanceBrokenError extends WeightlessError {
  constructor(facts: { term: string; jobNonce: string }) {
    super('compute/acceptance-broken', 'The receipt would break what was accepted, so it is not signed.', facts)
  }
}
