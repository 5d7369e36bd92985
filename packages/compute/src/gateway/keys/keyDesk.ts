/** From the secret in a request's headers to the key at work. Spec: COMPUTE §10.5 */
import type { Clock, HttpHeaders } from '@weightless/env'
import type { ApiError } from '../../wire/apiError.ts'
import type { PayerOf } from '../createPayers.ts'
import type { Customer } from '../gatewayContext.ts'
import type { ApiKey } from './apiKey.ts'
import type { KeyRing } from './keyRing.ts'

const secretCharactersMax = 512

export function createKeyDesk({ keys, payerOf, clock }: { keys: KeyRing; payerOf: PayerOf; clock: Clock }) {
  const customers = new Map<string, Customer>()

  function customerOfKey(key: ApiKey): Customer {
    let customer = customers.get(key.id)
    if (!customer) {
      customer = { key, payer: payerOf(key.id), inFlight: 0, heldWei: 0n }
      customers.set(key.id, customer)
    }
    // What a manager changed holds from the next request on.
    customer.key = key
    return customer
  }

  return {
    customerOfKey,
    customerOf(headers: HttpHeaders): { customer: Customer } | { error: ApiError } {
      const secret = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? headers['x-api-key']
      const key = secret === undefined || secret.length > secretCharactersMax ? undefined : keys.find(secret)
      if (!key) return { error: { code: 'invalid_api_key', message: unknownKey } }
      if (key.revokedAtMs !== undefined) {
        return { error: { code: 'token_revoked', message: `The key ${key.hint} was revoked.` } }
      }
      if (key.expiresAtMs !== undefined && key.expiresAtMs <= clock.nowMs()) {
        return { error: { code: 'token_expired', message: `The key ${key.hint} has expired.` } }
      }
      return { customer: customerOfKey(key) }
    },
  }
}

const unknownKey = 'Incorrect API key provided. Give one of this gateway: "Authorization: Bearer sk-…".'
