/** The real world: the machine's clock, randomness, network, a folder of its disk, worker threads, standard error. */
import { resolve } from 'node:path'
import type { Env, Log } from '../env.ts'
import './installAesCtr.ts'
import './installCrc32.ts'
import './installEd25519.ts'
import './installNistEcdsa.ts'
import './installHasher.ts'
import './installSecp256k1.ts'
import './tuneMemory.ts'
import { webClock } from '../browser/webClock.ts'
import { createNodeNetwork } from './createNodeNetwork.ts'
import { createNodeRandom } from './createNodeRandom.ts'
import { createNodeTasks } from './createNodeTasks.ts'
import { createNodeDisk } from './nodeDisk.ts'
import { createNodeLog, type LogForm, type LogLevel } from './nodeLog.ts'
import { createNodeMetrics } from './nodeMetrics.ts'

export type NodeEnvOptions = {
  /** The root of `env.disk`; it comes into being with its first file. */
  dataFolder: string
  /** A form of log on standard error, or a log of the caller's own. `text` by default. */
  log?: LogForm | Log
  logLevel?: LogLevel
  /** Worker threads at most; as many as the machine has cores by default. */
  workersMax?: number
}

/** `close` ends every server, connection and worker made through it, then closes the files still open. */
export type NodeEnv = Env & { close(): Promise<void> }

export function createNodeEnv({ dataFolder, log: form = 'text', logLevel, workersMax }: NodeEnvOptions): NodeEnv {
  const log = typeof form === 'string' ? createNodeLog(form, logLevel) : form
  const network = createNodeNetwork(log.child('network'))
  const tasks = createNodeTasks(workersMax)
  const disk = createNodeDisk(resolve(dataFolder))
  return {
    clock: webClock,
    random: createNodeRandom(),
    network,
    disk,
    tasks,
    log,
    metrics: createNodeMetrics(),
    close: async () => {
      await Promise.all([network.close(), tasks.close()])
      await disk.close()
    },
  }
}
