/** A devnet for another project's own tests: empty folder, free ports, a tiny model, gone after `close`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DevnetOptions } from './devnetOptions.ts'
import { type Devnet, startDevnet } from './startDevnet.ts'

/**
 * ```ts
 * const devnet = await startTestDevnet()
 * after(() => devnet.close())
 * const { rpcUrl } = devnet.file.chain
 * ```
 * Resolves when the model is open too (`weights: 'none'` leaves it out). Options are those of `startDevnet`; what a test
 * seldom needs and that takes time is off: first light, the console, peers, mining, a second provider.
 */
export async function startTestDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'weightless-test-'))
  // Far from the defaults, so that a devnet on the same machine and other tests are left alone.
  const portBase = options.portBase ?? 20_000 + (process.pid % 200) * 100
  const devnet = await startDevnet({
    weights: 'tiny',
    firstLight: false,
    console: false,
    peers: false,
    mining: false,
    providers: 1,
    ...options,
    dataFolder,
    portBase,
  })
  await devnet.modelsSettled
  return {
    ...devnet,
    async close() {
      await devnet.close()
      if (!options.dataFolder) rmSync(dataFolder, { recursive: true, force: true })
    },
  }
}
