/** A user's adapters as the existing SDK asks for them; here they need no deployment: the first request opens them. FINETUNING §10 */
import type { Hex } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { errorResponse } from '../wire/apiError.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import type { ProviderContext } from './providerContext.ts'

/** Undefined when the path is not one of these. */
export function listAdapters({ adapters }: ProviderContext, user: Hex, path: string): HttpResponse | undefined {
  const found = /^\/v1\/lora\/adapters(?:\/([^/]+))?$/.exec(path)
  if (!found) return undefined
  const own = (adapters?.listOf(user) ?? []).map(({ name, taskId }) => ({ adapterName: name, taskId, state: 'active' }))
  if (found[1] === undefined) return jsonResponse({ adapters: own })
  const one = own.find(({ adapterName }) => adapterName === found[1])
  return one
    ? jsonResponse(one)
    : errorResponse({ code: 'model_not_found', message: 'There is no such adapter of this account.' })
}
