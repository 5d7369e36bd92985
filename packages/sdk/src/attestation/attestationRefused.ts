/** A refusal of the contracts that verify trusted hardware, by the name that the verifier off chain has for it. */
import { WeightlessError } from '@weightless/codec'
import { TransactionRevertedError } from '@weightless/ledger'

/** In the order of the contracts' `Refusal`. */
const codes = [
  'malformed',
  'unsupported',
  'collateral',
  'chain',
  'revoked',
  'expired',
  'not-yet-valid',
  'signature',
  'binding',
  'qe-identity',
  'tdx-module',
  'tcb-level',
  'tcb-status',
  'debug',
  'attributes',
  'report-data',
] as const

/** @throws {AttestationRefusedError} where the contract refuses; every other error as it is */
export async function refusedAs<Result>(what: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof TransactionRevertedError) || cause.reason.errorName !== 'Refused') throw cause
    const code = codes[Number(cause.reason.args?.[0])] ?? 'malformed'
    throw new AttestationRefusedError({ what, code }, cause)
  }
}

export class AttestationRefusedError extends WeightlessError {
  constructor(facts: { what: string; code: (typeof codes)[number] }, cause: unknown) {
    super('sdk/attestation-refused', `The chain refuses ${facts.what}: ${facts.code}.`, facts, {
      cause,
      hint: 'weightless attest verify says more about it; spec/attestation.md 2 says what each refusal means.',
    })
  }
}
