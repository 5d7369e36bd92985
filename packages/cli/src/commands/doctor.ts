/** `weightless doctor`: looks at what the system needs and says what to do about what is missing. */
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { devnetFilePath, readDevnetFile } from '@weightless/node/devnetFile'
import { findFreePorts, listPorts, planPorts } from '@weightless/node/portPlan'
import { smolLm2 } from '@weightless/node/weights/modelSources'
import { weightsCacheFolder } from '@weightless/node/weights/resolveWeights'
import type { Command } from 'commander'
import { describeStorage } from '../describeStorage.ts'
import { formatBytes, globalOptions, printResult } from '../output.ts'

type Finding = { check: string; ok: boolean; found: string; next?: string }

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check Node, disk, ports, weights and the running devnet')
    .action(async (_options: object, command: Command) => {
      const folder = resolve(globalOptions(command).dataDir)
      const findings = [
        checkNode(),
        checkMemory(),
        checkDisk(folder),
        checkFolder(folder),
        await checkPorts(),
        checkWeights(),
        ...(await checkDevnet(folder)),
      ]
      const lines = findings.map(
        ({ check, ok, found, next }) =>
          `${ok ? '✓' : '✗'} ${check.padEnd(10)} ${found}${next ? `\n             → ${next}` : ''}`,
      )
      printResult(command, { ok: findings.every(({ ok }) => ok), findings }, lines)
      if (!findings.every(({ ok }) => ok)) process.exitCode = 1
    })
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 22 || (major === 22 && minor >= 18)
  return {
    check: 'node',
    ok,
    found: `${process.versions.node} on ${process.platform}-${process.arch}`,
    ...(!ok && { next: 'run `npm install` in the repository' }),
  }
}

function checkMemory(): Finding {
  const ok = totalmem() >= 2e9
  return {
    check: 'machine',
    ok,
    found: `${availableParallelism()} cores, ${formatBytes(totalmem())} of memory`,
    ...(!ok && { next: 'the model needs about 1 GB' }),
  }
}

function checkDisk(folder: string): Finding {
  const { bavail, bsize } = statfsSync(nearestExisting(folder))
  const freeBytes = bavail * bsize
  const ok = freeBytes > 2e9
  return {
    check: 'disk',
    ok,
    found: `${formatBytes(freeBytes)} free`,
    ...(!ok && { next: 'free 2 GB, or choose another --data-dir' }),
  }
}

function checkFolder(folder: string): Finding {
  try {
    accessSync(nearestExisting(folder), constants.W_OK)
    return { check: 'data', ok: true, found: existsSync(folder) ? folder : `${folder} (not there yet)` }
  } catch {
    return { check: 'data', ok: false, found: `${folder} is not writable`, next: 'choose another --data-dir' }
  }
}

async function checkPorts(): Promise<Finding> {
  // As `npm start` plans them: the first providers of five models, and a second one of the first.
  const counts = { nodes: 6, providers: 6, peers: true }
  const { portBase, busyPorts } = await findFreePorts(0, counts)
  if (busyPorts.length === 0)
    return {
      check: 'ports',
      ok: true,
      found: `${listPorts(planPorts(0, counts)).join(', ')} are free`,
    }
  return {
    check: 'ports',
    ok: true,
    found: `${busyPorts.join(', ')} busy; the devnet would take --port-base ${portBase}`,
  }
}

function checkWeights(): Finding {
  const path = join(weightsCacheFolder(), `${smolLm2.sha256}.gguf`)
  mkdirSync(weightsCacheFolder(), { recursive: true })
  return {
    check: 'weights',
    ok: true,
    found: existsSync(path)
      ? `${smolLm2.id} is in the cache`
      : `${smolLm2.id} will be fetched at the first start (${formatBytes(smolLm2.sizeBytes)})`,
  }
}

/** The chain first; where that is away, nothing is said of the nodes. */
async function checkDevnet(folder: string): Promise<Finding[]> {
  const devnet = readDevnetFile(folder)
  if (!devnet)
    return [{ check: 'devnet', ok: true, found: `not started yet; npm start does it (no ${devnetFilePath(folder)})` }]
  try {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
    const answer = await fetch(devnet.chain.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(2000),
    })
    const { result } = (await answer.json()) as { result: string }
    const { ok, found } = await describeStorage(devnet.storage)
    const next = 'start them on the Storage page of the console'
    return [
      { check: 'devnet', ok: true, found: `runs at ${devnet.console.url}, block ${Number(result)}` },
      { check: 'storage', ok, found, ...(!ok && { next }) },
    ]
  } catch {
    return [{ check: 'devnet', ok: true, found: 'not running', next: 'start it with `npm start`' }]
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path))
}
