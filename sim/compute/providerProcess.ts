/** One provider as a process of its own, for tests that kill it: `node providerProcess.ts '{"rpcUrl":…,"dataFolder":…,"port":…}'`. */
import { readFile } from 'node:fs/promises'
import { openTensorEngine, type ProviderLimits, startProvider } from '@weightless/compute'
import { genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { mnemonicToAccount } from 'viem/accounts'
import { contracts, tinyModel } from './computeNet.ts'

const { rpcUrl, dataFolder, port, limits } = JSON.parse(process.argv[2]!) as {
  rpcUrl: string
  dataFolder: string
  port: number
  limits?: Partial<ProviderLimits>
}
const env = createNodeEnv({ dataFolder, log: 'silent' })
const provider = await startProvider({
  env,
  rpcUrl,
  chainId: genesis.chainId,
  contracts,
  account: mnemonicToAccount(genesis.mnemonic, { addressIndex: 1 }),
  port,
  openEngine: async () => {
    const weights = new Uint8Array(await readFile(tinyModel))
    return openTensorEngine({ env, name: 'tiny', weights: weights.slice() })
  },
  inputWeiPerToken: 1_000n,
  outputWeiPerToken: 2_000n,
  limits: { settleAgeMsMax: 100, ...limits },
})
await provider.ready
console.log(provider.url)
