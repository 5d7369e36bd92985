/** The gateway's HTTP interface: OpenAI's paths under the gateway's own keys, and receipts. Spec: COMPUTE §10. */
import { bytesToHex } from '@weightless/codec'
import { BodyTooLargeError, type HttpHandler, type HttpRequest, type HttpResponse } from '@weightless/env'
import { LedgerUnreachableError } from '@weightless/ledger'
import { bundleToJson } from '@weightless/receipt'
import { type ApiError, errorResponse } from '../wire/apiError.ts'
import type { ModelCard } from '../wire/chatAnswer.ts'
import { disputedReceipt } from '../wire/disputeMessages.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { isServicePath } from '../wire/services.ts'
import { sharedAnswersPath } from '../wire/sharedAnswers.ts'
import { answerInference } from './answerInference.ts'
import { answerMetrics } from './answerMetrics.ts'
import { answerMessages, estimateTokens, refuse as refuseMessages } from './anthropic/answerMessages.ts'
import { messageOfError } from './anthropic/writeMessages.ts'
import { isExact } from './choice/orderProviders.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { answerKeys } from './keys/keyRoutes.ts'
import { answerCheck } from './levels/answerCheck.ts'
import { showLevels } from './levels/showLevels.ts'
import { passDispute } from './passDispute.ts'
import type { ListedProvider } from './providerDirectory.ts'
import { answerAccount, answerUsage } from './usage/usageRoutes.ts'

export function createGatewayHandler(context: GatewayContext): HttpHandler {
  return async (request) => {
    try {
      return await route(context, request)
    } catch (fault) {
      const answer = answerFault(context, fault)
      return request.path.startsWith('/v1/messages')
        ? refuseMessages(answer.status, messageOfError(answer.body))
        : answer
    }
  }
}

async function route(context: GatewayContext, request: HttpRequest): Promise<HttpResponse> {
  const { method, path, query } = request
  context.busy()
  if (method === 'GET' && path === '/v1/models') return listModels(context)
  if (method === 'GET' && path.startsWith('/v1/models/')) return oneModel(context, path.slice('/v1/models/'.length))
  if (method === 'GET' && path === '/v1/providers') return listProviders(context, query.get('model_id'))
  if (method === 'GET' && path === '/v1/verification') return showLevels(context, query.get('model_id'))
  if (method === 'GET' && path === '/metrics') return showMetrics(context, request)
  if (method === 'POST' && path === sharedAnswersPath) return context.answerAuditor(request)
  const known = context.customerOf(request.headers)
  if (path.startsWith('/v1/messages')) return routeMessages(context, known, request)
  if ('error' in known) return errorResponse(known.error)
  const { customer } = known
  if (path === '/v1/keys' || path.startsWith('/v1/keys/')) {
    return answerKeys(context, customer, request, path.slice('/v1/keys'.length))
  }
  if (method === 'GET' && path === '/v1/usage') return answerUsage(context, customer, query)
  if (method === 'GET' && path === '/v1/account') return answerAccount(context, customer)
  if (customer.key.kind === 'management') {
    return refuse('forbidden', 'A management key asks for no inference; make an inference key with POST /v1/keys.')
  }
  if (isServicePath(path)) {
    return method === 'POST'
      ? answerInference(context, customer, request, path)
      : refuse('method_not_allowed', 'Use POST.')
  }
  const fault = method === 'GET' ? /^\/v1\/faults(?:\/([^/]+))?$/.exec(path) : null
  if (fault) return answerFaults(context, customer, fault[1] && decodeURIComponent(fault[1]))
  const disputed = method === 'POST' ? disputedReceipt(path) : undefined
  if (disputed) return passDispute(context, customer, disputed, request)
  const checked = method === 'GET' ? /^\/v1\/receipts\/([^/]+)\/check$/.exec(path)?.[1] : undefined
  if (checked) return answerCheck(context, customer, decodeURIComponent(checked))
  const found = /^\/v1\/receipts\/([^/]+)(\/operators)?$/.exec(path)
  if (!found || method !== 'GET') return refuse('not_found', `Unknown request URL: ${method} ${path}.`)
  const operators = found[2] === undefined ? undefined : { choice: query.get('choice') ?? '0' }
  return answerReceipt(context, customer, decodeURIComponent(found[1]!), operators)
}

/** Anthropic's clients read refusals in their own shape only. */
async function routeMessages(
  context: GatewayContext,
  known: ReturnType<GatewayContext['customerOf']>,
  request: HttpRequest,
): Promise<HttpResponse> {
  if ('error' in known) return refuseMessages(401, known.error.message)
  if (request.method !== 'POST') return refuseMessages(405, 'Use POST.')
  if (known.customer.key.kind === 'management') return refuseMessages(403, 'A management key asks for no inference.')
  if (request.path === '/v1/messages/count_tokens') return estimateTokens(context, request)
  if (request.path !== '/v1/messages') return refuseMessages(404, `Unknown request URL: ${request.path}.`)
  return answerMessages(context, known.customer, request)
}

async function answerReceipt(
  context: GatewayContext,
  customer: Customer,
  id: string,
  operators: { choice: string } | undefined,
) {
  const { key, payer } = customer
  const settling = context.settling.get(id)
  const bundle = settling?.keyId === key.id ? await settling.bundle : undefined
  if (bundle && !operators) return jsonResponse(bundleToJson(bundle))
  const kept = await context.purse.bundle(payer.user, key.id, id)
  if (!kept) return refuse('receipt_not_found', 'There is no such receipt of this key.')
  if (!operators) return jsonResponse(kept.bundle)
  const provider = (await context.directory.list()).find(({ address }) => address === kept.provider)
  if (!provider) return refuse('no_available_provider', 'The provider of that answer is gone.')
  const asked = `/v1/receipts/${id}/operators?choice=${encodeURIComponent(operators.choice)}`
  const { status, headers, body } = await payer.tabOf(provider).caller.fetch(asked)
  return { status, headers: { 'content-type': headers['content-type'] ?? 'application/octet-stream' }, body }
}

/** Receipts that were not paid and show a fault on chain: all of the key, or the bundle of one. */
async function answerFaults({ purse }: GatewayContext, { key, payer }: Customer, jobId: string | undefined) {
  if (jobId !== undefined) {
    const bundle = await purse.faultBundle(payer.user, key.id, jobId)
    return bundle ? jsonResponse(bundle) : refuse('receipt_not_found', 'There is no such fault shown to this key.')
  }
  const data = purse.faults(payer.user, key.id).map(({ jobId: id, provider, jobNonce, kind, atMs }) => ({
    id,
    provider,
    job_nonce: jobNonce,
    kind,
    at: Math.floor(atMs / 1000),
  }))
  return jsonResponse({ object: 'list', data })
}

/** One entry per model: the cheapest provider's. */
async function listModels(context: GatewayContext): Promise<HttpResponse> {
  return jsonResponse({ object: 'list', data: [...(await cheapestCards(context)).values()] })
}

async function oneModel(context: GatewayContext, encoded: string): Promise<HttpResponse> {
  const id = decodeURIComponent(encoded)
  const card = (await cheapestCards(context)).get(id)
  return card ? jsonResponse(card) : refuse('model_not_found', `The model '${id}' does not exist here; see /v1/models.`)
}

async function cheapestCards({ directory }: GatewayContext): Promise<Map<string, ModelCard>> {
  const cards = new Map<string, ModelCard>()
  const sum = ({ price }: ListedProvider) => price.inputWeiPerToken + price.outputWeiPerToken
  for (const provider of (await directory.list()).toSorted((a, b) => (sum(a) < sum(b) ? -1 : 1))) {
    if (!cards.has(provider.model)) cards.set(provider.model, cardOf(provider))
  }
  return cards
}

async function listProviders({ directory, health }: GatewayContext, model: string | null): Promise<HttpResponse> {
  const providers = (await directory.list()).filter((provider) => model === null || provider.model === model)
  const data = providers.map((provider) => {
    const figures = health.figures(provider.address)
    return {
      ...cardOf(provider),
      url: provider.url,
      services: provider.services,
      region: provider.region ?? null,
      exact: isExact(provider),
      state: figures.state,
      first_token_ms: figures.firstTokenMs ?? null,
      tokens_per_second: figures.tokensPerSecond ?? null,
      error_rate: figures.errorRate,
      probe_ms: figures.probeMs ?? null,
      requests: figures.requests,
      failures: figures.failures,
    }
  })
  return jsonResponse({ object: 'list', data })
}

function cardOf(provider: ListedProvider): ModelCard {
  const { address, model, price, modelRoot, programId, tokenizerRoot, contextLength, verifiability } = provider
  return {
    id: model,
    object: 'model',
    created: provider.registeredSeconds,
    owned_by: address,
    provider: address,
    root: modelRoot ?? '',
    program_id: programId ?? '',
    tokenizer_root: tokenizerRoot ?? '',
    context_length: contextLength,
    verifiability,
    pricing: {
      prompt: price.inputWeiPerToken.toString(),
      completion: price.outputWeiPerToken.toString(),
      updated_at: price.updatedAt.toString(),
    },
  }
}

function showMetrics({ metricsFor, env }: GatewayContext, request: HttpRequest): Promise<HttpResponse> {
  return answerMetrics(metricsFor, request, () => env.metrics.render())
}

function answerFault({ env }: GatewayContext, fault: unknown): HttpResponse {
  if (fault instanceof BodyTooLargeError) return refuse('request_too_large', fault.message)
  const id = bytesToHex(env.random.bytes(6)).slice(2)
  env.log.error('request failed', { id, reason: fault instanceof Error ? fault.message : String(fault) })
  if (fault instanceof LedgerUnreachableError) return refuse('no_available_provider', 'The chain does not answer.')
  return refuse('server_error', `The gateway failed; its log says why under ${id}.`)
}

function refuse(code: ApiError['code'], message: string): HttpResponse {
  return errorResponse({ code, message })
}
