/** The `app-sk-` bearer token of the existing compute SDK 0.9.0: read it and see who signed it. Spec: COMPUTE §6. */
import { accept, bytesToText, type Hex, reject, textToBytes, type Verdict } from '@weightless/codec'
import { signerOfDigest } from '@weightless/receipt'
import { hashMessage, keccak256 } from 'viem'
import { z } from 'zod'

export type SdkToken = {
  address: Hex
  provider: Hex
  /** Milliseconds since the Unix epoch. */
  timestamp: number
  /** Milliseconds; 0 never expires. */
  expiresAt: number
  nonce: string
  generation: number
  /** 0-254 can be revoked one by one; 255 is ephemeral. */
  tokenId: number
}

export const sdkTokenPrefix = 'app-sk-'
export const ephemeralTokenId = 255
/** A real token has about 400 bytes. */
const tokenCharactersMax = 4_096

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text.toLowerCase() as Hex)
const schema = z.object({
  address,
  provider: address,
  timestamp: z.number().min(0),
  expiresAt: z.number().min(0),
  nonce: z.string(),
  generation: z.coerce.number().int().min(0),
  tokenId: z.int().min(0).max(ephemeralTokenId),
})

/** Form and signature only; expiry, provider and revocation are the provider's to check. */
export function readSdkToken(bearer: string): Verdict<SdkToken, 'invalid_api_key'> {
  if (!bearer.startsWith(sdkTokenPrefix) || bearer.length > tokenCharactersMax) return reject('invalid_api_key', 'form')
  const raw = decodeBase64(bearer.slice(sdkTokenPrefix.length))
  const bar = raw?.lastIndexOf('|') ?? -1
  if (raw === undefined || bar < 0) return reject('invalid_api_key', 'form')
  const json = raw.slice(0, bar)
  const signature = raw.slice(bar + 1)
  const token = readJson(json)
  if (!token) return reject('invalid_api_key', 'form')
  const digest = hashMessage({ raw: keccak256(textToBytes(json)) })
  return signerOfDigest(digest, signature as Hex) === token.address
    ? accept(token)
    : reject('invalid_api_key', 'signature')
}

/** A local account, or whatever has a wallet sign. */
type TokenSigner = { signMessage(asked: { message: { raw: Hex } }): Promise<Hex> }

/** A token as the SDK makes it, signed by the user's account. */
export async function signSdkToken(token: SdkToken, account: TokenSigner): Promise<string> {
  const { address, provider, timestamp, expiresAt, nonce, generation, tokenId } = token
  // The order of the keys is part of what existing verifiers expect.
  const json = JSON.stringify({ address, provider, timestamp, expiresAt, nonce, generation, tokenId })
  const signature = await account.signMessage({ message: { raw: keccak256(textToBytes(json)) } })
  return sdkTokenPrefix + btoa(`${json}|${signature}`)
}

function readJson(json: string): SdkToken | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(json))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

function decodeBase64(text: string): string | undefined {
  try {
    return bytesToText(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)))
  } catch {
    return undefined
  }
}
