/** Who is asking a provider: checks SDK tokens against signature, provider, expiry and the chain's revocations. Spec: COMPUTE §6. */
import { accept, type Hex, type Verdict } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import type { ApiError, ApiErrorCode } from '../wire/apiError.ts'
import { ephemeralTokenId, readSdkToken, type SdkToken } from '../wire/sdkToken.ts'

export type Caller = { user: Hex }

export type Authenticate = (authorization: string | undefined) => Promise<Verdict<Caller> & { error?: ApiError }>

/** Recovering a signature costs milliseconds, so tokens that passed are remembered. */
const knownTokensMax = 10_000

export function createAuthenticator({
  provider,
  clock,
  accounts,
}: {
  provider: Hex
  clock: Clock
  accounts: ChainAccounts
}): Authenticate {
  const known = new Map<string, SdkToken>()

  async function tokenOf(bearer: string): Promise<SdkToken | undefined> {
    const remembered = known.get(bearer)
    if (remembered) return remembered
    const read = readSdkToken(bearer)
    if (!read.ok) return undefined
    if (known.size >= knownTokensMax) known.delete(known.keys().next().value!)
    known.set(bearer, read.value)
    return read.value
  }

  return async function authenticate(authorization) {
    const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (!bearer) {
      return refuse('invalid_api_key', 'Give a token of this provider as "Authorization: Bearer app-sk-…".')
    }
    const token = await tokenOf(bearer)
    if (!token) return refuse('invalid_api_key', 'The token is malformed or not signed by its address.')
    if (token.provider !== provider) return refuse('invalid_api_key', `The token is for provider ${token.provider}.`)
    if (token.expiresAt !== 0 && token.expiresAt <= clock.nowMs()) {
      return refuse('token_expired', 'The token has expired; make a new one.')
    }
    const account = await accounts.of(token.address)
    if (!account) {
      return refuse(
        'insufficient_balance',
        `Account ${token.address} has no funds with this provider; transfer some with LedgerManager.transferFund.`,
      )
    }
    if (BigInt(token.generation) !== account.generation) return refuse('token_revoked', 'All such tokens were revoked.')
    const revoked = token.tokenId !== ephemeralTokenId && ((account.revokedBitmap >> BigInt(token.tokenId)) & 1n) === 1n
    return revoked ? refuse('token_revoked', 'The token was revoked.') : accept({ user: token.address })
  }
}

function refuse(code: ApiErrorCode, message: string) {
  return { ok: false, code, action: 'reject', detail: message, error: { code, message } } as const
}
