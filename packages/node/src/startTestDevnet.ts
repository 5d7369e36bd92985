/** A devnet for another project's own tests: empty folder, free ports, a tiny model, gone after `close`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DevnetOptions } from './devnetOptions.ts'
import { claimPortBase } from './portClaim.ts'
import { type Devnet, startDevnet } from './startDevnet.ts'

/**
 * ```ts
 * const devnet = await startTestDevnet()
 * after(() => devnet.close())
 * const { rpcUrl } = devnet.file.chain
 * ```
 * Resolves when the model is open too (`weights: 'none'` leaves it out). Options are those of `startDevnet`; what a test
 * seldom needs and that takes time is off: first light, the console, peers, mining, a second provider.
 * @throws what `startDevnet` throws, and {PortsExhaustedError} as many test devnets run already as there is room for
 */
export async function startTestDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const claim = options.portBase === undefined ? await claimPortBase() : undefined
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'weightless-test-'))
  const clear = async () => {
    if (!options.dataFolder) rmSync(dataFolder, { recursive: true, force: true })
    await claim?.release()
  }
  try {
    const devnet = await startDevnet({
      weights: 'tiny',
      firstLight: false,
      console: false,
      peers: false,
      mining: false,
      providers: 1,
      ...options,
      dataFolder,
      ...(claim && { portBase: claim.portBase }),
    })
    await devnet.modelsSettled
    return { ...devnet, close: () => devnet.close().finally(clear) }
  } catch (error) {
    await clear()
    throw error
  }
}
