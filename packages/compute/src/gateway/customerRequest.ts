/** A request that was read and admitted. */
import type { Hex } from '@weightless/codec'
import type { Customer } from './gatewayContext.ts'
import type { Work } from './readWork.ts'

export type Request = {
  customer: Customer
  work: Work
  signal: AbortSignal
  /** Seeds every copy of an answer alike, where the request has no seed. */
  nonce?: Hex | undefined
}
