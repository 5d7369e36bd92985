/** A provider's offer on the market: declared when it opens, measured when it is idle, its lease renewed, withdrawn at the end. Spec: MARKET §2, §3.4 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { keccak256 } from '@weightless/crypto'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import type { ProviderContext } from '../providerContext.ts'
import { servicesOf } from '../registerService.ts'
import { measureAtRest } from './measureAtRest.ts'
import { type Capacity, measureCapacity } from './measureCapacity.ts'

export type KeptOffer = {
  /** As declared last; null where nothing is. */
  current(): DeclaredOffer | null
  /** Nobody is to find it any more. */
  withdraw(): Promise<void>
  close(): Promise<void>
}

/** As the contract has it; region is 16 bytes of text. */
export type DeclaredOffer = { model_root: Hex; region: Hex; privacy: number; measured: Measured }
type Measured = { tokensPerSecond: number; concurrentSlots: number; firstTokenMs: number; measuredAt: bigint }

type Parts = { context: ProviderContext; ledger: Ledger; serviceMarket: Hex; region: string | undefined }

const lookMs = 250
/** MARKET §3.4 */
const measureEveryMs = 3_600_000
const declareEveryMs = 24 * 3_600_000
const retryMs = 60_000
const withdrawMsMax = 15_000

const neverMeasured: Measured = { tokensPerSecond: 0, concurrentSlots: 0, firstTokenMs: 0, measuredAt: 0n }

export function keepOffer(parts: Parts): KeptOffer {
  const { env, running, doors, limits } = parts.context
  const { clock } = env
  const stop = new AbortController()
  const rest = { clock, stop: stop.signal, isBusy: () => running.count() > 0 }
  let offer: DeclaredOffer | null = null

  async function run(): Promise<void> {
    const wanted = await untilDone(async () => {
      const terms = termsOf(parts)
      const found = await readOffer(parts, terms)
      // It may have stood there since before a long pause.
      if (found && (await renew(parts))) offer = found
      else offer = await declare(parts, { ...terms, measured: neverMeasured })
      return terms
    })
    await Promise.all([keepMeasured(wanted), keepRenewed()])
  }

  async function keepMeasured(wanted: Terms | undefined): Promise<void> {
    while (wanted && !stop.signal.aborted) {
      await untilDue(offer?.measured.measuredAt ?? 0n)
      if (stop.signal.aborted) return
      await untilDone(async () => {
        const capacity = await measureAtRest(rest, (signal) =>
          measureCapacity(parts.context.engine, { clock, slots: parts.context.runningMax, signal }),
        )
        if (!capacity || stop.signal.aborted || doors.state !== 'open') return true
        // A block's time may lie behind our clock, and a measurement is made in the past.
        const { timestampSeconds: measuredAt } = await parts.ledger.block('latest')
        const measured = { ...capacity, measuredAt }
        if (isNews(offer?.measured ?? neverMeasured, measured)) offer = await declare(parts, { ...wanted, measured })
        return true
      })
      await clock.sleep(retryMs, stop.signal).catch(() => undefined)
    }
  }

  /** Busy or not: whoever renews no more is found no more. */
  async function keepRenewed(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(limits.renewOfferMs, stop.signal).catch(() => undefined)
      if (stop.signal.aborted || doors.state !== 'open') continue
      await untilDone(async () => {
        const standing = offer
        if (standing && !(await renew(parts))) offer = await declare(parts, standing)
        return true
      })
    }
  }

  /** What fails is tried again later: a provider sells without an offer too. */
  async function untilDone<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    while (!stop.signal.aborted) {
      try {
        return await work()
      } catch (fault) {
        env.log.warn('offer not declared', { reason: fault instanceof Error ? fault.message : String(fault) })
        await clock.sleep(retryMs, stop.signal).catch(() => undefined)
      }
    }
    return undefined
  }

  /** An hour after the last measurement, and idle. */
  async function untilDue(measuredAt: bigint): Promise<void> {
    let idleSinceMs = clock.monotonicMs()
    const dueAtMs = Number(measuredAt) * 1000 + measureEveryMs
    while (!stop.signal.aborted) {
      if (running.count() > 0 || doors.state !== 'open') idleSinceMs = clock.monotonicMs()
      if (clock.nowMs() >= dueAtMs && clock.monotonicMs() - idleSinceMs >= limits.measureIdleMs) return
      await clock.sleep(lookMs, stop.signal).catch(() => undefined)
    }
  }

  const kept = run().catch((fault) => env.log.error('offer not kept', { reason: String(fault) }))
  return {
    current: () => offer,
    async withdraw() {
      stop.abort()
      const late = new AbortController()
      const withdrawn = kept
        .then(() => withdrawOffer(parts))
        .catch((fault) => env.log.warn('offer not withdrawn', { reason: String(fault) }))
      await Promise.race([withdrawn, clock.sleep(withdrawMsMax, late.signal).catch(() => undefined)])
      late.abort()
      offer = null
    },
    async close() {
      stop.abort()
      await kept
    },
  }
}

type Terms = Omit<DeclaredOffer, 'measured'>

function termsOf({ context, region }: Parts): Terms {
  const { engine } = context
  const bytes = textToBytes(region ?? '')
  // A longer name is in the registry entry alone.
  const padded = new Uint8Array(16)
  if (bytes.length <= padded.length) padded.set(bytes)
  // Every provider of chats takes sealed ones (COMPUTE §11.6).
  const privacy = servicesOf(engine).includes('chat') ? 1 : 0
  return { model_root: engine.model.modelRoot, region: bytesToHex(padded), privacy }
}

/** What stands on the chain, if it says what we would say. */
async function readOffer({ context, ledger, serviceMarket }: Parts, terms: Terms): Promise<DeclaredOffer | null> {
  try {
    const at = { address: serviceMarket, abi: abis.serviceMarket } as const
    const found = await ledger.read({ ...at, functionName: 'getOffer', args: [context.address] })
    const model = bytesToHex(keccak256(textToBytes(context.engine.model.name)))
    const isSame =
      found.model === model &&
      found.modelRoot === terms.model_root &&
      found.region === terms.region &&
      found.privacy === terms.privacy
    return isSame ? { ...terms, measured: found.own } : null
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'NoOffer') return null
    throw fault
  }
}

async function declare({ context, ledger, serviceMarket }: Parts, offer: DeclaredOffer): Promise<DeclaredOffer> {
  const { model_root, region, privacy, measured } = offer
  await ledger.submit({
    address: serviceMarket,
    abi: abis.serviceMarket,
    functionName: 'declareOffer',
    args: [model_root, region, privacy, measured],
  })
  const { tokensPerSecond, concurrentSlots, firstTokenMs } = measured
  context.env.log.info('offer declared', { tokensPerSecond, concurrentSlots, firstTokenMs })
  return offer
}

/** False when somebody has cleared the offer away, as anybody may when it has expired. */
async function renew({ context, ledger, serviceMarket }: Parts): Promise<boolean> {
  try {
    await ledger.submit({ address: serviceMarket, abi: abis.serviceMarket, functionName: 'renewOffer', args: [] })
    context.env.log.debug('offer renewed')
    return true
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'NoOffer') return false
    throw fault
  }
}

async function withdrawOffer({ context, ledger, serviceMarket }: Parts): Promise<void> {
  await ledger.submit({ address: serviceMarket, abi: abis.serviceMarket, functionName: 'withdrawOffer', args: [] })
  context.env.log.info('offer withdrawn')
}

/** MARKET §3.4: more than a quarter off, another number of slots, or a day old. */
export function isNews(old: Measured, now: Capacity & { measuredAt: bigint }): boolean {
  const isOff = (before: number, after: number) => Math.abs(after - before) * 4 > before
  return (
    old.measuredAt === 0n ||
    old.concurrentSlots !== now.concurrentSlots ||
    isOff(old.tokensPerSecond, now.tokensPerSecond) ||
    isOff(old.firstTokenMs, now.firstTokenMs) ||
    Number(now.measuredAt - old.measuredAt) * 1000 >= declareEveryMs
  )
}
