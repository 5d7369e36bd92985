/** A fine-tuning provider with the embedded trainer as a process of its own, so that a test can kill it. Says its address on a line. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesToHex } from '@weightless/codec'
import { startFineTuning } from '@weightless/compute'
import { createEmbeddedWorker } from '@weightless/compute/finetune/embeddedWorker'
import { addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { createNodeEnv } from '@weightless/env/node'
import { mnemonicToAccount } from 'viem/accounts'

const [folder, rpcUrl, modelPath] = process.argv.slice(2) as [string, string, string]
const env = createNodeEnv({ dataFolder: folder, log: 'silent' })
const model = new Uint8Array(await readFile(modelPath))
const stored = join(folder, 'stored')
await mkdir(stored, { recursive: true })

const service = await startFineTuning({
  ...{ env, rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0, weiPerToken: 10n ** 9n },
  blobs: {
    get: async (root) => new Uint8Array(await readFile(join(stored, root))),
    put: async (content: unknown) => {
      await writeFile(join(stored, bytesToHex(fileRoot(content as Uint8Array))), content as Uint8Array)
      return {} as never
    },
  },
  account: mnemonicToAccount(genesis.mnemonic, { addressIndex: 1 }),
  models: [{ name: 'bard', root: bytesToHex(fileRoot(model)), description: 'a test' }],
  worker: createEmbeddedWorker({ env, loadWeights: async () => model }),
  quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
  limits: { lookMs: 50, saveMs: 0 },
})
process.stdout.write(`${service.url}\n`)
