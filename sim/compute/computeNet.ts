/** A whole compute network on loopback for tests: real chain, real contracts, the real (tiny) model, provider and gateway. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Chain, openChain } from '@weightless/chain'
import type { Hex } from '@weightless/codec'
import { type Gateway, openTensorEngine, type Provider, startGateway, startProvider } from '@weightless/compute'
import { abis, addresses, genesis } from '@weightless/contracts'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'

export type ComputeNet = {
  env: NodeEnv
  chain: Chain
  rpcUrl: string
  /** Where everything of the net is kept. */
  folder: string
  accountOf(index: number): HDAccount
  ledgerOf(index: number): Ledger
  /** Pays into the prepaid ledger of an account. */
  deposit(index: number, wei: bigint): Promise<void>
  startProvider(options?: Partial<Parameters<typeof startProvider>[0]> & { accountIndex?: number }): Promise<Provider>
  startGateway(options?: Partial<Parameters<typeof startGateway>[0]>): Promise<Gateway>
  close(): Promise<void>
}

export const contracts = {
  inferenceServing: addresses.inferenceServing,
  receiptSettlement: addresses.receiptSettlement,
  ledgerManager: addresses.ledgerManager,
  priorityStake: addresses.priorityStake,
} satisfies Record<string, Hex>

export const tokens = (count: number): bigint => BigInt(count) * 10n ** 18n

export const tinyModel = new URL('../../vectors/tensor/tiny-random.gguf', import.meta.url)
export const gatewayKey = 'sk-weightless-test'

export async function startComputeNet(): Promise<ComputeNet> {
  const folder = await mkdtemp(join(tmpdir(), 'weightless-compute-'))
  const env = createNodeEnv({ dataFolder: folder, log: process.env.WEIGHTLESS_LOG ? 'text' : 'silent' })
  const chain = await openChain({ env, folder: 'chain', chainId: genesis.chainId, genesis })
  const { url: rpcUrl } = await chain.serve({ port: 0 })
  const { chainId } = genesis
  const accountOf = (index: number) => mnemonicToAccount(genesis.mnemonic, { addressIndex: index })
  const ledgerOf = (index: number) => createLedger({ rpcUrl, env, account: accountOf(index) })
  const running: { close(): Promise<void> }[] = []
  const kept = async <Service extends { close(): Promise<void> }>(starting: Promise<Service>): Promise<Service> => {
    const service = await starting
    running.push(service)
    return service
  }
  const shared = { env, rpcUrl, chainId, contracts, port: 0 }

  return {
    env,
    chain,
    rpcUrl,
    folder,
    accountOf,
    ledgerOf,
    async deposit(index, value) {
      const at = { address: contracts.ledgerManager, abi: abis.ledgerManager } as const
      await ledgerOf(index).submit({ ...at, functionName: 'addLedger', args: [''], value })
    },
    startProvider: ({ accountIndex = 1, ...options } = {}) =>
      kept(
        startProvider({
          ...shared,
          account: accountOf(accountIndex),
          openEngine: async () => {
            const weights = new Uint8Array(await readFile(tinyModel))
            return openTensorEngine({ env, name: 'tiny', weights: weights.slice() })
          },
          inputWeiPerToken: 1_000n,
          outputWeiPerToken: 2_000n,
          limits: { settleAgeMsMax: 100 },
          ...options,
        }),
      ),
    startGateway: (options = {}) =>
      kept(
        startGateway({
          ...shared,
          keys: [{ key: gatewayKey, account: accountOf(2) }],
          autoFundWei: tokens(1),
          ...options,
        }),
      ),
    async close() {
      for (const service of running.reverse()) await service.close()
      await chain.close()
      await env.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
