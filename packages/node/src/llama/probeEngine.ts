/** Whether an engine that was just installed runs on this machine, tried in a process of its own: native code may crash. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { EngineGpu } from './planEngine.ts'

/** What llama.cpp found: the GPU that it uses, if any, and the cores that it would take. */
export type EngineProbe = { gpu: string | false; cores: number }

const probeMsMax = 120_000

/** @throws {Error} with what it said */
export function probeEngine(folder: string, gpu: EngineGpu): Promise<EngineProbe> {
  const words = [join(import.meta.dirname, 'probeProcess.ts'), folder, gpu]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, { timeout: probeMsMax, killSignal: 'SIGKILL' }, (fault, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (!fault && line.startsWith('{')) resolve(JSON.parse(line) as EngineProbe)
      else reject(new Error(stderr.trim().slice(-1_000) || fault?.message || 'it said nothing'))
    })
  })
}
