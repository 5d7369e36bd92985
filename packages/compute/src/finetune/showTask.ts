/** A task as its user sees it: the existing SDK's fields, ours beside them, and its course as server-sent events. Spec: FINETUNING §6, §7. */
import type { HttpRequest, HttpResponse } from '@weightless/env'
import { ownedBody } from '../wire/ownedBody.ts'
import type { FineTuningService } from './fineTuningService.ts'
import { refuse } from './refuse.ts'
import { type FineTuningTask, heldWei } from './task.ts'

export function describeTask(task: FineTuningTask) {
  const { id, createdAtMs, updatedAtMs, user, modelRoot, datasetRoot, trainingParams, nonce, progress } = task
  const { plan, quote, result, delivery, failure, paidWei } = task
  return {
    ...{ id, userAddress: user, preTrainedModelHash: modelRoot, datasetHash: datasetRoot, trainingParams, progress },
    ...{ createdAt: new Date(createdAtMs).toISOString(), updatedAt: new Date(updatedAtMs).toISOString() },
    ...{ nonce: nonce.toString(), fee: (paidWei ?? heldWei(task)).toString() },
    // `deliverIndex` is of contracts before v1.1: deliverables are found by the task's id now.
    deliverIndex: '0',
    weightless: {
      ...{ plan, failure, paidWei },
      ...(result && { result }),
      // Not its salt.
      ...(quote && { quote: { authorization: quote.authorization, signature: quote.signature } }),
      // Not its key.
      ...(delivery && { delivery: { root: delivery.root, sizeBytes: delivery.sizeBytes } }),
    },
  }
}

/** `event: note | point`, `id` counts; a client that names the last id goes on behind it. Ends when the task is over. */
export function followTask(service: FineTuningService, task: FineTuningTask, request: HttpRequest): HttpResponse {
  const { followers, journal } = service
  if (!followers.enter()) return refuse('Too many follow tasks already; read the log instead.', 429)
  const last = Number(request.headers['last-event-id'] ?? request.query.get('from') ?? -1)
  const from = Number.isSafeInteger(last) ? last + 1 : 0
  async function* events(): AsyncGenerator<string> {
    try {
      yield ': the course of a task\n\n'
      for await (const { at, entry } of journal.follow(task.id, from, request.signal)) {
        yield `id: ${at}\nevent: ${entry.kind}\ndata: ${JSON.stringify(entry)}\n\n`
      }
      yield `event: end\ndata: ${JSON.stringify({ progress: service.store.get(task.id)?.progress ?? 'Failed' })}\n\n`
    } finally {
      followers.leave()
    }
  }
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
  return { status: 200, headers, body: ownedBody(events(), async () => followers.leave()) }
}
