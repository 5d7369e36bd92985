/** Asks a gateway, as an enrolled auditor, for answers that its users share. Spec: COMPUTE §10.11 */
import { joinUrl } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { readBundle } from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import { sharedAnswerBytesMax, sharedAnswersMax, sharedAnswersPath, sharedAskMessage } from '../wire/sharedAnswers.ts'
import type { FetchShared } from './sharedReceipts.ts'

export type SharedSource = {
  env: Pick<Env, 'network'>
  gatewayUrl: string
  /** The auditor's. */
  account: LocalAccount
  chainId: number
  auditRounds: Hex
}

const timeoutMs = 10_000

/** The answer's function throws {NetworkError}; what is no bundle of the provider is left out. */
export function createSharedFetch({ env, gatewayUrl, account, chainId, auditRounds }: SharedSource): FetchShared {
  return async (provider, round, signal) => {
    const ask = { auditor: account.address, round, provider }
    const signature = await account.signMessage({ message: sharedAskMessage(ask, { chainId, auditRounds }) })
    const response = await env.network.fetch(joinUrl(gatewayUrl, sharedAnswersPath), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask, round: String(round), signature }),
      ...{ signal, timeoutMs },
    })
    const json = (await response.json((sharedAnswersMax + 1) * sharedAnswerBytesMax)) as { data?: unknown } | null
    if (response.status !== 200 || !Array.isArray(json?.data)) return []
    return json.data.slice(0, sharedAnswersMax).flatMap((each: unknown) => {
      const read = readBundle(each)
      return read.ok && read.value.receipt.provider.toLowerCase() === provider.toLowerCase() ? [read.value] : []
    })
  }
}
