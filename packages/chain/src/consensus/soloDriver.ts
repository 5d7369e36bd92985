/**
 * Consensus of one: this node alone decides, so a block is final once it is durable. It drives an engine through the
 * Engine API's methods only and decides nothing but *when* a block is made.
 *
 * Pace: at once on work, gathering up to 200 ms while transactions keep streaming in; without work a
 * heartbeat every second while anybody watches, every five otherwise.
 */
import { WeightlessError } from '@weightless/codec'
import type { Clock, Log, Random } from '@weightless/env'
import type { Engine } from '../engine.ts'
import type { paceLimits } from '../limits.ts'
import type { Audience } from './audience.ts'
import type { BlockTime } from './blockTime.ts'

export type SoloParts = {
  engine: Engine
  clock: Clock
  random: Random
  log: Log
  audience: Audience
  blockTime: BlockTime
  pace: typeof paceLimits
  coinbase: Uint8Array
  /** Hash and time (seconds) of the block to build on. */
  head(): { hash: Uint8Array; timestamp: number }
  /** Whether a block made now would hold transactions. */
  hasWork(): boolean
}

export class SoloDriver {
  readonly #parts: SoloParts
  readonly #stopping = new AbortController()
  #wake: () => void = () => undefined
  #awake = false
  #arrivals = 0
  #automine = true
  #lastBlockMs: number
  #turn: Promise<unknown> = Promise.resolve()
  #running: Promise<void> | undefined

  constructor(parts: SoloParts) {
    this.#parts = parts
    this.#lastBlockMs = parts.clock.monotonicMs()
    parts.audience.onArrival(() => this.#nudge())
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves after the block under way, if any. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#nudge()
    await this.#running
    await this.#turn
  }

  /** A transaction that can run has come into the pool. */
  noteWork(): void {
    this.#arrivals++
    if (this.#automine) this.#nudge()
  }

  get automine(): boolean {
    return this.#automine
  }

  /** Off: blocks come from `mine` only. */
  setAutomine(automine: boolean): void {
    this.#automine = automine
    this.#nudge()
  }

  /** Makes `count` blocks now, `intervalSeconds` apart in block time. */
  async mine(count = 1, intervalSeconds = 0): Promise<void> {
    await this.exclusively(async () => {
      for (let made = 0; made < count; made++) {
        if (made > 0 && intervalSeconds > 0) this.#parts.blockTime.increase(intervalSeconds)
        await this.#produce()
      }
    })
  }

  /** Runs `act` while no block is being made. */
  exclusively<Value>(act: () => Promise<Value>): Promise<Value> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #run(): Promise<void> {
    const { clock, log, hasWork } = this.#parts
    while (!this.#stopping.signal.aborted) {
      await this.#waitForReason()
      if (this.#stopping.signal.aborted) return
      if (hasWork()) await this.#gather()
      try {
        await this.mine()
      } catch (error) {
        // A full disk or a fault of the engine: the head stands, and the next attempt may succeed.
        log.error('block not made', { reason: error instanceof Error ? error.message : String(error) })
        await pause(clock, retryMs, this.#stopping.signal)
      }
    }
  }

  /** Returns when there is work or a heartbeat is due. */
  async #waitForReason(): Promise<void> {
    const { clock, audience, pace, hasWork } = this.#parts
    while (!this.#stopping.signal.aborted) {
      const everyMs = audience.isWatching() ? pace.heartbeatWatchedMs : pace.heartbeatIdleMs
      const dueMs = this.#lastBlockMs + everyMs - clock.monotonicMs()
      if (this.#automine && (dueMs <= 0 || hasWork())) return
      await this.#sleepUntilNudged(this.#automine ? Math.max(1, dueMs) : everyMs)
    }
  }

  /** Waits while transactions stream in: a lone one goes after a few milliseconds, a flood in blocks of 200 ms. */
  async #gather(): Promise<void> {
    const { clock, pace } = this.#parts
    const deadlineMs = Math.max(this.#lastBlockMs, clock.monotonicMs() - pace.gatherQuietMs) + pace.gatherMsMax
    do {
      this.#arrivals = 0
      await pause(clock, pace.gatherQuietMs, this.#stopping.signal)
    } while (
      this.#arrivals >= pace.gatherArrivalsMin &&
      clock.monotonicMs() < deadlineMs &&
      !this.#stopping.signal.aborted
    )
  }

  async #produce(): Promise<void> {
    const { engine, blockTime, random, coinbase, head, clock } = this.#parts
    const parent = head()
    const started = await engine.forkchoiceUpdated(choice(parent.hash), {
      timestamp: blockTime.next(parent.timestamp),
      prevRandao: random.bytes(32),
      suggestedFeeRecipient: coinbase,
      withdrawals: [],
      parentBeaconBlockRoot: zeroHash,
    })
    if (started.payloadId === undefined)
      throw new SoloBlockError({ step: 'build', status: started.payloadStatus.status })
    const { executionPayload } = await engine.getPayload(started.payloadId)
    const status = await engine.newPayload(executionPayload, [], zeroHash)
    if (status.status !== 'VALID') throw new SoloBlockError({ step: 'check', status: status.status })
    const { payloadStatus } = await engine.forkchoiceUpdated(choice(executionPayload.blockHash))
    if (payloadStatus.status !== 'VALID') throw new SoloBlockError({ step: 'choose', status: payloadStatus.status })
    this.#lastBlockMs = clock.monotonicMs()
  }

  #nudge(): void {
    this.#awake = true
    this.#wake()
  }

  async #sleepUntilNudged(ms: number): Promise<void> {
    if (!this.#awake) {
      const nap = new AbortController()
      this.#wake = () => nap.abort()
      await pause(this.#parts.clock, ms, nap.signal)
      this.#wake = () => undefined
    }
    this.#awake = false
  }
}

const zeroHash = new Uint8Array(32)
const retryMs = 1_000

/** Of one validator, the head is safe and final too. */
function choice(hash: Uint8Array) {
  return { headBlockHash: hash, safeBlockHash: hash, finalizedBlockHash: hash }
}

/** Sleeps; an abort only ends it early. */
async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

export class SoloBlockError extends WeightlessError {
  constructor(facts: { step: string; status: string }) {
    super('chain/solo-block', 'The engine did not accept the block that it had built.', facts)
  }
}
