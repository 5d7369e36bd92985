/** Reads and checks a JSON Web Token (RFC 7515, compact form) that is signed with ES384, as NVIDIA's attestation service signs. */
import { bytesToText, decodeBase64, textToBytes } from '@weightless/codec'
import { nistVerify } from '@weightless/crypto'
import { z } from 'zod'
import { need, refuse } from '../refusal.ts'

/** A set of keys (RFC 7517) as the service publishes it; whoever brings it vouches for it. */
export const keySetForm = z.object({
  keys: z
    .array(
      z.object({
        kid: z.string().max(256),
        kty: z.string(),
        crv: z.string().optional(),
        x: z.string().max(128).optional(),
        y: z.string().max(128).optional(),
      }),
    )
    .max(256),
})

export type KeySet = z.infer<typeof keySetForm>

const tokenCharactersMax = 32_768
const headForm = z.strictObject({ alg: z.string(), kid: z.string().max(256), typ: z.string().max(32).optional() })

/** Claims of a token that a key of the set signed. @throws {Refusal} */
export function readToken(token: string, keys: KeySet): { [claim: string]: unknown } {
  need(token.length <= tokenCharactersMax, 'malformed', 'the token is too large')
  const parts = token.split('.')
  need(parts.length === 3, 'malformed', 'the token has three parts')
  const [head, payload, signature] = parts.map(readBase64Url) as [Uint8Array, Uint8Array, Uint8Array]
  const read = headForm.safeParse(readJson(head))
  if (!read.success) return refuse('malformed', 'the head of the token has another form')
  need(read.data.alg === 'ES384', 'unsupported', `the token is signed with ${read.data.alg}`)
  const key = keys.keys.find(({ kid }) => kid === read.data.kid)
  if (!key) return refuse('chain', 'no key of the set has the name that the token gives')
  need(
    key.kty === 'EC' && key.crv === 'P-384' && key.x !== undefined && key.y !== undefined,
    'unsupported',
    'the key of the token is not on P-384',
  )
  const point = Uint8Array.from([4, ...readBase64Url(key.x!), ...readBase64Url(key.y!)])
  const signed = textToBytes(`${parts[0]}.${parts[1]}`)
  need(nistVerify('P-384', signature, signed, point), 'signature', 'the token is not signed by the key that it names')
  const claims = readJson(payload)
  const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims)
  return isObject
    ? (claims as { [claim: string]: unknown })
    : refuse('malformed', 'the claims of the token are no object')
}

/** Without padding (RFC 7515 §2), canonical: unused bits are zero. */
function readBase64Url(text: string): Uint8Array {
  need(/^[A-Za-z0-9_-]*$/.test(text), 'malformed', 'a part of the token is no base64url')
  const bytes = decodeBase64(textToBytes(text + '='.repeat((4 - (text.length % 4)) % 4)))
  const unused = [undefined, '', 'AQgw', 'AEIMQUYcgkosw048'][text.length % 4]
  if (!bytes || (unused !== undefined && !unused.includes(text.at(-1)!)))
    return refuse('malformed', 'a part of the token is no base64url')
  return bytes
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bytesToText(bytes))
  } catch {
    return refuse('malformed', 'a part of the token is no JSON')
  }
}
