/** Asks an inference provider to sign that nothing is owed to it. Spec: SETTLEMENT §8, COMPUTE §6, §8.6. */
import { type Hex, isHexOf, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { FetchResponse } from '@weightless/env'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { AccountMissingError } from './accountMissing.ts'
import { bearerOf } from './bearerOf.ts'

export type RefundConsent = { user: Hex; provider: Hex; nonce: bigint; amount: bigint; deadline: bigint }

const answerBytesMax = 64 * 1024
const tokenMs = 60_000

/** @throws {RefundRefusedError} {AccountMissingError} */
export async function askRefundConsent(
  context: ClientContext,
  provider: Hex,
  signal?: AbortSignal,
): Promise<{ consent: RefundConsent; signature: Hex }> {
  const { account, config, env, ledger } = context
  if (!account) throw new AccountMissingError()
  const at = { address: contractAddress(config, 'inferenceServing'), abi: abis.inferenceServing } as const
  const [{ url }, { generation }] = await Promise.all([
    ledger.read({ ...at, functionName: 'getService', args: [provider] }),
    ledger.read({ ...at, functionName: 'getAccount', args: [account.address, provider] }),
  ])
  const authorization = await bearerOf(context, account, { provider, generation, lastsMs: tokenMs })
  const options = { method: 'POST', headers: { authorization }, ...(signal && { signal }) }
  const response = await env.network.fetch(`${url}/v1/refund-consent`, options)
  if (response.status !== 200) throw await refusalOf(provider, response)
  return readConsent(provider, account.address, await response.json(answerBytesMax))
}

/** The contract checks the signature; here only that it is about this account. */
export function readConsent(provider: Hex, user: Hex, answer: unknown): { consent: RefundConsent; signature: Hex } {
  const { consent, signature } = (answer ?? {}) as { consent?: Record<string, unknown>; signature?: unknown }
  const isOurs =
    String(consent?.user).toLowerCase() === user.toLowerCase() &&
    String(consent?.provider).toLowerCase() === provider.toLowerCase()
  const [nonce, amount, deadline] = [consent?.nonce, consent?.amount, consent?.deadline].map(readInteger)
  if (!isOurs || nonce === undefined || amount === undefined || deadline === undefined || !isHexOf(signature, 65)) {
    throw new RefundRefusedError({ provider, status: 200 }, 'The provider’s consent is malformed.')
  }
  return { consent: { user, provider, nonce, amount, deadline }, signature }
}

function readInteger(value: unknown): bigint | undefined {
  const text = String(value)
  return /^\d{1,77}$/.test(text) ? BigInt(text) : undefined
}

async function refusalOf(provider: Hex, response: FetchResponse): Promise<RefundRefusedError> {
  const { status } = response
  const body = (await response.json(answerBytesMax).catch(() => undefined)) as { error?: { message?: unknown } }
  const message = body?.error?.message
  return new RefundRefusedError({ provider, status }, typeof message === 'string' ? message.slice(0, 400) : undefined)
}

export class RefundRefusedError extends WeightlessError {
  constructor(facts: { provider: Hex; status: number }, message?: string) {
    super('sdk/refund-refused', message ?? `The provider refuses an instant refund (${facts.status}).`, facts, {
      hint: 'Wait for the lock time instead: client.account.retrieve.',
    })
  }
}
