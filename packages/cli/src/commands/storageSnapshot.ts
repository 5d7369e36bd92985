/** `weightless storage snapshot`: a running storage node copies itself into a folder that a node can be started from. */
import { WeightlessError } from '@weightless/codec'
import { createNodeEnv } from '@weightless/env/node'
import type { Command } from 'commander'
import { formatBytes, globalOptions, printResult } from '../output.ts'
import { createProgressBar } from '../progressBar.ts'

type SnapshotFlags = { node: string; name: string }

export function addSnapshot(storage: Command): void {
  storage
    .command('snapshot')
    .description('copy a running storage node, on its own disk; the key of the node is not in the copy')
    .requiredOption('--node <url>', 'the node')
    .requiredOption('--name <name>', 'of the copy: letters, digits, - and _')
    .action(async ({ node, name }: SnapshotFlags, command: Command) => {
      const { dataDir } = globalOptions(command)
      const { takeSnapshot } = await import('@weightless/node/storageNode/takeSnapshot')
      const env = createNodeEnv({ dataFolder: dataDir, log: 'silent', workersMax: 1 })
      const bar = createProgressBar(`copying ${name}`)
      try {
        const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }) =>
          bar.update(bytes, totalBytes)
        const taken = await takeSnapshot({ env, nodeUrl: node, name, onProgress }).catch((fault: unknown) => {
          throw isNameTaken(fault) ? new SnapshotNameTakenError({ name }, fault) : fault
        })
        bar.finish()
        printResult(command, taken, [
          `copied   ${taken.records} records, ${formatBytes(taken.bytes)}${taken.missing > 0 ? `; ${taken.missing} were damaged or gone` : ''}`,
          `folder   ${taken.folder} below the node’s data directory`,
          `start    weightless storage start --data-dir <data directory>/${taken.folder} --key <data directory>/node.key …`,
        ])
      } finally {
        bar.finish()
        await env.close()
      }
    })
}

/** A node tells it in its words alone. */
function isNameTaken(fault: unknown): boolean {
  return (
    fault instanceof WeightlessError &&
    fault.code === 'blobs/node-refused' &&
    /is there$/.test(`${fault.facts.message}`)
  )
}

class SnapshotNameTakenError extends WeightlessError {
  constructor(facts: { name: string }, cause: unknown) {
    super('cli/snapshot-name-taken', 'The node has a whole snapshot of this name.', facts, {
      cause,
      hint: 'Choose another --name, or remove its folder below snapshots/ in the data directory of the node.',
    })
  }
}
