/** Whether a provider takes new jobs, and what whoever brings one is told when it does not. Spec: COMPUTE §12 */
import type { ApiError } from '../wire/apiError.ts'

/**
 * `draining`: for good. `closing`: another process under the same key is taking over, requests that come now wait, and those
 * that are on their way in may still become jobs. `moving`: no more. `moved`: it has taken over, and gets what still comes here.
 */
export type Doors = {
  state: 'open' | 'draining' | 'closing' | 'moving' | 'moved'
  /** Requests, by their signals, of which it is not settled yet whether they become jobs here. */
  entering: Set<AbortSignal>
}

/** Undefined where jobs are taken. Gateways go elsewhere, because no token has been sent. */
export function closedFor({ state }: Pick<Doors, 'state'>): ApiError | undefined {
  if (state === 'open' || state === 'closing') return undefined
  if (state === 'draining') {
    const message = 'This provider is ending and takes no new jobs; ask another.'
    return { code: 'provider_draining', message, retryAfterSeconds: 30 }
  }
  const message = 'Another process of this provider is taking over; ask again.'
  return { code: 'provider_draining', message, retryAfterSeconds: 1 }
}
