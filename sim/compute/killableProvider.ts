/** A provider in a process of its own that a test kills, with SIGKILL, and starts again on the same folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ProviderLimits } from '@weightless/compute'

export function createKillableProvider(rpcUrl: string, dataFolder: string, limits: Partial<ProviderLimits> = {}) {
  let child: ChildProcess | undefined
  return {
    async start(port: number): Promise<{ url: string }> {
      const program = fileURLToPath(new URL('./providerProcess.ts', import.meta.url))
      const settings = JSON.stringify({ rpcUrl, dataFolder, port, limits })
      child = spawn(process.execPath, [program, settings], { stdio: ['ignore', 'pipe', 'inherit'] })
      const [line] = (await once(child.stdout!, 'data')) as [Buffer]
      return { url: line.toString().trim() }
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
