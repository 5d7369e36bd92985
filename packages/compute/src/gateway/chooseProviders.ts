/** Which providers may answer a request, in the order in which to ask them. COMPUTE §10.2 */
import type { HttpHeaders } from '@weightless/env'
import type { ApiError } from '../wire/apiError.ts'
import type { ListedProvider, ProviderDirectory } from './providerDirectory.ts'

/** Header names of the existing router. */
export const choiceHeaders = {
  address: 'x-0g-provider-address',
  sort: 'x-0g-provider-sort',
  trustMode: 'x-0g-provider-trust-mode',
  allowFallbacks: 'x-0g-provider-allow-fallbacks',
} as const

export async function chooseProviders(
  directory: ProviderDirectory,
  model: string,
  headers: HttpHeaders,
): Promise<{ providers: ListedProvider[] } | { error: ApiError }> {
  const offering = await directory.listOf(model)
  if (offering.length === 0) {
    const message = `The model '${model}' does not exist here; see /v1/models.`
    return { error: { code: 'model_not_found', message, param: 'model' } }
  }
  const trusted = offering.filter((provider) => isTrusted(provider, headers[choiceHeaders.trustMode]))
  const pinned = headers[choiceHeaders.address]?.toLowerCase()
  const allowed = pinned ? trusted.filter((provider) => provider.address === pinned) : trusted
  if (allowed.length === 0) {
    const message = 'No provider of this model fits the headers of the request; it is not sent to any other.'
    return { error: { code: 'no_available_provider', message } }
  }
  const ordered = sortProviders(directory, allowed, headers[choiceHeaders.sort])
  const single = pinned !== undefined || headers[choiceHeaders.allowFallbacks] === 'false'
  return { providers: single ? ordered.slice(0, 1) : ordered }
}

/** A hard constraint: never relaxed, whatever is available. */
function isTrusted({ verifiability, modelRoot }: ListedProvider, mode: string | undefined): boolean {
  if (mode === undefined || mode === '') return true
  // Nobody here has proven trusted hardware, so nothing is private.
  return mode === 'verified' && verifiability === 'OpML' && modelRoot !== undefined
}

function sortProviders(
  directory: ProviderDirectory,
  providers: readonly ListedProvider[],
  sort: string | undefined,
): ListedProvider[] {
  const price = ({ price }: ListedProvider) => price.inputWeiPerToken + price.outputWeiPerToken
  const latency = ({ address }: ListedProvider) => directory.firstByteMs(address) ?? 0
  return providers.toSorted((a, b) => {
    // Whoever failed a moment ago comes last, yet is asked before giving up.
    const avoided = Number(directory.isAvoided(a.address)) - Number(directory.isAvoided(b.address))
    if (avoided !== 0) return avoided
    const byPrice = price(a) < price(b) ? -1 : price(a) > price(b) ? 1 : 0
    const byLatency = latency(a) - latency(b)
    return sort === 'latency' ? byLatency || byPrice : byPrice || byLatency
  })
}
