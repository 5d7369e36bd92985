/** What an operator may set, with defaults. */
import { z } from 'zod'

export const providerLimitsSchema = z.object({
  /** Tokens of an answer when the request names no limit. */
  defaultMaxTokens: z.int().min(1).default(1_024),
  /** Jobs that wait for the engine, of all users. */
  waitingMax: z.int().min(0).default(64),
  /** Jobs of one user, waiting and running. */
  perUserMax: z.int().min(1).default(32),
  /** Answered jobs of one user that no voucher pays yet, before the next one is refused. */
  unvouchedJobsMax: z.int().min(1).default(256),
  /** Bytes of a request. */
  bodyBytesMax: z
    .int()
    .min(1_024)
    .default(4 * 1024 * 1024),
  /** Bytes of a form with sound or pictures. */
  uploadBytesMax: z
    .int()
    .min(1_024)
    .default(32 * 1024 * 1024),
  /** Jobs that run at once at an upstream. */
  concurrentMax: z.int().min(1).default(32),
  /** Requests of one user in a minute. */
  requestsPerMinute: z.int().min(1).default(6_000),
  /** Silence of an upstream within an answer, while the client waits for it. */
  silenceMsMax: z.int().min(10).default(60_000),
  /** Bytes of one answer of an upstream. */
  answerBytesMax: z
    .int()
    .min(1_024)
    .default(256 * 1024 * 1024),
  /** A client that takes nothing for so long loses its answer; what it got is billed. */
  stallMsMax: z.int().min(100).default(20_000),
  /** Seconds for which an authorisation must still be good. */
  authorizationSecondsMin: z.int().min(0).default(60),
  /** The same when its turn comes, for a job that is to be accepted: it ends two minutes before its authorisation. */
  acceptedSecondsMin: z.int().min(180).default(600),
  /** A batch is settled when this many users have something to settle, … */
  settleUsersMin: z.int().min(1).default(20),
  /** … or when the oldest of it is so old. */
  settleAgeMsMax: z.int().min(0).default(5_000),
  /** A job that no voucher covers after this time is claimed on chain. */
  claimAfterMs: z.int().min(0).default(600_000),
  /** Also claim jobs whose fee is below the gas of the claim. */
  claimAlways: z.boolean().default(false),
  /** Capacity for the market is measured when no job ran for so long. */
  /** How often it renews its offer on the market, whose lease is 30 minutes. MARKET §2.6 */
  renewOfferMs: z.int().min(100).default(600_000),
  measureIdleMs: z.int().min(0).default(5_000),
})

export type ProviderLimits = z.infer<typeof providerLimitsSchema>
