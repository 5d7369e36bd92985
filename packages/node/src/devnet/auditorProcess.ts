/** Main of the process that audits: `node auditorProcess.ts SETTINGS`; ends when its input does, or at SIGTERM. */
import { join, resolve } from 'node:path'
import type { Hex } from '@weightless/codec'
import { createNodeEnv } from '@weightless/env/node'
import { readNetworkConfig } from '@weightless/sdk'
import { createModelShelf, type ModelShelf } from '../auditor/openModels.ts'
import { runAuditor } from '../auditor/runAuditor.ts'
import { untilStopped } from '../untilStopped.ts'
import { createClosers } from './closeInOrder.ts'
import { devnetKey } from './devnetKeys.ts'

export type AuditorProcessSettings = {
  dataFolder: string
  /** As in `devnet.json`. */
  network: object
  /** Indices of accounts. */
  accounts: readonly number[]
  /** Weights on this machine by root. */
  weights: { readonly [root: Hex]: string }
}

const stopped = untilStopped()
const { dataFolder, network, accounts, weights } = JSON.parse(process.argv[2] ?? '') as AuditorProcessSettings
const config = readNetworkConfig(network)
if (!config.ok) throw new Error(config.detail)
const closers = createClosers()
try {
  const env = createNodeEnv({ dataFolder: resolve(dataFolder), log: 'silent', workersMax: 1 })
  closers.add(() => env.close())
  // One shelf for all: they make the answers of the same models again.
  let shelf: ModelShelf | undefined
  const startOne = async (account: number, index: number) => {
    const key = devnetKey(account)
    const name = `auditor-${key.address.toLowerCase()}`
    const auditor = await runAuditor({
      env,
      config: config.value,
      folder: join(resolve(dataFolder), name),
      disk: env.disk.folder(name),
      account: key.account,
      models: (client) => {
        shelf ??= createModelShelf(weights, (root) => client.files.download(root, { isRaw: true }))
        return shelf
      },
      // Every round until the plant must have been found, then one of ten.
      ...{ firstRounds: 6, everyRounds: 10, settleDelaySeconds: 5 * index },
      pace: { requestsMin: 1, requestsMax: 4, meanGapMs: 2_000 },
    })
    closers.add(() => auditor.close())
  }
  const started = Promise.all(accounts.map(startOne))
  // Licences and bonds come over the chain, in their own time.
  process.stdout.write(`${JSON.stringify({ type: 'open' })}\n`)
  await Promise.race([stopped, started.then(() => stopped)])
} finally {
  await closers.close()
}
