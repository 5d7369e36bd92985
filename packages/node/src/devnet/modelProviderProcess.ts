/** Main of a provider's process: `node modelProviderProcess.ts DATA_FOLDER SETTINGS`; ends when its input does, or at SIGTERM. */
import { join, resolve } from 'node:path'
import { createNodeEnv } from '@weightless/env/node'
import { loadOperatorToken } from '../apiKey.ts'
import { takeDataFolder } from '../dataFolder.ts'
import { untilStopped } from '../untilStopped.ts'
import { createClosers } from './closeInOrder.ts'
import { devnetKey } from './devnetKeys.ts'
import { type ModelProviderSettings, openModelProvider } from './startModelProvider.ts'

const stopped = untilStopped()
const [dataFolder = '', json = ''] = process.argv.slice(2)
const settings = JSON.parse(json) as ModelProviderSettings
const closers = createClosers()
try {
  const name = `provider-${devnetKey(settings.account).address.toLowerCase()}`
  const lock = takeDataFolder(join(resolve(dataFolder), 'processes', name))
  closers.add(lock.release)
  // Its files lie where they would be without a process.
  const env = createNodeEnv({ dataFolder: resolve(dataFolder), log: 'silent' })
  closers.add(() => env.close())
  const { close, ...opened } = await openModelProvider(env, settings, loadOperatorToken(resolve(dataFolder)))
  closers.add(close)
  process.stdout.write(`${JSON.stringify({ type: 'open', ...opened })}\n`)
  await stopped
} finally {
  await closers.close()
}
