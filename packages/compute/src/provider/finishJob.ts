/** Turns what the exact engine made into the receipt of a chat. RECEIPT §2, §4 */
import type { Hex } from '@weightless/codec'
import {
  type ChatOpening,
  type ChoiceOutput,
  feeOf,
  inputHash,
  outputHash,
  outputsHash,
  priceId,
  type Receipt,
  receiptVersion,
  samplerHash,
  serviceClasses,
  traceRootsHash,
  zeroWord,
} from '@weightless/receipt'
import type { EngineEnd } from '../engine/engine.ts'
import { hashChatRequest, samplerOf } from '../wire/commitRequest.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'
import { type Exchange, recordReceipt } from './recordReceipt.ts'

/** Records the job; afterwards it can be settled, whatever happens to this process. */
export function finishJob(
  context: ProviderContext,
  job: Job,
  ends: readonly EngineEnd[],
  exchange: Exchange,
): Promise<void> {
  const opening = openingOf(context, job, ends)
  return recordReceipt(context, job, { receipt: receiptOf(context, job, ends, opening), opening }, exchange)
}

function openingOf({ price }: ProviderContext, job: Job, ends: readonly EngineEnd[]): ChatOpening {
  const { request, salt, seedSource, maxTokens } = job
  const [first, ...more] = ends.map(outputOf)
  return {
    salt,
    messages: request.messages,
    stop: request.stop,
    sampler: samplerOf(request, maxTokens),
    seed: seedSource,
    ...first!,
    price,
    ...(request.shape && { shape: request.shape }),
    ...(more.length > 0 && { more, traceRoots: ends.map(traceRootOf) }),
  }
}

function outputOf({ outputTokens, outputText, finishReason, trace }: EngineEnd): ChoiceOutput {
  return { outputTokens, outputText, finishReason, ...(trace && outputTokens.length > 0 && { trace }) }
}

/** RECEIPT §4.5.1: an answer that had not begun when the client left has no trace. */
function traceRootOf({ outputTokens, traceRoot }: EngineEnd): Hex {
  return outputTokens.length > 0 ? traceRoot : zeroWord
}

function receiptOf(
  context: ProviderContext,
  job: Job,
  ends: readonly EngineEnd[],
  { sampler, salt }: ChatOpening,
): Receipt {
  const { model } = context.engine
  const outputs = ends.map((end) => outputHash(end.outputTokens, end.outputText, end.finishReason, salt))
  const usage = {
    promptTokens: BigInt(ends[0]!.promptTokens),
    completionTokens: BigInt(ends.reduce((sum, { outputTokens }) => sum + outputTokens.length, 0)),
  }
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
    sampler: samplerHash(sampler),
    seed: job.seed,
    inputHash: inputHash(hashChatRequest(job.request, job.maxTokens), salt),
    outputHash: outputsHash(outputs, salt),
    traceRoot: traceRootsHash(ends.map(traceRootOf)),
    ...usage,
    priceId: priceId(context.address, context.price),
    fee: feeOf(context.price, usage),
    jobNonce: job.jobNonce,
    timestamp: BigInt(Math.floor(context.env.clock.nowMs() / 1000)),
  }
}
