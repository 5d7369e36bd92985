/** The HTTP interface of a fine-tuning provider, as the existing SDK (0.9.0) and its command line use it. Spec: FINETUNING §7. */
import { encodeBase64, type Hex, textToBytes } from '@weightless/codec'
import { BodyTooLargeError, type HttpHandler, type HttpRequest, type HttpResponse } from '@weightless/env'
import { LedgerUnreachableError } from '@weightless/ledger'
import { disputedReceipt } from '../wire/disputeMessages.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { consentToRefund } from './consentToRefund.ts'
import { takeUpload } from './datasetUpload.ts'
import { answerTrainingDispute } from './dispute/answerTrainingDispute.ts'
import type { FineTuningService } from './fineTuningService.ts'
import { refuse } from './refuse.ts'
import { describeTask, followTask } from './showTask.ts'
import { cancelTask, downloadDelivery, downloadReceipt, takeTask } from './takeTask.ts'
import type { FineTuningTask } from './task.ts'
import { renderLog } from './taskJournal.ts'

/** `opened` is undefined until the service is registered. */
export function createFineTuningHandler(opened: () => FineTuningService | undefined): HttpHandler {
  return async (request) => {
    const service = opened()
    if (!service) return refuse('The service is still being opened.', 503)
    try {
      return await route(service, request)
    } catch (fault) {
      if (fault instanceof BodyTooLargeError) return refuse(fault.message, 413)
      service.env.log.error('request failed', { reason: fault instanceof Error ? fault.message : String(fault) })
      if (fault instanceof LedgerUnreachableError) return refuse('The chain does not answer; try again.', 503)
      return refuse('The provider failed; its log says why.', 500)
    }
  }
}

async function route(service: FineTuningService, request: HttpRequest): Promise<HttpResponse> {
  const { method, path } = request
  if (method === 'GET') {
    if (path === '/v1/quote') return quote(service)
    if (path === '/v1/task/pending') return { status: 200, body: String(service.pendingCount()) }
    if (path === '/v1/model') return jsonResponse(service.models.map((model) => describeModel(service, model)))
    const name = /^\/v1\/model\/([^/]+)$/.exec(path)?.[1]
    if (name !== undefined) return oneModel(service, decodeName(name))
  }
  const disputed = disputedReceipt(path)
  if (disputed) return answerTrainingDispute(service, disputed, request)
  const found =
    /^\/v1\/user\/(0x[0-9a-fA-F]{40})\/(dataset|task|refund-consent)(?:\/([0-9a-f-]{36})(?:\/(log|cancel|lora|events|receipt))?)?$/.exec(
      path,
    )
  if (!found) return refuse(`Unknown request URL: ${method} ${path}.`, 404)
  const [, userText, kind, id, act] = found
  const user = userText!.toLowerCase() as Hex
  if (kind !== 'task') {
    if (method !== 'POST' || id !== undefined) return refuse('Use POST.', 405)
    return kind === 'dataset' ? takeUpload(service, userText!, request) : consentToRefund(service, userText!, request)
  }
  if (id === undefined) return method === 'POST' ? takeTask(service, user, request) : listTasks(service, user, request)
  const task = service.store.get(id)
  if (!task || task.user !== user) return refuse('There is no such task of this account.', 404)
  return answerTask(service, task, act, request)
}

async function answerTask(
  service: FineTuningService,
  task: FineTuningTask,
  act: string | undefined,
  request: HttpRequest,
): Promise<HttpResponse> {
  const isPost = act === 'cancel' || act === 'lora' || act === 'receipt'
  if (request.method !== (isPost ? 'POST' : 'GET')) return refuse(`Use ${isPost ? 'POST' : 'GET'}.`, 405)
  if (act === 'cancel') return cancelTask(service, task, request)
  if (act === 'lora') return downloadDelivery(service, task, request)
  if (act === 'receipt') return downloadReceipt(service, task, request)
  if (act === 'events') return followTask(service, task, request)
  if (act === 'log') {
    const body = textToBytes(renderLog(await service.journal.list(task.id)))
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
  }
  return jsonResponse(describeTask(task))
}

function listTasks(service: FineTuningService, user: Hex, request: HttpRequest): HttpResponse {
  if (request.method !== 'GET') return refuse('Use GET or POST.', 405)
  const newestFirst = service.store.listOf(user).toReversed()
  const shown = request.query.get('latest') === 'true' ? newestFirst.slice(0, 1) : newestFirst
  return jsonResponse(shown.map(describeTask))
}

/**
 * The SDK acknowledges a provider that answers here with a signer; it checks nothing more. This answer says what is so: there is no
 * quote, because there is no enclave. `verifyService` of the SDK finds no attestation in it, and says so.
 */
function quote({ provider, worker, datasets }: FineTuningService): HttpResponse {
  const report = new Uint8Array(64)
  report.set(textToBytes(provider))
  return jsonResponse({
    quote: '',
    report_data: encodeBase64(report),
    provider_signer: provider,
    dataset_key: { public_key: datasets.publicKey, signature: datasets.signature },
    tee: 'none',
    label: 'DEV (no hardware)',
    note: `There is no trusted hardware: the signer is the provider's own key, and training (${worker.name}) is its word.`,
  })
}

function oneModel(service: FineTuningService, name: string): HttpResponse {
  const model = service.models.find((known) => known.name === name || known.root === name)
  return model ? jsonResponse(describeModel(service, model)) : refuse('There is no such model here.', 404)
}

function describeModel(
  { weiPerToken, worker }: FineTuningService,
  { name, root, description }: FineTuningService['models'][number],
) {
  return {
    ...{ name, hash: root, description, dataType: 'text', tokenizer: root },
    ...{ pricePerToken: weiPerToken.toString(), worker: worker.name, image: '', usageFile: '' },
  }
}

function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}
