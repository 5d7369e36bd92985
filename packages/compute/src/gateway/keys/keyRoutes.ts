/** Keys over HTTP: `/v1/keys` for whoever holds a management key. Spec: COMPUTE §10.5 */
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { z } from 'zod'
import { type ApiError, errorResponse } from '../../wire/apiError.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { needSchema } from '../../wire/marketNeed.ts'
import { parseJson } from '../../wire/parseJson.ts'
import type { Customer, GatewayContext } from '../gatewayContext.ts'
import { type ApiKey, budgetPeriods, type KeyPolicy, type ManagementScope, managementScopes } from './apiKey.ts'
import { spendingOf } from './keyBudget.ts'
import { KeysTooManyError } from './keyRing.ts'

const bodyBytesMax = 65_536
const pageMax = 1_000

const wei = z.union([z.string().regex(/^\d{1,60}$/), z.int().min(0)]).transform(BigInt)
const perMinute = z.int().min(1).max(1_000_000_000)
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text.toLowerCase())

const policyShape = {
  name: z.string().max(100),
  budget_wei: wei.nullable(),
  budget_reset: z.enum(budgetPeriods).nullable(),
  models: z.array(z.string().min(1).max(256)).max(256),
  providers: z.array(address).max(256),
  need: needSchema.nullable(),
  requests_per_minute: perMinute.nullable(),
  tokens_per_minute: perMinute.nullable(),
  /** Seconds since the Unix epoch. */
  expires_at: z.int().min(0).max(253_402_300_799).nullable(),
}
const changeSchema = z.strictObject(policyShape).partial()
const createSchema = changeSchema.extend({
  kind: z.enum(['inference', 'management']).default('inference'),
  scopes: z.array(z.enum(managementScopes)).max(managementScopes.length).default([]),
})

/** @param path - behind `/v1/keys`: empty, or `/{id}` */
export async function answerKeys(
  context: GatewayContext,
  manager: Customer,
  request: HttpRequest,
  path: string,
): Promise<HttpResponse> {
  const { method } = request
  const id = path.slice(1)
  if (id === '') {
    if (method === 'GET') return allowed(manager, ['keys:read', 'keys:manage']) ?? listKeys(context, request.query)
    if (method !== 'POST') return refuse('method_not_allowed', 'Use GET or POST.')
    return allowed(manager, ['keys:create', 'keys:manage']) ?? createKey(context, manager, request)
  }
  if (method === 'GET') {
    const key = context.keys.get(id)
    return allowed(manager, ['keys:read', 'keys:manage']) ?? (key ? show(context, key) : noKey())
  }
  if (method !== 'PATCH' && method !== 'DELETE') return refuse('method_not_allowed', 'Use GET, PATCH or DELETE.')
  const denied = allowed(manager, ['keys:manage'])
  if (denied) return denied
  if (context.keys.isFixed(id)) return refuse('forbidden', 'This key is part of the gateway’s settings.')
  if (method === 'DELETE') return revoke(context, id)
  return changeKey(context, request, id)
}

function listKeys(context: GatewayContext, query: URLSearchParams): HttpResponse {
  const after = query.get('after')
  const limit = Math.min(pageMax, Math.max(1, Number.parseInt(query.get('limit') ?? '100', 10) || 100))
  const keys = context.keys.list()
  const from = after === null ? 0 : keys.findIndex(({ id }) => id === after) + 1
  const page = keys.slice(from, from + limit)
  return jsonResponse({
    object: 'list',
    data: page.map((key) => keyToJson(context, key)),
    has_more: from + page.length < keys.length,
  })
}

async function createKey(context: GatewayContext, manager: Customer, request: HttpRequest): Promise<HttpResponse> {
  const read = createSchema.safeParse(await readJson(request))
  if (!read.success) return refuseIssue(read.error)
  const { kind, scopes, ...policy } = read.data
  if (kind === 'management') {
    const own = manager.key.scopes
    if (!own.includes('keys:manage') || scopes.length === 0 || !scopes.every((scope) => own.includes(scope))) {
      return refuse('forbidden', 'A management key gets scopes of the key that makes it, which needs keys:manage.')
    }
  } else if (scopes.length > 0) return refuse('invalid_value', 'Only management keys have scopes.', 'scopes')
  try {
    const { key, secret } = await context.keys.create(
      kind,
      policyOf(policy, { name: '', models: [], providers: [] }),
      scopes,
    )
    // The one time that it is told.
    return jsonResponse({ ...keyToJson(context, key), key: secret })
  } catch (fault) {
    if (fault instanceof KeysTooManyError) return refuse('forbidden', fault.message)
    throw fault
  }
}

async function changeKey(context: GatewayContext, request: HttpRequest, id: string): Promise<HttpResponse> {
  const read = changeSchema.safeParse(await readJson(request))
  if (!read.success) return refuseIssue(read.error)
  const changed = await context.keys.update(id, (key) => ({ ...key, ...policyOf(read.data, key) }))
  return changed ? show(context, changed) : noKey()
}

async function revoke(context: GatewayContext, id: string): Promise<HttpResponse> {
  const revokedAtMs = context.env.clock.nowMs()
  const revoked = await context.keys.update(id, (key) => ({ ...key, revokedAtMs }))
  return revoked ? show(context, revoked) : noKey()
}

/** `null` lifts a limit, what is absent stays. */
function policyOf(change: z.infer<typeof changeSchema>, before: KeyPolicy): KeyPolicy {
  const pick = <Value>(next: Value | null | undefined, old: Value | undefined) =>
    next === null ? undefined : (next ?? old)
  return {
    name: change.name ?? before.name,
    budgetWei: pick(change.budget_wei, before.budgetWei),
    budgetPeriod: pick(change.budget_reset, before.budgetPeriod),
    models: change.models ?? before.models,
    providers: change.providers ?? before.providers,
    need: pick(change.need, before.need),
    requestsPerMinute: pick(change.requests_per_minute, before.requestsPerMinute),
    tokensPerMinute: pick(change.tokens_per_minute, before.tokensPerMinute),
    expiresAtMs: pick(
      change.expires_at === null ? null : change.expires_at && change.expires_at * 1000,
      before.expiresAtMs,
    ),
  }
}

export function keyToJson(context: GatewayContext, key: ApiKey) {
  const seconds = (ms: number | undefined) => (ms === undefined ? null : Math.floor(ms / 1000))
  const { spentWei, heldWei, leftWei } = spendingOf(context, context.customerOfKey(key))
  return {
    id: key.id,
    object: 'api_key',
    kind: key.kind,
    scopes: key.scopes,
    name: key.name,
    hint: key.hint,
    budget_wei: key.budgetWei ?? null,
    budget_reset: key.budgetPeriod ?? null,
    spent_wei: spentWei,
    held_wei: heldWei,
    left_wei: leftWei ?? null,
    models: key.models,
    providers: key.providers,
    need: key.need ?? null,
    requests_per_minute: key.requestsPerMinute ?? null,
    tokens_per_minute: key.tokensPerMinute ?? null,
    created_at: seconds(key.createdAtMs),
    expires_at: seconds(key.expiresAtMs),
    revoked_at: seconds(key.revokedAtMs),
  }
}

/** Undefined when the key has one of the scopes. */
export function allowed({ key }: Customer, scopes: readonly ManagementScope[]): HttpResponse | undefined {
  if (key.kind === 'management' && scopes.some((scope) => key.scopes.includes(scope))) return undefined
  return refuse('forbidden', `This needs a management key (mk-…) with the scope ${scopes.join(' or ')}.`)
}

async function readJson({ body }: HttpRequest): Promise<unknown> {
  const bytes = await readBody(body, bodyBytesMax)
  return bytes.length === 0 ? {} : parseJson(bytes)
}

const show = (context: GatewayContext, key: ApiKey): HttpResponse => jsonResponse(keyToJson(context, key))

const noKey = (): HttpResponse => refuse('not_found', 'There is no such key that could be changed.')

function refuseIssue({ issues }: z.ZodError): HttpResponse {
  const param = issues[0]?.path.join('.') ?? ''
  return refuse('invalid_value', `Invalid value for '${param}': ${issues[0]?.message}`, param)
}

function refuse(code: ApiError['code'], message: string, param?: string): HttpResponse {
  return errorResponse({ code, message, ...(param ? { param } : {}) })
}
