/**
 * Everything a holder needs to mine: an id on chain, seals on what it keeps, the recall loop, and its earnings fetched. The
 * holder's fragments stay where they are. Spec: mining.
 */
import type { Hex } from '@weightless/codec'
import { segmentSectors } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Holder } from '../holder/openHolder.ts'
import { keepSealing } from './keepSealing.ts'
import { mineHeld } from './mineHeld.ts'
import { openMinerIdentity } from './minerIdentity.ts'
import { createReadPay } from './readPay.ts'
import { type MinerStatus, startMiner } from './startMiner.ts'
import { owedRewards, withdrawRewards } from './withdrawRewards.ts'

export type MiningOptions = {
  env: Pick<Env, 'clock' | 'random' | 'tasks' | 'disk' | 'log' | 'metrics'>
  /** With an account of its own: it pays for answers, and is paid unless `beneficiary` says otherwise. */
  ledger: Ledger
  holder: Pick<Holder, 'flow' | 'fragments'> & Partial<Pick<Holder, 'miner'>>
  /** The holder's part of the flow. A holder of parity alone has nothing to mine. */
  shard: { numShard: number; shardId: number }
  flowAddress: Hex
  mine: Hex
  rewardPool: Hex
  beneficiary?: Hex
  /** On `env.disk`; default `mining`. */
  folder?: string
  /** Worker threads; default 1. */
  workers?: number
  /** Share of their time, above 0 and up to 1; default 1. */
  share?: number
  /** How often the chain is asked; default 1,000. */
  pollMs?: number
  /** Whether epochs that have ended are closed by a transaction of ours; default true. */
  closesEpochs?: boolean
  /** Answers that would pay less are not handed in, and nothing is tried while what is kept here pays less; default: all is mined. */
  leastPayWei?: bigint
  /** Earnings are fetched once so much waits; absent: never by itself. */
  withdrawAboveWei?: bigint
}

export type MiningStatus = MinerStatus & {
  beneficiary: Hex
  sealedFiles: number
  sealedFragments: number
  /** Wei that wait in the reward pool, as of the last answer. */
  owedWei: bigint
  withdrawnWei: bigint
}

export type Mining = {
  status(): MiningStatus
  /** Fetches all that waits. @returns wei */
  withdraw(): Promise<bigint>
  close(): Promise<void>
}

/** The contract's word for a seal whose epoch it does not know: the chain went back behind it. */
const sealUnknown = 'Invalid sealed context digest'

/** @throws {MinerIdMissingError} and the ledger's, where no id can be registered */
export async function startMining(options: MiningOptions): Promise<Mining> {
  const { holder, ledger, mine, rewardPool, flowAddress, leastPayWei, folder = 'mining' } = options
  const log = options.env.log.child('mining')
  const env = { ...options.env, log }
  const stop = new AbortController()
  const beneficiaryOption = options.beneficiary === undefined ? {} : { beneficiary: options.beneficiary }
  const { minerId, beneficiary } = await openMinerIdentity({ env, ledger, mine, folder, ...beneficiaryOption })
  const { segments, prove, map } = mineHeld(holder.flow, holder.fragments, options.shard)
  const chain = { env, ledger, minerId, ...pick(options, 'pollMs') }
  const sealing = keepSealing(
    { ...chain, flowAddress, fragments: holder.fragments, map, ...pick(options, 'closesEpochs') },
    stop.signal,
  )
  const purse = { owedWei: 0n, withdrawnWei: 0n }
  const fetchEarnings = async (leastWei: bigint): Promise<bigint> => {
    const wei = await withdrawRewards(ledger, rewardPool, beneficiary, leastWei)
    purse.withdrawnWei += wei
    purse.owedWei = await owedRewards(ledger, rewardPool, beneficiary)
    return wei
  }
  let fetching: Promise<unknown> = Promise.resolve()
  const miner = startMiner({
    ...{ ...chain, mine, segments, prove },
    ...pick(options, 'workers', 'share'),
    ...(leastPayWei !== undefined && { pay: { read: createReadPay(ledger, rewardPool), leastWei: leastPayWei } }),
    onAnswer(outcome, globalSegment) {
      if (outcome.kind === 'refused' && outcome.reason === sealUnknown) {
        const [from, to] = [globalSegment * segmentSectors, (globalSegment + 1) * segmentSectors]
        for (const { fileKey } of map.between(from, to)) sealing.reconsider(fileKey)
      }
      if (outcome.kind !== 'accepted') return
      const leastWei = options.withdrawAboveWei ?? 2n ** 255n
      // Earnings that cannot be fetched now are fetched with the next answer.
      fetching = fetching.then(() => fetchEarnings(leastWei)).catch(() => undefined)
    },
  })
  const takeBack = holder.miner?.offer(miner)
  return {
    status() {
      const { files, fragments } = sealing.sealed()
      return { ...miner.status(), beneficiary, sealedFiles: files, sealedFragments: fragments, ...purse }
    },
    withdraw: () => fetchEarnings(1n),
    async close() {
      takeBack?.()
      stop.abort()
      await Promise.all([miner.close(), sealing.ended, fetching])
    },
  }
}

/** The given options that are set: absent ones stay absent. */
function pick<Name extends keyof MiningOptions>(options: MiningOptions, ...names: Name[]): Pick<MiningOptions, Name> {
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as Pick<MiningOptions, Name>
}
