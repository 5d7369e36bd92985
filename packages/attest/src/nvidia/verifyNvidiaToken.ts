/**
 * Verifies what NVIDIA's remote attestation service says of GPUs: one token over all, one a device, bound to each other by digests.
 * It is the service's word, not the device's own: the SPDM report behind it is not looked at. ATTESTATION §5.
 */
import { textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { z } from 'zod'
import { type AttestationVerdict, judge, need, refuse } from '../refusal.ts'
import { toHex } from '../x509/certificate.ts'
import { type KeySet, keySetForm, readToken } from './readToken.ts'

export type NvidiaPolicy = {
  /** Seconds since the Unix epoch; a token holds for an hour. */
  atSeconds: number
  /** 32 bytes that the GPUs were asked with. */
  nonce?: Uint8Array | undefined
  /** Models that are accepted, such as `GH100`; any without it. */
  models?: readonly string[] | undefined
  issuer?: string | undefined
  /** Debugging enabled: refused unless this is true. */
  allowDebug?: boolean | undefined
}

export type NvidiaDevice = {
  name: string
  model: string
  driver: string | undefined
  vbios: string | undefined
  isDebug: boolean
}

export type NvidiaAttestation = { tee: 'nvidia'; nonce: string; devices: readonly NvidiaDevice[] }

const devicesMax = 64
const issuerDefault = 'https://nras.attestation.nvidia.com'

/** What the service answers: [["JWT", overall], { "GPU-0": token, … }]. */
const answerForm = z.tuple([
  z.tuple([z.literal('JWT'), z.string()]),
  z.record(z.string().max(64), z.string()).refine((devices) => Object.keys(devices).length <= devicesMax),
])

const timesForm = { iss: z.string(), exp: z.number(), nbf: z.number(), eat_nonce: z.string() }
const overallForm = z.looseObject({
  ...timesForm,
  'x-nvidia-overall-att-result': z.boolean(),
  submods: z.record(z.string(), z.tuple([z.literal('DIGEST'), z.tuple([z.literal('SHA-256'), z.string()])])),
})
const version = z.string().max(64).optional()
const deviceForm = z.looseObject({
  ...timesForm,
  hwmodel: z.string().max(64),
  secboot: z.boolean(),
  dbgstat: z.string().max(64),
  measres: z.string().max(64),
  'x-nvidia-gpu-driver-version': version,
  'x-nvidia-gpu-vbios-version': version,
})

/** @param keySet - JSON of the service's key set at the time */
export function verifyNvidiaToken(
  answer: unknown,
  keySet: unknown,
  policy: NvidiaPolicy,
): AttestationVerdict<NvidiaAttestation> {
  return judge(() => {
    const [[, overallToken], deviceTokens] = readForm(answerForm, answer, 'the answer of the service')
    if (keySet === undefined)
      return refuse('collateral', 'a token of NVIDIA is nothing without the key set of its service')
    const keys = readForm(keySetForm, keySet, 'the key set')
    const overall = readForm(overallForm, readToken(overallToken, keys), 'the overall token')
    checkCommon(overall, policy)
    need(overall['x-nvidia-overall-att-result'], 'claims', 'the service says that the attestation failed')
    const names = Object.keys(deviceTokens)
    const isWhole = names.length > 0 && names.length === Object.keys(overall.submods).length
    need(isWhole, 'binding', 'the overall token is about other devices')
    const devices = names.map((name) => {
      const token = deviceTokens[name]!
      const digest = overall.submods[name]?.[1][1].toLowerCase()
      need(
        digest === toHex(sha256(textToBytes(token))),
        'binding',
        `the token of ${name} is not the one that the overall token names`,
      )
      return readDevice(name, token, keys, overall.eat_nonce, policy)
    })
    return { tee: 'nvidia', nonce: overall.eat_nonce, devices }
  })
}

function readDevice(name: string, token: string, keys: KeySet, nonce: string, policy: NvidiaPolicy): NvidiaDevice {
  const claims = readForm(deviceForm, readToken(token, keys), `the token of ${name}`)
  checkCommon(claims, policy)
  need(claims.eat_nonce === nonce, 'nonce', `${name} answers another nonce than the whole`)
  need(claims.measres === 'success', 'claims', `the measurements of ${name} are not those of its maker`)
  need(claims.secboot, 'claims', `${name} was not booted securely`)
  const isDebug = claims.dbgstat !== 'disabled'
  need(!isDebug || policy.allowDebug === true, 'debug', `${name} can be debugged`)
  const { hwmodel: model } = claims
  need(policy.models === undefined || policy.models.includes(model), 'measurement', `${name} is a ${model}`)
  // Every check of the service that it reports as failed counts, those that are added later too.
  const failed = Object.keys(claims).find((claim) => claim.startsWith('x-nvidia-') && claims[claim] === false)
  need(failed === undefined, 'claims', `${name} failed ${failed}`)
  return {
    name,
    model,
    driver: claims['x-nvidia-gpu-driver-version'],
    vbios: claims['x-nvidia-gpu-vbios-version'],
    isDebug,
  }
}

function checkCommon(claims: { iss: string; exp: number; nbf: number; eat_nonce: string }, policy: NvidiaPolicy): void {
  need(claims.iss === (policy.issuer ?? issuerDefault), 'chain', 'the token is of another service')
  need(policy.atSeconds >= claims.nbf, 'not-yet-valid', 'the token is of a later time')
  need(policy.atSeconds <= claims.exp, 'expired', 'the token is out of date')
  const isAsked = policy.nonce === undefined || claims.eat_nonce.toLowerCase() === toHex(policy.nonce)
  need(isAsked, 'nonce', 'the token answers another nonce')
}

function readForm<Form>(form: z.ZodType<Form>, json: unknown, what: string): Form {
  const read = form.safeParse(json)
  return read.success
    ? read.data
    : refuse('malformed', `${what} has a wrong form at ${read.error.issues[0]?.path.join('.') ?? 'its top'}`)
}
