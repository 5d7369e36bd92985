/** Starts a devnet of its own through the command line, as a user does, in a folder that is thrown away. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type RunningNetwork = { url: string; close(): Promise<void> }

const repository = join(import.meta.dirname, '../../..')
/** Below the ports that outgoing connections take: a devnet finds its own free. */
const portBase = '22000'
const startSecondsMax = 60

export async function startNetwork({
  url,
  weights,
}: {
  url: string | undefined
  weights: string
}): Promise<RunningNetwork> {
  if (url) return { url: url.replace(/\/$/, ''), close: async () => {} }
  if (!existsSync(join(repository, 'apps/console/dist/index.html')))
    throw new Error('The console is not built: run `node scripts/setup.mjs --console` first.')
  const folder = mkdtempSync(join(tmpdir(), 'weightless-browser-'))
  const cli = join(repository, 'packages/cli/bin/weightless.mjs')
  const args = [
    cli,
    'devnet',
    '--json',
    '--no-first-light',
    '--weights',
    weights,
    '--port-base',
    portBase,
    '--data-dir',
    folder,
  ]
  const child = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.resume()
  try {
    return { url: await waitForConsole(child, join(folder, 'devnet.json')), close: () => stop(child, folder) }
  } catch (error) {
    await stop(child, folder)
    throw error
  }
}

async function waitForConsole(child: ChildProcess, file: string): Promise<string> {
  for (let attempt = 0; attempt < startSecondsMax * 5; attempt++) {
    if (child.exitCode !== null) throw new Error(`The devnet ended with code ${child.exitCode} before it was ready.`)
    const url = existsSync(file) ? readConsoleUrl(file) : undefined
    if (url && (await answers(`${url}/config.json`))) return url.replace(/\/$/, '')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`The devnet was not ready after ${startSecondsMax} s.`)
}

function readConsoleUrl(file: string): string | undefined {
  const { console: served } = JSON.parse(readFileSync(file, 'utf8')) as { console?: { url: string } }
  return served?.url
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000))])
    if (child.exitCode === null) child.kill('SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true })
}
