/** A refusal of the contracts that verify trusted hardware, by the name that the verifier off chain has for it. */
import { WeightlessError } from '@weightless/codec'
import { attestationRefusals } from '@weightless/contracts/attestationRefusals'
import { TransactionRevertedError } from '@weightless/ledger'

/** @throws {AttestationRefusedError} where the contract refuses; every other error as it is */
export async function refusedAs<Result>(what: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof TransactionRevertedError) || cause.reason.errorName !== 'Refused') throw cause
    const code = attestationRefusals[Number(cause.reason.args?.[0])] ?? 'malformed'
    throw new AttestationRefusedError({ what, code }, cause)
  }
}

export class AttestationRefusedError extends WeightlessError {
  constructor(facts: { what: string; code: (typeof attestationRefusals)[number] }, cause: unknown) {
    super('sdk/attestation-refused', `The chain refuses ${facts.what}: ${facts.code}.`, facts, {
      cause,
      hint: 'weightless attest verify says more about it; spec/attestation.md 2 says what each refusal means.',
    })
  }
}
