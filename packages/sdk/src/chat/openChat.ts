/** Asks a model over the OpenAI wire, and keeps what is needed to check the answer later: the id of its receipt. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import {
  shareHeader,
  shareWord,
  type VerificationLevel,
  type VerificationStatement,
  verificationHeader,
  verificationHeaderOf,
} from '@weightless/compute/wire'
import { sha256 } from '@weightless/crypto'
import type { JsonObject } from '@weightless/envelope'
import type { ClientContext } from '../clientContext.ts'
import { matchBundle } from '../receipts/matchBundle.ts'
import type { Bundle, ReceiptsApi } from '../receipts/openReceipts.ts'
import { callGateway, getJson } from './callGateway.ts'
import { type AnswerCheck, type CheckMeans, checkAnswer } from './checkAnswer.ts'
import { type ChatEvent, type ChatUsage, type Exchange, readChatAnswer } from './readChatAnswer.ts'
import { type ChatModel, readModels } from './readModels.ts'
import { type AttestedDemand, sealChat } from './sealChat.ts'

export type ChatRequest = {
  model: string
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[]
  /** Tokens; the provider's own limit without it. */
  maxTokens?: number
  temperature?: number
  topP?: number
  /** The same request with the same seed gives the same answer, bit for bit. */
  seed?: number
  stop?: readonly string[]
  /** Only this provider; without it the gateway chooses. */
  provider?: Hex
  /**
   * Sealed end to end to `provider`, or to the first that takes sealed requests: the gateway routes what it cannot read. The
   * receipt then says what it cost, and nobody can execute the answer again.
   */
  private?: boolean
  /**
   * With `private`: only to a key that trusted hardware has shown to be its own, by the chain's record of a quote that is
   * fresh now. ATTESTATION §9
   */
  attested?: AttestedDemand
  /**
   * Only of a provider that accepts the job before it begins: if its receipt is then for another request, price or time, or
   * above the quote, it can be reported (`receipts.report`). SETTLEMENT §9.3
   */
  accepted?: boolean
  /**
   * Asks for log-probabilities, and keeps the bytes of question and answer: of a provider that names its model's file,
   * whose fingerprint they are, `receipts.verify` weighs them. FINGERPRINT §3
   */
  fingerprint?: boolean
  /**
   * What is checked: `sampled` by the client itself, which executes a share of the answers again; `refereed` and `full` by
   * other providers' answers, whose receipts `complete` compares. Never less than asked for. COMPUTE §10.10
   */
  verification?: VerificationLevel
  /**
   * Auditors may be shown question and answer: a share of those is executed again by them. What turns out wrong becomes
   * public as evidence. COMPUTE §10.11
   */
  shared?: boolean
}

export type ChatAnswer = {
  text: string
  finishReason: string
  usage: ChatUsage | undefined
  receiptId: string | undefined
  /** Receipt and opening; undefined where a provider gives none. */
  bundle: Bundle | undefined
  check: AnswerCheck
  /** As they were sent, where a fingerprint was asked for. */
  exchange: Exchange | undefined
}

export type ChatApi = {
  models(options?: { signal?: AbortSignal }): Promise<ChatModel[]>
  /** Text as it is made. Breaking out of the loop, or `signal`, stops the provider: only what was sent is billed. */
  stream(request: ChatRequest, options?: { signal?: AbortSignal }): AsyncGenerator<ChatEvent, void, undefined>
  /**
   * The whole answer with its bundle, which is about this question and this text.
   * @throws {GatewayRefusedError} @throws {AnswerBrokenError} @throws {ReceiptMismatchError} @throws {AnswerUncheckedError}
   */
  complete(request: ChatRequest, options?: CheckMeans): Promise<ChatAnswer>
}

export function openChat(context: ClientContext, receipts: ReceiptsApi): ChatApi {
  return {
    models: async ({ signal } = {}) => readModels(await getJson(context, '/v1/models', signal)),
    stream: (request, { signal } = {}) => streamChat(context, request, signal),
    async complete(request, means = {}) {
      const { signal } = means
      const wanted = request.verification ?? { level: 'none' }
      let statement: VerificationStatement | undefined
      let text = ''
      for await (const event of streamChat(context, request, signal, true)) {
        if (event.type === 'text') text += event.text
        if (event.type === 'receipt') statement = event.verification
        if (event.type !== 'end') continue
        const { finishReason, usage, receiptId, exchange } = event
        const bundle = receiptId ? await receipts.get(receiptId, signal ? { signal } : {}) : undefined
        if (bundle && !request.private && !isAbout(bundle, request, text, exchange))
          throw new ReceiptMismatchError({ receiptId })
        const check = await checkAnswer(context, receipts, wanted, { bundle, statement }, means)
        const asked = request.fingerprint ? exchange : undefined
        return { text, finishReason, usage, receiptId, bundle, check, exchange: asked }
      }
      const nothing = { bundle: undefined, statement: undefined }
      const check = await checkAnswer(context, receipts, wanted, nothing, means)
      return {
        text,
        finishReason: 'cancelled',
        usage: undefined,
        receiptId: undefined,
        bundle: undefined,
        check,
        exchange: undefined,
      }
    },
  }
}

/** @param keeps - the bytes of question and answer, for receipts that are about bytes; else where a fingerprint needs them */
async function* streamChat(
  context: ClientContext,
  request: ChatRequest,
  signal: AbortSignal | undefined,
  keeps = request.fingerprint === true,
): AsyncGenerator<ChatEvent, void, undefined> {
  const sealed = request.private ? await sealChat(context, toWire(request), request) : undefined
  const body = JSON.stringify(sealed ? sealed.envelope : toWire(request))
  const response = await callGateway(context, '/v1/chat/completions', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(request.provider && { 'x-0g-provider-address': request.provider }),
      ...(request.accepted && { 'x-weightless-accept': '1' }),
      ...(sealed && { 'x-0g-provider-trust-mode': 'private' }),
      ...(request.shared && { [shareHeader]: shareWord }),
      ...levelHeaders(request.verification),
    },
    body,
    ...(signal && { signal }),
  })
  yield* readChatAnswer(response, { reply: sealed?.reply, keep: keeps ? body : undefined })
}

/** Of receipts about bytes, the bytes are compared. */
function isAbout(bundle: Bundle, { messages }: ChatRequest, text: string, exchange: Exchange | undefined): boolean {
  if (!exchange || !('kind' in bundle.opening)) return matchBundle(bundle, { messages, text })
  return bytesToHex(sha256(exchange.response)) === bundle.opening.responseSha256
}

/** The client draws and executes samples itself; it only must be able to. */
function levelHeaders(wanted: VerificationLevel | undefined): Record<string, string> {
  if (!wanted || wanted.level === 'none') return {}
  if (wanted.level === 'sampled') return { 'x-0g-provider-trust-mode': 'verified' }
  return { [verificationHeader]: verificationHeaderOf(wanted) }
}

function toWire({ model, messages, maxTokens, temperature, topP, seed, stop, fingerprint }: ChatRequest): JsonObject {
  return {
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(seed !== undefined && { seed }),
    ...(stop && { stop }),
    ...(fingerprint && { logprobs: true, top_logprobs: 20 }),
  }
}

export class ReceiptMismatchError extends WeightlessError {
  constructor(facts: { receiptId: string | undefined }) {
    super('sdk/receipt-mismatch', 'The receipt is about another question or answer than this one.', facts, {
      hint: 'Do not pay this provider for it; choose another one.',
    })
  }
}
