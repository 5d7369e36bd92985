/** What mining is expected to earn on a chain as it is now: reads the network's side of the calculation. Spec: mining §8. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { addresses } from '@weightless/contracts/addresses.generated'
import type { Env } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type ExpectedReward, expectReward, type MinerPlan, type NetworkState } from '@weightless/storage/wire'

export type ForecastOptions = {
  env: Env
  rpcUrl: string
  plan: MinerPlan
  /** Default: the devnet's. */
  flow?: Hex
  mine?: Hex
  rewardPool?: Hex
}

const sealsPerLoad = 64n
const sectorBytes = 256
const gasPerAnswer = 330_000
/** Blocks over which their time is averaged. */
const recentBlocks = 100n

/** @throws the ledger's */
export async function forecastMining({
  env,
  rpcUrl,
  plan,
  flow = addresses.flow,
  mine = addresses.mine,
  rewardPool = addresses.rewardPool,
}: ForecastOptions): Promise<{ network: NetworkState; expected: ExpectedReward }> {
  const ledger = createLedger({ env, rpcUrl })
  const network = await readNetwork(ledger, { flow, mine, rewardPool })
  return { network, expected: expectReward(plan, network) }
}

async function readNetwork(ledger: Ledger, at: { flow: Hex; mine: Hex; rewardPool: Hex }): Promise<NetworkState> {
  const flow = { address: at.flow, abi: abis.flow } as const
  const mine = { address: at.mine, abi: abis.poraMine } as const
  const pool = { address: at.rewardPool, abi: abis.rewardPool } as const
  const market = await ledger.read({ ...flow, functionName: 'market' })
  const [pricePerSectorWei, [sectors], blocksPerEpoch, releaseSeconds, baseRewardWei, target, answers, poraTarget] =
    await Promise.all([
      ledger.read({ address: market, abi: abis.market, functionName: 'pricePerSector' }),
      ledger.read({ ...flow, functionName: 'tree' }),
      ledger.read({ ...flow, functionName: 'blocksPerEpoch' }),
      ledger.read({ ...pool, functionName: 'releaseSeconds' }),
      ledger.read({ ...pool, functionName: 'baseReward' }),
      ledger.read({ ...mine, functionName: 'targetSubmissions' }),
      ledger.read({ ...mine, functionName: 'currentSubmissions' }),
      ledger.read({ ...mine, functionName: 'poraTarget' }),
    ])
  const gasPriceWei = BigInt((await ledger.rpc.request('eth_gasPrice')) as Hex)
  const secondsPerEpoch = Number(blocksPerEpoch) * (await secondsPerBlock(ledger))
  // An answer takes 2^256 / target qualities on average: so many were tried for those of the epoch mined last.
  const loadsPerAnswer = Number(2n ** 256n / (poraTarget * sealsPerLoad + 1n))
  return {
    flowBytes: Number(sectors) * sectorBytes,
    paidBytes: Number(sectors) * sectorBytes,
    ...{ pricePerSectorWei, baseRewardWei, gasPerAnswer, gasPriceWei, secondsPerEpoch },
    releaseSeconds: Number(releaseSeconds),
    otherRecallsPerSecond: (Number(answers) * loadsPerAnswer) / secondsPerEpoch,
    answersPerEpoch: Number(target),
  }
}

/** Never 0, as blocks of one second may follow each other. Block 0 does not count: its time is that of the genesis. */
async function secondsPerBlock(ledger: Ledger): Promise<number> {
  const newest = await ledger.block('latest')
  const blocks = newest.number - 1n < recentBlocks ? newest.number - 1n : recentBlocks
  if (blocks < 1n) return 1
  const older = await ledger.block(newest.number - blocks)
  return Math.max(0.01, Number(newest.timestampSeconds - older.timestampSeconds) / Number(blocks))
}
