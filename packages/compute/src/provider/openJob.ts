/** From a chat request to a running job of the exact engine: count, price, admit, start. COMPUTE §7 */
import { accept, bytesToHex, type Hex } from '@weightless/codec'
import { feeOf, type SeedSource, seedOf } from '@weightless/receipt'
import { type ChoicesRun, runChoices } from '../engine/runChoices.ts'
import type { ChatRequest } from '../wire/chatRequest.ts'
import { choicesOfRequest, hashChatRequest, samplerOf } from '../wire/commitRequest.ts'
import { type ExactPath, formOf } from '../wire/exactRequest.ts'
import type { JobTerms } from '../wire/payment.ts'
import { type Admitted, admitJob, type Refusal, refuse } from './admitJob.ts'
import type { ExactContext } from './providerContext.ts'

export type Job = Admitted & {
  id: string
  createdSeconds: number
  request: ChatRequest
  /** The sampler's limit, which the receipt commits to. */
  maxTokens: number
  seedSource: SeedSource
  seed: Hex
  run: ChoicesRun
}

export type JobAsk = {
  user: Hex
  path: ExactPath
  request: ChatRequest
  terms: JobTerms | undefined
  /** The user's number used once, for requests without `seed`. */
  nonce: Hex | undefined
  mustAccept: boolean
  /** Aborts when the client goes away. */
  signal: AbortSignal
}

/** Throws only faults of the engine or the chain; everything that a user can cause is a verdict. */
export async function openJob(context: ExactContext, ask: JobAsk): Promise<{ ok: true; value: Job } | Refusal> {
  const { engine, price, limits, env } = context
  const { request, path } = ask
  const { idPrefix, promptField } = formOf(path)
  const promptTokens = await engine.countPrompt(request.messages, request.shape?.tools)
  const room = engine.model.contextLength - promptTokens
  if (room < 1) return refuseLength(engine.model.contextLength, promptTokens, promptField)
  const maxTokens = request.maxTokens ?? limits.defaultMaxTokens
  const choices = choicesOfRequest(request)
  const completionTokens = BigInt(choices) * BigInt(Math.min(maxTokens, room))
  const maxFee = feeOf(price, { promptTokens: BigInt(promptTokens), completionTokens })
  const hash = hashChatRequest(request, maxTokens)
  const admitted = await admitJob(context, { ...ask, request: hash, maxFee })
  if (!admitted.ok) return admitted
  const job = admitted.value
  const seedSource: SeedSource =
    request.seed === undefined ? { kind: 'nonce', nonce: job.nonce } : { kind: 'seed', value: request.seed }
  const seed = seedOf(seedSource, hash)
  try {
    const topLogprobs = request.logprobs ? request.topLogprobs : undefined
    const { messages, stop, shape } = request
    const sampler = samplerOf(request, maxTokens)
    const run = await runChoices(engine, { messages, seed, sampler, stop, shape, topLogprobs }, choices)
    const id = `${idPrefix}${bytesToHex(env.random.bytes(16)).slice(2)}`
    const createdSeconds = Math.floor(env.clock.nowMs() / 1000)
    return accept({ ...job, id, createdSeconds, request, maxTokens, seedSource, seed, run })
  } catch (fault) {
    job.release()
    throw fault
  }
}

function refuseLength(contextLength: number, promptTokens: number, promptField: string): Refusal {
  const message =
    `This model's maximum context length is ${contextLength} tokens. However, your ${promptField} resulted in ` +
    `${promptTokens} tokens. Please reduce the length of the ${promptField}.`
  return refuse('context_length_exceeded', message, promptField)
}
