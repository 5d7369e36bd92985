/** What the parts of one provider share. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { EnvelopeKey } from '@weightless/envelope'
import type { Price } from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import type { FairQueue } from '../admission/fairQueue.ts'
import type { Holds } from '../admission/holds.ts'
import type { RateLimits } from '../admission/rateLimits.ts'
import type { EncoderEngine, Engine, ExactEngine, UpstreamEngine } from '../engine/engine.ts'
import type { AdapterShelf } from '../finetune/adapterShelf.ts'
import type { JobLog } from '../settlement/jobLog.ts'
import type { SigningPlace } from '../wire/payment.ts'
import type { Authenticate } from './authenticate.ts'
import type { DisputeDesk } from './disputeDesk.ts'
import type { Doors } from './doors.ts'
import type { JobTimings } from './jobTimings.ts'
import type { LeavingUsers } from './leavingUsers.ts'
import type { OnAccount } from './onAccount.ts'
import type { ProviderMetrics } from './providerMetrics.ts'
import type { ProviderLimits } from './providerOptions.ts'
import type { RunningJobs } from './runningJobs.ts'
import type { SessionKeys } from './sessionKeys.ts'

export type ProviderContext = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  /** Lower case. */
  address: Hex
  account: LocalAccount
  /** Requests are sealed to it. */
  envelopeKey: EnvelopeKey
  place: SigningPlace
  engine: Engine
  /** Adapters of users, served beside the engine's model. */
  adapters?: AdapterShelf
  /** As registered on the chain. */
  price: Price
  verifiability: string
  limits: ProviderLimits
  onAccount: OnAccount
  log: JobLog
  holds: Holds
  queue: FairQueue
  /** Jobs that run side by side. */
  runningMax: number
  rates: RateLimits
  disputes: DisputeDesk
  doors: Doors
  accounts: ChainAccounts
  sessionKeys: SessionKeys
  authenticate: Authenticate
  metrics: ProviderMetrics
  running: RunningJobs
  timings: JobTimings
  leaving: LeavingUsers
  inferenceServing: Hex
  /** Tells the settlement loop that there is something to do. */
  settleSoon(): void
  /** Settles all that can be settled. @throws {LedgerUnreachableError} */
  settleNow(): Promise<void>
  /** Resolves when no claim of the user's jobs is on its way. */
  claimEnds(user: Hex): Promise<void>
}

/** Of a provider whose answers can be re-executed. */
export type ExactContext = ProviderContext & { engine: ExactEngine }
/** Of one that makes embeddings. */
export type EncoderContext = ProviderContext & { engine: EncoderEngine }
/** Of one that passes requests on. */
export type UpstreamContext = ProviderContext & { engine: UpstreamEngine }
