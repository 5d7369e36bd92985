/** llama.cpp as an operator adds it (`weightless engine add llama`), in a folder that goes with it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { addEngine } from '../../packages/node/src/llama/engineFolder.ts'
import type { Llama, LlamaLibrary } from './evaluateRows.ts'

export async function addLlama(): Promise<{ llama: Llama; remove(): Promise<void> }> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-llama-'))
  const remove = () => rmSync(dataFolder, { recursive: true, force: true })
  try {
    const { folder } = await addEngine({ dataFolder, name: 'llama', gpu: 'none' })
    const library: LlamaLibrary = await import(
      pathToFileURL(join(folder, 'node_modules/node-llama-cpp/dist/index.js')).href
    )
    const settings = { gpu: false, build: 'never', skipDownload: true, maxThreads: 1, logLevel: 'error' }
    const llama = await library.getLlama(settings)
    return {
      llama,
      async remove() {
        await llama.dispose()
        remove()
      },
    }
  } catch (fault) {
    remove()
    throw fault
  }
}
