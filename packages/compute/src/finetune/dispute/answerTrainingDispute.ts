/** A dispute over a training of this provider: whoever has its opening asks, and each root is signed. Spec: spec/dispute.md §14.5 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { checks, hashReceipt } from '@weightless/receipt'
import { readTrainingBundle, type TrainingBundle } from '@weightless/receipt/training'
import { signTrainingRoot } from '@weightless/receipt/trainingRoot'
import { questionBytesMax } from '../../wire/disputeMessages.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { parseJson } from '../../wire/parseJson.ts'
import {
  type TrainingAnswer,
  type TrainingQuestion,
  trainingAnswerToJson,
  trainingDisputeSchema,
} from '../../wire/trainingQuestions.ts'
import type { FineTuningService } from '../fineTuningService.ts'
import { refuse } from '../refuse.ts'
import type { FineTuningTask } from '../task.ts'
import { readTrainingParameters } from '../trainingParameters.ts'
import { TrainingFailedError } from '../trainingWorker.ts'
import type { TrainingDefence } from './defence.ts'

/** Nobody needs an account: the opening is shown by its salt. */
export async function answerTrainingDispute(
  service: FineTuningService,
  id: Hex,
  request: HttpRequest,
): Promise<HttpResponse> {
  if (request.method !== 'POST') return refuse('Use POST.', 405)
  const read = trainingDisputeSchema.safeParse(parseJson(await readBody(request.body, questionBytesMax)))
  if (!read.success) return refuse('Ask with salt and question, as DISPUTE §14.5 says.')
  const { salt, question } = read.data
  const { ok, retryAfterSeconds } = service.questions.take(id)
  if (!ok) return later('Ask more slowly.', retryAfterSeconds)
  const found = await findTraining(service, id)
  // One refusal for both, so that nobody learns whether there is such a receipt.
  if (!found || found.bundle.opening.salt !== salt) return refuse('There is no such receipt with this salt.', 404)
  const { task, bundle } = found
  const { worker } = service
  if (bundle.receipt.check !== checks.reExecution || !worker.defend) {
    return refuse('This training cannot be asked about: nobody can repeat it.', 404)
  }
  const said = await service.desk.ask(id, question, () => openDefence(service, task))
  if (said.state === 'busy') return later('Another dispute is under way.', 5)
  if (said.state === 'working') return later('The answer is being worked out; ask again.', 1)
  if (said.state === 'failed')
    return refuse('The training could not be made again; the log of the provider says why.', 503)
  if (!said.answer) return refuse('There is nothing at that place.', 404)
  return jsonResponse(trainingAnswerToJson(said.answer, await signatureOf(service, bundle, question, said.answer)))
}

async function signatureOf(
  { account }: FineTuningService,
  { receipt, settlement }: TrainingBundle,
  question: TrainingQuestion,
  answer: TrainingAnswer,
): Promise<Hex | undefined> {
  if (answer.kind !== 'root') return undefined
  const place = question.ask === 'trace' ? question.step + 1 : 0
  const signed = { place, leaves: answer.leaves, root: bytesToHex(answer.root) }
  return signTrainingRoot(receipt, signed, settlement, account)
}

async function openDefence(service: FineTuningService, task: FineTuningTask): Promise<TrainingDefence> {
  const { files, worker } = service
  const parameters = readTrainingParameters(task.trainingParams)
  if (!parameters.ok) throw new TrainingFailedError({ reason: parameters.detail ?? 'malformed parameters' })
  const { examples } = await files.dataset(task)
  const job = { taskId: task.id, modelRoot: task.modelRoot, examples, parameters: parameters.value.parameters }
  return worker.defend!(job, await files.states(task))
}

async function findTraining(
  service: FineTuningService,
  id: Hex,
): Promise<{ task: FineTuningTask; bundle: TrainingBundle } | undefined> {
  const { store, receipts, receiptIndex } = service
  const read = async (task: FineTuningTask): Promise<TrainingBundle | undefined> => {
    const text = await receipts.read(task)
    const bundle = text === undefined ? undefined : readTrainingBundle(parseJson(textToBytes(text)))
    return bundle?.ok ? bundle.value : undefined
  }
  const known = receiptIndex.get(id)
  const tasks = known === undefined ? store.list().filter((task) => task.result) : [store.get(known)]
  const indexed = new Set(receiptIndex.values())
  for (const task of tasks) {
    if (!task || (known === undefined && indexed.has(task.id))) continue
    const bundle = await read(task)
    if (!bundle) continue
    const hash = hashReceipt(bundle.receipt, bundle.settlement)
    receiptIndex.set(hash, task.id)
    if (hash === id) return { task, bundle }
  }
  // Tasks that were forgotten have no receipt any more.
  if (known !== undefined) receiptIndex.delete(id)
  return undefined
}

function later(message: string, seconds: number): HttpResponse {
  const response = refuse(message, 429)
  return { ...response, headers: { ...response.headers, 'retry-after': String(seconds) } }
}
