/** `weightless provider …` as its operator runs it: processes of the command line against the chain of a test's network. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addresses, genesis } from '@weightless/contracts'
import { providerAccount } from '@weightless/node/computeProvider/runProvider'
import { weightsCacheFolder } from '@weightless/node/weights/resolveWeights'
import { type ComputeNet, tokens } from './computeNet.ts'

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))

/** What is loaded is compiled once for all processes. */
const environment = { ...process.env, NODE_COMPILE_CACHE: join(weightsCacheFolder(), 'compiled') }

type Outcome = { code: number; stdout: string; stderr: string }

/** Runs a command to its end. */
export function runCommand(words: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { timeout: 60_000, env: environment }
    execFile(process.execPath, [main, ...words], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

export type ProviderCommand = ReturnType<typeof createProviderCommand>

/** With a network file. */
export function createDataDir(net: ComputeNet, name: string): string {
  const dataDir = join(net.folder, name)
  mkdirSync(dataDir, { recursive: true })
  const network = {
    chain: { rpcUrl: net.rpcUrl, wsUrl: '', chainId: genesis.chainId, accounts: [] },
    contracts: { ...addresses },
    storage: { indexerUrl: 'http://127.0.0.1:9', nodeUrls: [] },
    compute: { gatewayUrl: 'http://127.0.0.1:9', apiKey: '', providers: [] },
  }
  writeFileSync(join(dataDir, 'devnet.json'), JSON.stringify(network))
  return dataDir
}

/** A data directory with a network file and a funded key. `words` follow `provider start`. */
export function createProviderCommand(net: ComputeNet, name: string) {
  const dataDir = createDataDir(net, name)
  const folder = join(dataDir, 'provider')
  const { address } = providerAccount(folder)
  return {
    address,
    dataDir,
    /** Of its operator; there after the first start. */
    token: () => readFileSync(join(folder, 'operator-token'), 'utf8').trim(),
    fund: () => net.ledgerOf(0).submitRaw({ to: address, value: tokens(200) }),
    run: (...words: string[]) => runCommand(['--json', '--data-dir', dataDir, 'provider', ...words]),
    start: (...words: string[]) => startProcess(['--json', '--data-dir', dataDir, 'provider', 'start', ...words]),
  }
}

export type ProviderProcess = {
  child: ChildProcess
  url: string
  /** Of the whole life; code null when a signal ended it. */
  ended: Promise<{ code: number | null; lines: Record<string, unknown>[]; stderr: string }>
  kill(): Promise<void>
}

/** Resolves when it is open. @throws what it said when it ended before */
export async function startProcess(words: readonly string[]): Promise<ProviderProcess> {
  const child = spawn(process.execPath, [main, ...words], { stdio: ['pipe', 'pipe', 'pipe'], env: environment })
  let [stdout, stderr] = ['', '']
  const opened = Promise.withResolvers<Record<string, unknown>>()
  const lines = () =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  child.stdout.on('data', (piece: Buffer) => {
    stdout += piece
    if (!stdout.endsWith('\n')) return
    const open = lines().find(({ type }) => type === 'open')
    if (open) opened.resolve(open)
  })
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, lines: lines(), stderr }))
  void ended.then(({ code }) => opened.reject(new Error(`it ended with ${code}: ${stdout} ${stderr}`)))
  const { url } = await opened.promise
  return {
    child,
    url: String(url),
    ended,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}
