/** llama.cpp as an operator adds it (`weightless engine add llama`), in a folder that goes with it. */
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { addEngine } from '../../packages/node/src/llama/engineFolder.ts'
import type { Llama, LlamaLibrary } from './evaluateRows.ts'

/** `libraries`: where its shared libraries lie. */
export async function addLlama(): Promise<{ llama: Llama; libraries: string; remove(): Promise<void> }> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-llama-'))
  const remove = () => rmSync(dataFolder, { recursive: true, force: true })
  try {
    const { folder } = await addEngine({ dataFolder, name: 'llama', gpu: 'none' })
    const library: LlamaLibrary = await import(
      pathToFileURL(join(folder, 'node_modules/node-llama-cpp/dist/index.js')).href
    )
    const settings = { gpu: false, build: 'never', skipDownload: true, maxThreads: 1, logLevel: 'error' }
    const llama = await library.getLlama(settings)
    const [libraries] = globSync('node_modules/@node-llama-cpp/*/bins/*', { cwd: folder })
    if (libraries === undefined) throw new Error('node-llama-cpp brings no libraries here')
    return {
      llama,
      libraries: join(folder, libraries),
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
