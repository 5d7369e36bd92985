/** Requests to one provider on behalf of one user, with a session token that is renewed in time. COMPUTE §6.2 */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Env, FetchOptions, FetchResponse } from '@weightless/env'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import type { LocalAccount } from 'viem'
import { ephemeralTokenId, signSdkToken } from '../wire/sdkToken.ts'
import type { ListedProvider } from './providerDirectory.ts'

export type ProviderCaller = {
  fetch(path: string, options?: FetchOptions): Promise<FetchResponse>
  /** JSON of a 200. @throws {ProviderRefusedError} */
  json(path: string, options?: FetchOptions): Promise<unknown>
  /** The next request makes a new token. */
  forgetToken(): void
}

const tokenMs = 12 * 3_600_000
const answerBytesMax = 64 * 1024 * 1024

export function createProviderCaller(options: {
  env: Pick<Env, 'clock' | 'random' | 'network'>
  ledger: Ledger
  inferenceServing: Hex
  provider: ListedProvider
  user: Hex
  account: LocalAccount
  timeoutMs: number
}): ProviderCaller {
  const { env, provider, timeoutMs } = options
  let token: { text: Promise<string>; renewAtMs: number } | undefined

  function bearer(): Promise<string> {
    const nowMs = env.clock.nowMs()
    if (!token || nowMs >= token.renewAtMs) {
      token = { text: makeToken(options, nowMs), renewAtMs: nowMs + tokenMs / 2 }
      token.text.catch(() => {
        token = undefined
      })
    }
    return token.text
  }

  async function call(path: string, { headers, ...rest }: FetchOptions = {}): Promise<FetchResponse> {
    const authorization = `Bearer ${await bearer()}`
    return env.network.fetch(`${provider.url}${path}`, {
      timeoutMs,
      ...rest,
      headers: { ...headers, authorization },
    })
  }

  return {
    fetch: call,
    forgetToken: () => {
      token = undefined
    },
    async json(path, fetchOptions) {
      const response = await call(path, fetchOptions)
      if (response.status === 200) return response.json(answerBytesMax)
      const body = await response.text(65_536)
      throw new ProviderRefusedError({ provider: provider.address, path, status: response.status }, body)
    },
  }
}

async function makeToken(
  { env, ledger, inferenceServing, provider, user, account }: Parameters<typeof createProviderCaller>[0],
  nowMs: number,
): Promise<string> {
  return signSdkToken(
    {
      address: user,
      provider: provider.address,
      timestamp: nowMs,
      expiresAt: nowMs + tokenMs,
      nonce: bytesToHex(env.random.bytes(16)),
      generation: Number(await readGeneration(ledger, inferenceServing, user, provider.address)),
      tokenId: ephemeralTokenId,
    },
    account,
  )
}

async function readGeneration(ledger: Ledger, inferenceServing: Hex, user: Hex, provider: Hex): Promise<bigint> {
  try {
    const at = { address: inferenceServing, abi: abis.inferenceServing } as const
    return (await ledger.read({ ...at, functionName: 'getAccount', args: [user, provider] })).generation
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'AccountNotExists') return 0n
    throw fault
  }
}

export class ProviderRefusedError extends WeightlessError {
  readonly status: number
  readonly body: string

  constructor(facts: { provider: Hex; path: string; status: number }, body: string) {
    super('compute/provider-refused', 'The provider refused.', { ...facts, body: body.slice(0, 300) })
    this.status = facts.status
    this.body = body
  }
}
