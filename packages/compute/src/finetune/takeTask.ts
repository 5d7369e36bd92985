/** Takes a task from its user, takes it back, hands out what it made: each under the user's signature. Spec: FINETUNING §7. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { z } from 'zod'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { parseJson } from '../wire/parseJson.ts'
import type { FineTuningService } from './fineTuningService.ts'
import { refuse } from './refuse.ts'
import { describeTask } from './showTask.ts'
import { type FineTuningTask, isOver, isToTrain } from './task.ts'
import { readTrainingParameters, trainingParamsBytesMax } from './trainingParameters.ts'
import { signerOfCancel, signerOfDownload, signerOfTask } from './userSignatures.ts'

const requestBytesMax = 2 * trainingParamsBytesMax + 8_192
/** For how long a signed time is good, either way. */
const signatureSecondsMax = 300

const hex = z.string().regex(/^0x[0-9a-fA-F]*$/)
const taskRequest = z.object({
  userAddress: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  datasetHash: z.string().regex(/^0x[0-9a-fA-F]{64}$/),
  trainingParams: z.string().max(trainingParamsBytesMax),
  preTrainedModelHash: z.string().regex(/^0x[0-9a-fA-F]{64}$/),
  // The SDK leaves the fee to the provider; whatever stands here is not read.
  fee: z.string().optional(),
  nonce: z.string().regex(/^\d{1,77}$/),
  signature: hex.max(200),
})
const signedAct = z.object({ signature: hex.max(200), timestamp: z.number().optional() })

export async function takeTask(service: FineTuningService, user: Hex, request: HttpRequest): Promise<HttpResponse> {
  const parsed = taskRequest.safeParse(await readJson(request))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(`${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'malformed'}`)
  }
  const { data } = parsed
  if (data.userAddress.toLowerCase() !== user) return refuse('userAddress is not the account of the path.')
  const nonce = BigInt(data.nonce)
  const signed = { user, nonce, datasetHash: data.datasetHash, signature: data.signature as Hex }
  const signer = await signerOfTask(signed)
  if (signer?.address !== user) return refuse('The signature is not of this account.', 401)
  const parameters = readTrainingParameters(data.trainingParams)
  if (!parameters.ok) return refuse(parameters.detail ?? 'trainingParams is malformed.')
  const modelRoot = data.preTrainedModelHash.toLowerCase() as Hex
  if (!service.models.some(({ root }) => root === modelRoot)) return refuse('This provider does not train that model.')
  const account = await service.chain.account(user)
  const fault = accountFault(account) ?? roomFault(service, user)
  if (fault) return fault
  const task = createTask(service, { ...data, user, nonce, modelRoot, publicKey: signer.publicKey })
  if (!(await service.store.add(task, () => roomFault(service, user) === undefined))) {
    return roomFault(service, user) ?? refuse('This nonce, or a higher one, was used.', 409)
  }
  await service.journal.note(task.id, 'Init')
  service.runner.wake()
  service.env.log.info('task taken', { task: task.id, user })
  return jsonResponse(describeTask(task))
}

function accountFault(account: Awaited<ReturnType<FineTuningService['chain']['account']>>): HttpResponse | undefined {
  if (!account)
    return refuse(
      'The account has put nothing aside for this provider: transfer to its fine-tuning sub-account first.',
      402,
    )
  if (!account.acknowledged) return refuse("The account has not acknowledged the provider's signer.")
  if (account.spendable <= 0n) return refuse('Nothing is left of what was put aside for this provider.', 402)
  return undefined
}

function roomFault({ env, store, limits, pendingCount }: FineTuningService, user: Hex): HttpResponse | undefined {
  if (store.leavingUntilMs(user) > env.clock.nowMs())
    return refuse('The balance of this account is being given back; try again in three minutes.', 409)
  const open = store.listOf(user).filter((task) => !isOver(task)).length
  if (open >= limits.perUserMax) {
    return refuse(`${open} tasks of this account are not over: acknowledge what was delivered, or take some back.`, 429)
  }
  return pendingCount() >= limits.queueMax ? refuse('Too many tasks wait already; try again later.', 429) : undefined
}

function createTask(
  { env, weiPerToken }: FineTuningService,
  request: Pick<FineTuningTask, 'user' | 'nonce' | 'modelRoot' | 'publicKey' | 'trainingParams'> & {
    datasetHash: string
  },
): FineTuningTask {
  const { user, nonce, modelRoot, publicKey, trainingParams, datasetHash } = request
  const nowMs = env.clock.nowMs()
  return {
    ...{ id: createTaskId(env.random.bytes(16)), user, modelRoot, publicKey, trainingParams, nonce, weiPerToken },
    datasetRoot: datasetHash.toLowerCase() as Hex,
    ...{ createdAtMs: nowMs, updatedAtMs: nowMs, progress: 'Init', attempts: 0 },
  }
}

/** A random UUID (version 4). */
function createTaskId(random: Uint8Array): string {
  random[6] = (random[6]! & 0x0f) | 0x40
  random[8] = (random[8]! & 0x3f) | 0x80
  return bytesToHex(random)
    .slice(2)
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export async function cancelTask(
  service: FineTuningService,
  task: FineTuningTask,
  request: HttpRequest,
): Promise<HttpResponse> {
  const parsed = signedAct.safeParse(await readJson(request))
  if (!parsed.success) return refuse('signature: malformed')
  const signer = await signerOfCancel(task.id, parsed.data.signature as Hex)
  if (signer?.address !== task.user) return refuse('The signature is not of this account.', 401)
  const taken = await service.runner.cancel(service.store.get(task.id) ?? task)
  if (!taken) return refuse(`The task is ${service.store.get(task.id)?.progress}: it cannot be taken back any more.`)
  return { status: 200, body: `Task ${task.id} was taken back.` }
}

export async function downloadDelivery(
  service: FineTuningService,
  task: FineTuningTask,
  request: HttpRequest,
): Promise<HttpResponse> {
  const fault = await downloadFault(service, task, request)
  if (fault) return fault
  if (!task.delivery || isToTrain(task)) return refuse('The task has nothing to deliver yet.')
  if (task.progress === 'Failed') return refuse('The task failed; there is nothing to deliver.')
  const body = await service.files.delivery(task)
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body }
}

/** Receipt and opening: from the moment that the task is trained. */
export async function downloadReceipt(
  service: FineTuningService,
  task: FineTuningTask,
  request: HttpRequest,
): Promise<HttpResponse> {
  const fault = await downloadFault(service, task, request)
  if (fault) return fault
  const body = task.result && (await service.receipts.read(task))
  if (body === undefined) return refuse('The task has no receipt: it is not trained.', 404)
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

/** Why what the task made is not for who asks, if it is not. */
async function downloadFault(
  service: FineTuningService,
  task: FineTuningTask,
  request: HttpRequest,
): Promise<HttpResponse | undefined> {
  const parsed = signedAct.safeParse(await readJson(request))
  const { timestamp } = parsed.data ?? {}
  if (timestamp === undefined || !Number.isSafeInteger(timestamp)) return refuse('signature, timestamp: malformed')
  if (!isFresh(service, timestamp)) return refuse('The signature is too old, or from the future.', 401)
  const signer = await signerOfDownload(task.id, timestamp, parsed.data!.signature as Hex)
  return signer?.address === task.user ? undefined : refuse('The signature is not of this account.', 401)
}

export function isFresh({ env }: FineTuningService, timestampSeconds: number): boolean {
  return Math.abs(env.clock.nowMs() / 1000 - timestampSeconds) <= signatureSecondsMax
}

/** Undefined for what is none. */
export async function readSignedAct(
  request: HttpRequest,
): Promise<{ signature: Hex; timestamp: number | undefined } | undefined> {
  const parsed = signedAct.safeParse(await readJson(request))
  if (!parsed.success) return undefined
  const { signature, timestamp } = parsed.data
  return { signature: signature as Hex, timestamp: Number.isSafeInteger(timestamp) ? timestamp : undefined }
}

async function readJson(request: HttpRequest): Promise<unknown> {
  return parseJson(await readBody(request.body, requestBytesMax))
}
