/** Whom a request may go to, model by model: by its wishes and its key's, and on the market where one asks for that. Spec: COMPUTE §10.2 */
import type { HttpHeaders } from '@weightless/env'
import type { ApiError } from '../../wire/apiError.ts'
import { strictestOf } from '../../wire/marketNeed.ts'
import type { Customer, GatewayContext } from '../gatewayContext.ts'
import type { ListedProvider } from '../providerDirectory.ts'
import { canServe, unservable, type Work } from '../readWork.ts'
import { type MarketMatch, openMatch } from './matchProviders.ts'
import { orderProviders } from './orderProviders.ts'

export type Candidate = { provider: ListedProvider; model: string }

/** `headers` say how the market was asked, where it was. */
export type Choice = ({ candidates: Candidate[]; sort: string } | { error: ApiError }) & { headers: HttpHeaders }

export async function chooseCandidates(context: GatewayContext, customer: Customer, work: Work): Promise<Choice> {
  const { directory, health, env } = context
  const { key } = customer
  const refused = (error: ApiError, headers: HttpHeaders = {}): Choice => ({ error, headers })
  if (work.models.length === 0) return refused(unservable(work))
  const permitted = work.models.filter((model) => key.models.length === 0 || key.models.includes(model))
  if (permitted.length === 0) {
    return refused({ code: 'forbidden', message: `This key may not use '${work.models[0]}'.`, param: 'model' })
  }
  const match = await askMarket(context, customer, work)
  if (match && 'error' in match) return refused(match.error)
  const candidates: Candidate[] = []
  let offered = 0
  let servable = 0
  for (const model of permitted) {
    const offering = await directory.listOf(model)
    const able = offering.filter((provider) => canServe(work, provider))
    offered += offering.length
    servable += able.length
    const ordered = match
      ? match.order(model, able)
      : orderProviders(able, work.preferences, key.providers, { health, random: env.random })
    for (const provider of ordered) candidates.push({ provider, model })
  }
  const headers = match?.headers() ?? {}
  if (candidates.length > 0)
    return { candidates, sort: match ? 'market' : (work.preferences.sort ?? 'price^-2'), headers }
  if (!work.chat.ok && servable === 0) return refused(unservable(work))
  if (offered === 0) {
    const message = `The model '${permitted[0]}' does not exist here; see /v1/models.`
    return refused({ code: 'model_not_found', message, param: 'model' })
  }
  if (servable === 0) return refused(unservable(work))
  const message = match
    ? 'No offer on the market fits what the request, its key and this gateway ask for, or whoever does is passed over; see x-weightless-match.'
    : 'No provider of this model fits what the request and its key ask for; it is not sent to any other.'
  return refused({ code: 'no_available_provider', message }, headers)
}

/** Undefined where nobody asks for the market: request, key, gateway. */
async function askMarket(
  { market, need, health }: GatewayContext,
  { key, payer }: Customer,
  { preferences }: Work,
): Promise<MarketMatch | { error: ApiError } | undefined> {
  const { needs, sort, order, maxPrice } = preferences
  const settings = [key.need, need].filter((wish) => wish !== undefined)
  if (!needs && settings.length === 0) return undefined
  if (!market) return refuseValue('provider.need', 'this gateway knows no market')
  if ((sort !== undefined && sort !== 'market') || order.length > 0) {
    return refuseValue('provider.sort', 'requests of this key are matched by the market')
  }
  const priced = { max_price: { prompt: maxPrice.prompt?.toString(), completion: maxPrice.completion?.toString() } }
  const wish = strictestOf([...(needs ?? []), priced, ...settings])
  if (!wish) {
    const message = 'What the request, its key and this gateway ask of a provider excludes one another.'
    return { error: { code: 'no_available_provider', message } }
  }
  const draw = await market.draw(payer.user)
  const asked = { market: market.address, requester: payer.user, draw }
  return openMatch(wish, asked, preferences, key.providers, health)
}

function refuseValue(param: string, detail: string): { error: ApiError } {
  return { error: { code: 'invalid_value', message: `Invalid value for '${param}': ${detail}.`, param } }
}
