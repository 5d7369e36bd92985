/** Whether a provider takes new jobs, and what whoever brings one is told when it does not. Spec: COMPUTE §12 */
import type { ApiError } from '../wire/apiError.ts'

/**
 * `draining`: for good. `moving`: another process under the same key is taking over. `moved`: it has, and requests that
 * still come here are passed on to it.
 */
export type Doors = { state: 'open' | 'draining' | 'moving' | 'moved' }

/** Undefined where jobs are taken. Gateways go elsewhere, because no token has been sent. */
export function closedFor({ state }: Doors): ApiError | undefined {
  if (state === 'open') return undefined
  if (state === 'draining') {
    const message = 'This provider is ending and takes no new jobs; ask another.'
    return { code: 'provider_draining', message, retryAfterSeconds: 30 }
  }
  const message = 'Another process of this provider is taking over; ask again.'
  return { code: 'provider_draining', message, retryAfterSeconds: 1 }
}
