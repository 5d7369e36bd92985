/** Turns what the exact engine made into the receipt of a chat. RECEIPT §2, §4 */
import {
  type ChatOpening,
  feeOf,
  inputHash,
  outputHash,
  priceId,
  type Receipt,
  receiptVersion,
  requestHash,
  samplerHash,
  serviceClasses,
} from '@weightless/receipt'
import type { EngineEnd } from '../engine/engine.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'
import { type Exchange, recordReceipt } from './recordReceipt.ts'

/** Records the job; afterwards it can be settled, whatever happens to this process. */
export function finishJob(context: ProviderContext, job: Job, end: EngineEnd, exchange: Exchange): Promise<void> {
  const opening = openingOf(context, job, end)
  return recordReceipt(context, job, { receipt: receiptOf(context, job, end, opening), opening }, exchange)
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
