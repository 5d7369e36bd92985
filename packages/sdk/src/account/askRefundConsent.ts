/** Asks an inference provider to sign that nothing is owed to it. Spec: SETTLEMENT §8, COMPUTE §6, §8.6. */
import { bytesToHex, type Hex, isHexOf, textToBytes, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { keccak256 } from '@weightless/crypto'
import type { FetchResponse } from '@weightless/env'
import type { LedgerAccount } from '@weightless/ledger'
import type { ClientContext } from '../client.ts'
import { contractAddress } from '../networkConfig.ts'
import { AccountMissingError } from './accountMissing.ts'

export type RefundConsent = { user: Hex; provider: Hex; nonce: bigint; amount: bigint; deadline: bigint }

const answerBytesMax = 64 * 1024
const tokenMs = 60_000
/** A token that cannot be revoked one by one: it ends in a minute. */
const ephemeralTokenId = 255

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
  const authorization = `Bearer ${await signToken(account, provider, Number(generation), env.clock.nowMs())}`
  const options = { method: 'POST', headers: { authorization }, ...(signal && { signal }) }
  const response = await env.network.fetch(`${url}/v1/refund-consent`, options)
  if (response.status !== 200) throw await refusalOf(provider, response)
  return readConsent(provider, account.address, await response.json(answerBytesMax))
}

/** The existing SDK's bearer token; the order of its keys is part of it. */
async function signToken(account: LedgerAccount, provider: Hex, generation: number, timestamp: number) {
  const address = account.address.toLowerCase()
  const times = { timestamp, expiresAt: timestamp + tokenMs }
  const nonce = String(timestamp)
  const json = JSON.stringify({ address, provider, ...times, nonce, generation, tokenId: ephemeralTokenId })
  const raw = bytesToHex(keccak256(textToBytes(json)))
  const signature =
    'provider' in account
      ? await account.provider.request({ method: 'personal_sign', params: [raw, account.address] })
      : await account.signMessage({ message: { raw } })
  return `app-sk-${btoa(`${json}|${signature}`)}`
}

/** The contract checks the signature; here only that it is about this account. */
function readConsent(provider: Hex, user: Hex, answer: unknown): { consent: RefundConsent; signature: Hex } {
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
