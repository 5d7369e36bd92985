/** Mines beside a storage node that runs already: the node never waits for it, nor stops because of it. */
import type { Hex } from '@weightless/codec'
import { addresses } from '@weightless/contracts/addresses.generated'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { describeMining, type Holder, type Mining, startMining } from '@weightless/storage'
import type { MiningJson } from '@weightless/storage/wire'
import { privateKeyToAccount } from 'viem/accounts'

export type MineOptions = {
  /** Of the account that pays for answers and is paid for them. */
  privateKey: Hex
  /** Share of one thread's time; default 0.05. */
  share?: number
  /** Wei that an answer must pay to be handed in; nothing is tried while what the node keeps pays less. Default: anything. */
  leastPayWei?: bigint
  /** Default: the devnet's. */
  mine?: Hex
  rewardPool?: Hex
}

const retryMs = 10_000
const closeMsMax = 2_000
/** Fetching them costs some 34,000 gas. */
const withdrawAboveWei = 10n ** 15n

export type MinerBeside = {
  status(): MiningJson
  close(): Promise<void>
}

/** Tries to begin until the chain answers and the account can pay for its id. */
export function mineBeside(
  env: Env,
  node: { holder: Holder; shard: { numShard: number; shardId: number }; rpcUrl: string; flowAddress: Hex },
  { privateKey, share = 0.05, leastPayWei, mine = addresses.mine, rewardPool = addresses.rewardPool }: MineOptions,
): MinerBeside {
  const stop = new AbortController()
  const account = privateKeyToAccount(privateKey)
  const ledger = createLedger({ env, rpcUrl: node.rpcUrl, account })
  const rules = { share, withdrawAboveWei, ...(leastPayWei !== undefined && { leastPayWei }) }
  let begun: Mining | undefined
  const begin = async (): Promise<Mining | undefined> => {
    while (!stop.signal.aborted) {
      try {
        const mining = await startMining({ env, ledger, ...node, mine, rewardPool, ...rules })
        begun = mining
        if (!stop.signal.aborted) return mining
        await mining.close()
      } catch (fault) {
        const reason = fault instanceof Error ? fault.message : String(fault)
        env.log.warn('mining cannot begin yet', { account: account.address, reason })
        await env.clock.sleep(retryMs, stop.signal).catch(() => undefined)
      }
    }
    return undefined
  }
  const beginning = begin()
  return {
    status: () => describeMining(account.address, begun?.status()),
    async close() {
      stop.abort()
      // A chain that neither answers nor refuses holds up nobody who wants to stop.
      const mining = await Promise.race([beginning, env.clock.sleep(closeMsMax).then(() => undefined)])
      await mining?.close()
    },
  }
}
