/** Turns what an engine made into a signed receipt, and makes it durable before the client hears the end. COMPUTE §8.1 */
import { bytesToHex } from '@weightless/codec'
import {
  bundleToJson,
  type ChatOpening,
  feeOf,
  hashReceipt,
  inputHash,
  outputHash,
  priceId,
  type Receipt,
  receiptVersion,
  requestHash,
  samplerHash,
  serviceClasses,
  signReceipt,
} from '@weightless/receipt'
import type { EngineEnd } from '../engine/engine.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'

/** SHA-256 of the request's and the answer's bytes as they are on the wire. */
export type Exchange = { requestSha256: Uint8Array; responseSha256: Uint8Array }

/** Records the job; afterwards it can be settled, whatever happens to this process. */
export async function finishJob(context: ProviderContext, job: Job, end: EngineEnd, exchange: Exchange): Promise<void> {
  const { account, place, log, metrics } = context
  const opening = openingOf(context, job, end)
  const receipt = receiptOf(context, job, end, opening)
  const receiptHash = hashReceipt(receipt, place.settlement)
  const signature = await signReceipt(receipt, place.settlement, account)
  const text = `${hex(exchange.requestSha256)}:${hex(exchange.responseSha256)}`
  const { user, jobNonce, fee } = receipt
  await log.addReceipt(
    {
      kind: 'receipt',
      jobId: job.id,
      path: job.terms ? 'voucher' : 'sdk',
      user,
      jobNonce,
      fee,
      receiptHash,
      receiptedAtMs: context.env.clock.nowMs(),
      ...(job.terms ? { deadlineSeconds: job.terms.authorization.deadline } : {}),
    },
    {
      jobId: job.id,
      user,
      jobNonce,
      receiptHash,
      bundle: bundleToJson({ settlement: place.settlement, receipt, signature, opening }),
      authorization: job.terms && { authorization: job.terms.authorization, signature: job.terms.signature },
      exchange: { text, signature: await account.signMessage({ message: text }) },
    },
  )
  metrics.jobs.add()
  metrics.promptTokens.add(end.promptTokens)
  metrics.completionTokens.add(end.outputTokens.length)
  context.settleSoon()
}

function openingOf({ price }: ProviderContext, job: Job, end: EngineEnd): ChatOpening {
  const { request, salt, seedSource, maxTokens } = job
  return {
    salt,
    messages: request.messages,
    stop: request.stop,
    sampler: { temperature: request.temperature, topP: request.topP, maxTokens },
    seed: seedSource,
    outputTokens: end.outputTokens,
    outputText: end.outputText,
    finishReason: end.finishReason,
    price,
    ...(end.trace ? { trace: end.trace } : {}),
  }
}

function receiptOf(context: ProviderContext, job: Job, end: EngineEnd, opening: ChatOpening): Receipt {
  const { model } = context.engine
  const sampler = samplerHash(opening.sampler)
  const usage = { promptTokens: BigInt(end.promptTokens), completionTokens: BigInt(end.outputTokens.length) }
  return {
    version: receiptVersion,
    serviceClass: serviceClasses.chat,
    check: model.check,
    chainId: context.place.chainId,
    user: job.user,
    provider: context.address,
    modelRoot: model.modelRoot,
    programId: model.programId,
    tokenizerRoot: model.tokenizerRoot,
    sampler,
    seed: job.seed,
    inputHash: inputHash(requestHash(opening.messages, opening.stop, sampler), job.salt),
    outputHash: outputHash(end.outputTokens, end.outputText, end.finishReason, job.salt),
    traceRoot: end.traceRoot,
    ...usage,
    priceId: priceId(context.address, context.price),
    fee: feeOf(context.price, usage),
    jobNonce: job.jobNonce,
    timestamp: BigInt(Math.floor(context.env.clock.nowMs() / 1000)),
  }
}

const hex = (bytes: Uint8Array): string => bytesToHex(bytes).slice(2)
