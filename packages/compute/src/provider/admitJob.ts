/**
 * What every job goes through whatever it asks for: its number, the user's word for it, the money set aside, its turn.
 * Spec: COMPUTE §7.1, §7.2
 */
import { accept, bytesToHex, type Hex, type Verdict } from '@weightless/codec'
import { inputHash, priceId, signerOfDigest } from '@weightless/receipt'
import { QueueFullError, QueueLeftError } from '../admission/fairQueue.ts'
import { wasAccepted } from '../settlement/accountBook.ts'
import type { ApiError, ApiErrorCode } from '../wire/apiError.ts'
import { hashAuthorization, type JobTerms } from '../wire/payment.ts'
import { acceptJob } from './acceptJob.ts'
import { closedFor } from './doors.ts'
import type { ProviderContext } from './providerContext.ts'
import { forgetOldBalance, isLeaving } from './refundConsent.ts'

export type AdmissionAsk = {
  user: Hex
  terms: JobTerms | undefined
  /** The user's number used once, where she signed for nothing. */
  nonce: Hex | undefined
  /** The job is to be accepted before it begins. */
  mustAccept: boolean
  /** Aborts when the client goes away. */
  signal: AbortSignal
  /** RECEIPT §4.3 or §4.8: what the authorisation must be for. */
  request: Hex
  /** The most that the job can cost. */
  maxFee: bigint
}

export type Admitted = {
  user: Hex
  terms: JobTerms | undefined
  jobNonce: bigint
  salt: Hex
  nonce: Hex
  /** The provider's signature that it takes the job, where it was asked for. */
  acceptance: Hex | undefined
  /** When its turn came (monotonic). */
  turnAtMs: number
  /** Frees turn, money and number; safe to call twice. */
  release(): void
}

export type Refusal = Extract<Verdict<never>, { ok: false }> & { error: ApiError }

/** Throws only faults of the chain; everything that a user can cause is a verdict. */
export async function admitJob(
  context: ProviderContext,
  ask: AdmissionAsk,
): Promise<{ ok: true; value: Admitted } | Refusal> {
  const { user, terms, maxFee } = ask
  forgetOldBalance(context, user)
  // Before anything is taken, since this may throw.
  const tickets = (await context.accounts.of(user))?.tickets ?? 1
  const numbered = await numberJob(context, ask)
  if (!numbered.ok) return numbered
  const { jobNonce } = numbered.value
  const freeNonce = () => context.running.free(user, jobNonce)
  const held = await context.holds.take(user, maxFee).catch((fault) => {
    // The chain is away: a number that nobody answers would keep a drain waiting.
    freeNonce()
    throw fault
  })
  if (!held.ok) {
    freeNonce()
    return refuseBalance(context, user, maxFee, held.freeWei)
  }
  const turn = await enter(context, ask, tickets)
  if (!turn.ok) {
    held.release()
    freeNonce()
    return turn
  }
  const release = () => {
    turn.value()
    held.release()
    freeNonce()
  }
  const turnAtMs = context.env.clock.monotonicMs()
  const admitted = { user, terms, ...numbered.value, turnAtMs, release }
  if (!ask.mustAccept || !terms) return accept({ ...admitted, acceptance: undefined })
  try {
    const acceptance = await acceptJob(context, terms.authorization)
    if (acceptance) return accept({ ...admitted, acceptance })
  } catch (fault) {
    release()
    throw fault
  }
  release()
  const message = `To be accepted, an authorisation must last ${context.limits.acceptedSecondsMin} seconds from when its turn comes.`
  return refuse('invalid_authorization', message)
}

/** Number, salt and nonce of the job: the user's, if she signed for it, else ours. */
async function numberJob(context: ProviderContext, ask: AdmissionAsk) {
  const numbered = await takeNumber(context, ask)
  context.doors.entering.delete(ask.signal)
  return numbered
}

async function takeNumber(context: ProviderContext, ask: AdmissionAsk) {
  const { user, terms, maxFee } = ask
  const chain = await context.accounts.of(user)
  const book = context.log.book.of(user)
  const used = [book.jobNonce, chain?.jobNonce ?? 0n].reduce((a, b) => (a > b ? a : b))
  if (!terms) {
    const closed = refuseAtDoor(context, user)
    if (closed) return closed
    const jobNonce = context.running.next(user, used + 1n, maxFee)
    const salt = bytesToHex(context.env.random.bytes(32))
    const nonce: Hex = ask.nonce ?? `0x${jobNonce.toString(16).padStart(64, '0')}`
    return accept({ jobNonce, salt, nonce })
  }
  const fault = await termsFault(context, ask, terms)
  if (fault) return fault
  // Nothing may be awaited between this and the number that is taken: a consent, a drain and a successor look at the numbers.
  const closed = refuseAtDoor(context, user)
  if (closed) return closed
  const { jobNonce } = terms.authorization
  const settled = chain && jobNonce <= chain.jobNonce
  const vouched = jobNonce <= (book.voucher?.voucher.jobNonce ?? 0n)
  const answered = context.log.hasNonce(user, jobNonce) || wasAccepted(book, jobNonce)
  if (settled || vouched || answered || !context.running.take({ user, jobNonce, maxFee })) {
    return refuse('job_nonce_used', `Job nonce ${jobNonce} is used up; the next free one is ${used + 1n}.`)
  }
  if (book.unvouched.size >= context.limits.unvouchedJobsMax) {
    context.running.free(user, jobNonce)
    return refuse('voucher_missing', `${book.unvouched.size} answers wait for a voucher; send one to /v1/vouchers.`)
  }
  return accept({ jobNonce, salt: terms.salt, nonce: terms.nonce })
}

/** COMPUTE §7.2 */
async function termsFault(
  { address, place, price, limits, env, sessionKeys, onAccount }: ProviderContext,
  { user, request, maxFee }: AdmissionAsk,
  { authorization, signature, salt }: JobTerms,
): Promise<Refusal | undefined> {
  if (authorization.user !== user) return refuse('invalid_authorization', 'The authorisation is of another user.')
  if (authorization.provider !== address) return refuse('invalid_authorization', 'It is for another provider.')
  if (authorization.jobNonce < 1n || authorization.jobNonce >= 1n << 56n) {
    return refuse('invalid_authorization', 'The job nonce must be between 1 and 2^56-1.')
  }
  if (authorization.priceId !== priceId(address, price)) {
    return refuse('price_changed', 'The price is not the one in the registry any more; read /v1/models again.')
  }
  if (authorization.requestHash !== inputHash(request, salt)) {
    return refuse('invalid_authorization', 'The authorisation is for another request.')
  }
  if (authorization.maxFee < maxFee) {
    return refuse('invalid_authorization', `The job may cost ${maxFee} wei, authorised are ${authorization.maxFee}.`)
  }
  const nowSeconds = BigInt(Math.floor(env.clock.nowMs() / 1000))
  if (authorization.deadline < nowSeconds + BigInt(limits.authorizationSecondsMin)) {
    return refuse('invalid_authorization', 'The authorisation ends too soon.')
  }
  if (signature === undefined) {
    if (authorization.maxFee <= onAccount.weiMax) return undefined
    const message = `Jobs that may cost more than ${onAccount.weiMax} wei have to be signed for.`
    return refuse('authorization_unsigned', message)
  }
  const signer = signerOfDigest(hashAuthorization(authorization, place), signature)
  if (await sessionKeys.maySign(signer, user)) return undefined
  return refuse('invalid_authorization', 'The signature is not of the user or a registered session key.')
}

async function enter({ queue, metrics }: ProviderContext, { user, signal }: AdmissionAsk, tickets: number) {
  try {
    const entering = queue.enter(user, signal, tickets)
    metrics.waiting.set(queue.size().waiting)
    return accept(await entering)
  } catch (fault) {
    if (fault instanceof QueueFullError) {
      const code = fault.scope === 'user' ? 'too_many_requests' : 'queue_full'
      const refusal = refuse(code, 'Too many jobs are waiting; try again in some seconds.')
      return { ...refusal, error: { ...refusal.error, retryAfterSeconds: 2 } }
    }
    // Nobody is left to read this answer.
    if (fault instanceof QueueLeftError) return refuse('invalid_request', 'The client left.')
    throw fault
  } finally {
    metrics.waiting.set(queue.size().waiting)
  }
}

function refuseBalance({ address }: ProviderContext, user: Hex, maxFee: bigint, freeWei: bigint): Refusal {
  const message =
    `The job may cost ${maxFee} wei, account ${user} has ${freeWei} free with provider ${address}. ` +
    'Transfer more with LedgerManager.transferFund, or ask for fewer tokens.'
  return refuse('insufficient_balance', message)
}

function refuseAtDoor(context: ProviderContext, user: Hex): Refusal | undefined {
  const closed = closedFor(context.doors)
  if (closed) return { ok: false, code: closed.code, action: 'reject', detail: closed.message, error: closed }
  if (!isLeaving(context, user)) return undefined
  return refuse('account_busy', 'The balance of this account is being given back; try again in three minutes.')
}

export function refuse(code: ApiErrorCode, message: string, param?: string): Refusal {
  const error = { code, message, ...(param === undefined ? {} : { param }) }
  return { ok: false, code, action: 'reject', detail: message, error }
}
