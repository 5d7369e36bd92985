/** Why evidence is refused. Readers throw a `Refusal` from deep inside; `judge` makes a verdict of it at the border. */
import { accept, reject, type Verdict, WeightlessError } from '@weightless/codec'

/** Readable, stable; ATTESTATION §2 says what each means. */
export type RefusalCode =
  | 'malformed'
  | 'unsupported'
  | 'collateral'
  | 'chain'
  | 'revoked'
  | 'expired'
  | 'not-yet-valid'
  | 'signature'
  | 'binding'
  | 'qe-identity'
  | 'tdx-module'
  | 'tcb-level'
  | 'tcb-status'
  | 'debug'
  | 'attributes'
  | 'report-data'
  | 'measurement'
  | 'nonce'
  | 'claims'
  | 'dev'

export type AttestationVerdict<Value> = Verdict<Value, RefusalCode>

export class Refusal extends WeightlessError {
  readonly refusalCode: RefusalCode
  readonly detail: string

  constructor(refusalCode: RefusalCode, detail: string) {
    super(`attest/${refusalCode}`, detail)
    this.refusalCode = refusalCode
    this.detail = detail
  }
}

/** @throws {Refusal} always */
export function refuse(code: RefusalCode, detail: string): never {
  throw new Refusal(code, detail)
}

/** @throws {Refusal} unless it holds */
export function need(holds: boolean, code: RefusalCode, detail: string): void {
  if (!holds) refuse(code, detail)
}

/** A refusal becomes a verdict; any other error is a fault of ours and goes on. */
export function judge<Value>(work: () => Value): AttestationVerdict<Value> {
  try {
    return accept(work())
  } catch (error) {
    if (error instanceof Refusal) return reject(error.refusalCode, error.detail)
    throw error
  }
}
