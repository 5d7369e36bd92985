/**
 * A chat with an adapter of one's own: asked of the provider itself, under a token of the account that had it trained, because
 * nobody else may use it. Paid on the provider's word (COMPUTE §8.3), as every client of the existing SDK pays.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type LedgerAccount, TransactionRevertedError } from '@weightless/ledger'
import { bearerOf } from '../account/bearerOf.ts'
import { readErrorText } from '../chat/callGateway.ts'
import { AnswerBrokenError } from '../chat/openChat.ts'
import { readServerEvents } from '../chat/readServerEvents.ts'
import type { ClientContext } from '../client.ts'
import { contractAddress } from '../networkConfig.ts'

export type AdapterChat = {
  provider: Hex
  /** As the provider names it: `ft-…`. */
  model: string
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[]
  maxTokens?: number
  temperature?: number
}

const tokenMs = 600_000

/** Pieces of the answer. @throws {ProviderRefusedError} nothing set aside there for inference, no such adapter */
export async function* chatWithAdapter(
  context: ClientContext,
  account: LedgerAccount,
  { provider, model, messages, maxTokens = 256, temperature = 0 }: AdapterChat,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const { url, generation } = await readProvider(context, account.address, provider)
  const response = await context.env.network.fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: await bearerOf(context, account, { provider, generation, lastsMs: tokenMs }),
    },
    body: JSON.stringify({ model, messages, max_tokens: maxTokens, temperature, stream: true }),
    ...(signal && { signal }),
  })
  if (response.status !== 200) {
    throw new ProviderRefusedError({ provider, status: response.status }, await response.text(65_536))
  }
  for await (const data of readServerEvents(response.body)) {
    if (data === '[DONE]') return
    const { choices, error } = JSON.parse(data) as Chunk
    if (error) throw new AnswerBrokenError(error.message)
    const piece = choices?.[0]?.delta?.content
    if (piece) yield piece
  }
}

type Chunk = { choices?: { delta?: { content?: string | null } }[]; error?: { message?: string } }

async function readProvider({ ledger, config }: ClientContext, user: Hex, provider: Hex) {
  const at = { address: contractAddress(config, 'inferenceServing'), abi: abis.inferenceServing } as const
  const { url } = await ledger.read({ ...at, functionName: 'getService', args: [provider] })
  try {
    const { generation } = await ledger.read({ ...at, functionName: 'getAccount', args: [user, provider] })
    return { url: url.replace(/\/+$/, ''), generation }
  } catch (fault) {
    const isNew = fault instanceof TransactionRevertedError && fault.reason.errorName === 'AccountNotExists'
    if (!isNew) throw fault
    return { url: url.replace(/\/+$/, ''), generation: 0n }
  }
}

export class ProviderRefusedError extends WeightlessError {
  readonly status: number

  constructor(facts: { provider: Hex; status: number }, body: string) {
    super('sdk/provider-refused', readErrorText(body).message || `The provider answered ${facts.status}.`, facts, {
      ...(facts.status === 402 && { hint: 'Set some of the ledger aside for this provider first.' }),
    })
    this.status = facts.status
  }
}
