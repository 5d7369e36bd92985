/** Takes a dataset that a user sends to the provider itself: multipart, signed, bounded. Spec: FINETUNING §3, §7. */
import type { Hex } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { jsonResponse } from '../wire/jsonResponse.ts'
import type { FineTuningService } from './fineTuningService.ts'
import { refuse } from './refuse.ts'
import { isFresh } from './takeTask.ts'
import { type FineTuningTask, isToTrain } from './task.ts'
import { signerOfUpload } from './userSignatures.ts'

/** Beside the file: boundaries, headers, signature. */
const formBytesMax = 16 * 1024

export async function takeUpload(
  service: FineTuningService,
  userText: string,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { uploads, limits, datasets } = service
  const said = Number(request.headers['content-length'])
  if (said > datasets.sentBytesMax + formBytesMax)
    return refuse(`A dataset has at most ${limits.datasetBytesMax} bytes.`, 413)
  if (!uploads.enter()) return refuse('Other datasets arrive just now; try again.', 429)
  try {
    const form = await readForm(request, datasets.sentBytesMax + formBytesMax)
    if (!form) return refuse('Send multipart/form-data with file, signature and timestamp.')
    return await keepDataset(service, userText, form)
  } finally {
    uploads.leave()
  }
}

type UploadForm = { file: Uint8Array; signature: string; timestamp: string }

async function readForm({ headers, body }: HttpRequest, bytesMax: number): Promise<UploadForm | undefined> {
  const contentType = headers['content-type'] ?? ''
  if (!/^multipart\/form-data;/i.test(contentType)) return undefined
  const bytes = await readBody(body, bytesMax)
  let form: FormData
  try {
    form = await new Response(bytes.slice(), { headers: { 'content-type': contentType } }).formData()
  } catch {
    // Hostile or cut off: the same answer as for any other form that is none.
    return undefined
  }
  const [file, signature, timestamp] = ['file', 'signature', 'timestamp'].map((name) => form.get(name))
  if (!(file instanceof Blob) || typeof signature !== 'string' || typeof timestamp !== 'string') return undefined
  return { file: new Uint8Array(await file.arrayBuffer()), signature, timestamp }
}

async function keepDataset(
  service: FineTuningService,
  userText: string,
  { file, signature, timestamp }: UploadForm,
): Promise<HttpResponse> {
  if (!/^\d{1,15}$/.test(timestamp) || !isFresh(service, Number(timestamp))) {
    return refuse('The signature is too old, or from the future.', 401)
  }
  const user = userText.toLowerCase()
  const signer = await signerOfUpload(userText, timestamp, signature as Hex)
  if (signer?.address !== user) return refuse('The signature is not of this account.', 401)
  const account = await service.chain.account(user as Hex)
  // The disk of a provider is for those who may become its customers.
  if (!account)
    return refuse(
      'The account has put nothing aside for this provider: transfer to its fine-tuning sub-account first.',
      402,
    )
  const dataset = await service.datasets.open(file, user as Hex)
  if (!dataset.ok) return refuse(dataset.detail ?? 'The dataset is malformed.')
  const needed = new Set(
    service.store
      .list()
      .filter((task) => isToTrain(task) || isDisputable(task, service))
      .map(({ datasetRoot }) => datasetRoot),
  )
  const root = await service.shelf.put(user as Hex, file, (known) => needed.has(known))
  if (!root) return refuse('There is no room for datasets; put it into storage and name its root.', 507)
  service.env.log.info('dataset taken', { root, sizeBytes: file.length, user })
  return jsonResponse({
    datasetHash: root,
    message: 'Dataset uploaded',
    size: file.length,
    examples: dataset.value.examples.length,
  })
}

/** As long as what was trained may be disputed, its dataset is needed to answer for it. */
function isDisputable({ result, updatedAtMs }: FineTuningTask, { env, limits }: FineTuningService): boolean {
  return result !== undefined && env.clock.nowMs() - updatedAtMs < limits.disputeMsMax
}
