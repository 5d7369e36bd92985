/**
 * Main of the process that runs llama.cpp: `node llamaProcess.ts SETTINGS`. Native code may crash; then this process is gone and
 * the provider is not. Its key comes in the environment, where other users of the machine do not see it. It ends when its input does.
 */
import { createNodeEnv } from '@weightless/env/node'
import { untilStopped } from '../untilStopped.ts'
import { keyVariable, type LlamaOpen, type LlamaSettings } from './llamaSettings.ts'
import { openLlamaModel } from './openLlamaModel.ts'
import { serveModel } from './serveModel.ts'

const stopped = untilStopped()
const { name, ...settings } = JSON.parse(process.argv[2] ?? '') as LlamaSettings
const key = process.env[keyVariable] ?? ''
if (key === '') throw new Error(`${keyVariable} is not set`)
delete process.env[keyVariable]
const env = createNodeEnv({ dataFolder: settings.engineFolder, log: 'silent' })
const model = await openLlamaModel({ ...settings, onWarning: (text) => process.stderr.write(`${text}\n`) })
const server = await serveModel({ env, model, name, key })
const open: LlamaOpen = { type: 'open', url: server.url, contextLength: model.contextLength, gpu: model.gpu }
process.stdout.write(`${JSON.stringify(open)}\n`)
await stopped
await server.close()
// Jobs in native code hold the event loop; nothing of them is worth waiting for.
process.exit(0)
