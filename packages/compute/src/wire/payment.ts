/** What a user signs for a job: an authorisation before it, a cumulative voucher after it. Spec: SETTLEMENT §2, COMPUTE §7. */
import { accept, bytesToHex, concatBytes, type Hex, hexToBytes, isHexOf, reject, type Verdict } from '@weightless/codec'
import { authorizationTypes, receiptDomain as receiptDomainName, voucherTypes } from '@weightless/contracts'
import { compileTypedData, keccak256 } from '@weightless/crypto'
import {
  type Authorization,
  hashAuthorization,
  receiptDomain,
  type SigningPlace,
  signTyped,
  type TypedSigner,
} from '@weightless/receipt'
import { hexOf } from '@weightless/receipt/bundle'
import { z } from 'zod'

export { type Authorization, hashAuthorization, type SigningPlace } from '@weightless/receipt'

/** All jobs of this pair up to `jobNonce` cost `cumulativeFee` wei together. */
export type Voucher = {
  user: Hex
  provider: Hex
  cumulativeFee: bigint
  jobNonce: bigint
  receiptsRoot: Hex
}

/** What travels with a request: the authorisation with the secrets that open its request hash. */
export type JobTerms = {
  authorization: Authorization
  /** Undefined where the job is on account: too small to be claimed. COMPUTE §7.2 */
  signature: Hex | undefined
  salt: Hex
  nonce: Hex
}

export type SignedVoucher = { voucher: Voucher; signature: Hex }

/** Body of `POST /v1/vouchers`: `receipts` are the hashes of the receipts that the voucher adds, in order. */
export type VoucherNote = SignedVoucher & { receipts: Hex[] }

/** Jobs whose receipts one exchange may ask for. COMPUTE §7.5 */
export const settledJobsMax = 64

/** Body of `POST /v1/settlements`: pays what was receipted before, asks for the receipts of `jobs`. */
export type SettlementAsk = { voucher: VoucherNote | null; jobs: bigint[] }

export const termsHeader = 'x-weightless-authorization'
export const receiptHeader = 'x-weightless-receipt'
export const jobNonceHeader = 'x-weightless-job-nonce'
/** `1` asks the provider to accept the job before it begins. COMPUTE §7.6 */
export const acceptHeader = 'x-weightless-accept'
/** Of the answer: the provider's signature, 65 bytes in hex. */
export const acceptanceHeader = 'x-weightless-acceptance'

const hashVoucherFields = compileTypedData<Voucher>(receiptDomainName, 'Voucher', voucherTypes.Voucher)

export function hashVoucher(message: Voucher, { chainId, settlement }: SigningPlace): Hex {
  return hashVoucherFields(message, { chainId, verifyingContract: settlement })
}

/** `account` is the user's key or one of her registered session keys. */
export async function signAuthorization(
  message: Authorization,
  place: SigningPlace,
  account: TypedSigner,
): Promise<Hex> {
  const typed = { ...domainOf(place), types: authorizationTypes, primaryType: 'Authorization', message }
  return signTyped(account, hashAuthorization(message, place), typed)
}

export async function signVoucher(message: Voucher, place: SigningPlace, account: TypedSigner): Promise<Hex> {
  const typed = { ...domainOf(place), types: voucherTypes, primaryType: 'Voucher', message }
  return signTyped(account, hashVoucher(message, place), typed)
}

/** COMPUTE §7.3: the chain of receipts that a voucher pays; it starts at 32 zero bytes. */
export function nextReceiptsRoot(previous: Hex, receiptHash: Hex): Hex {
  return bytesToHex(keccak256(concatBytes([hexToBytes(previous), hexToBytes(receiptHash)])))
}

export const emptyReceiptsRoot: Hex = `0x${'00'.repeat(32)}`

const uint256 = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,77})$/)
  .transform(BigInt)
  .refine((value) => value < 1n << 256n)

const voucherSchema = z.object({
  voucher: z.object({
    user: hexOf(20),
    provider: hexOf(20),
    cumulativeFee: uint256,
    jobNonce: uint256,
    receiptsRoot: hexOf(32),
  }),
  signature: hexOf(65),
  receipts: z.array(hexOf(32)).max(1_024),
})

const settlementSchema = z.object({
  voucher: voucherSchema.nullable(),
  jobs: z.array(uint256).max(settledJobsMax),
})

/** Value of the header `x-weightless-authorization`: JSON in base64url. */
export function encodeTerms({ authorization, signature, salt, nonce }: JobTerms): string {
  const { jobNonce, maxFee, deadline, ...hashes } = authorization
  const integers = { jobNonce: `${jobNonce}`, maxFee: `${maxFee}`, deadline: `${deadline}` }
  // Digits, hex and names: every character is one byte.
  const text = btoa(JSON.stringify({ authorization: { ...hashes, ...integers }, signature, salt, nonce }))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

const termsCharactersMax = 8_192

export function decodeTerms(header: string): Verdict<JobTerms, 'invalid_authorization'> {
  if (header.length > termsCharactersMax) return reject('invalid_authorization', 'too long')
  let json: unknown
  try {
    json = JSON.parse(atob(header.replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    return reject('invalid_authorization', 'not JSON in base64url')
  }
  const { authorization, signature, salt, nonce } = fieldsOf(json)
  const fields = fieldsOf(authorization)
  // Read by hand: every request has it, and a general reader takes longer than the rest of the admission.
  for (const [name, byteCount] of authorizationHashes) {
    if (!isHexOf(fields[name], byteCount)) return reject('invalid_authorization', `authorization.${name}`)
  }
  for (const name of authorizationIntegers) {
    if (!isUint256(fields[name])) return reject('invalid_authorization', `authorization.${name}`)
  }
  if (signature !== undefined && !isHexOf(signature, 65)) return reject('invalid_authorization', 'signature')
  if (!isHexOf(salt, 32)) return reject('invalid_authorization', 'salt')
  if (!isHexOf(nonce, 32)) return reject('invalid_authorization', 'nonce')
  const given = fields as Record<keyof Authorization, string>
  return accept({
    authorization: {
      user: lower(given.user),
      provider: lower(given.provider),
      jobNonce: BigInt(given.jobNonce),
      requestHash: lower(given.requestHash),
      priceId: lower(given.priceId),
      maxFee: BigInt(given.maxFee),
      deadline: BigInt(given.deadline),
    },
    signature: signature && lower(signature),
    salt: lower(salt),
    nonce: lower(nonce),
  })
}

const authorizationHashes = [
  ['user', 20],
  ['provider', 20],
  ['requestHash', 32],
  ['priceId', 32],
] as const
const authorizationIntegers = ['jobNonce', 'maxFee', 'deadline'] as const

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function isUint256(value: unknown): boolean {
  return typeof value === 'string' && /^(0|[1-9][0-9]{0,77})$/.test(value) && BigInt(value) < 1n << 256n
}

const lower = (text: string): Hex => text.toLowerCase() as Hex

export function voucherToJson({ voucher, signature, receipts }: VoucherNote): string {
  return JSON.stringify({ voucher, signature, receipts }, plainInteger)
}

export function settlementToJson({ voucher, jobs }: SettlementAsk): string {
  return JSON.stringify({ voucher, jobs }, plainInteger)
}

export function readSettlement(json: unknown): Verdict<SettlementAsk, 'invalid_request'> {
  const parsed = settlementSchema.safeParse(json)
  return parsed.success ? accept(parsed.data) : reject('invalid_request', parsed.error.issues[0]?.path.join('.'))
}

export function readVoucher(json: unknown): Verdict<VoucherNote, 'invalid_authorization'> {
  const parsed = voucherSchema.safeParse(json)
  return parsed.success ? accept(parsed.data) : reject('invalid_authorization', parsed.error.issues[0]?.path.join('.'))
}

function domainOf({ chainId, settlement }: SigningPlace) {
  return { domain: receiptDomain(chainId, settlement) }
}

function plainInteger(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
