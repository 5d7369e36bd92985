/**
 * Runs third-party clients, unmodified, against a devnet from an empty folder: `npm run test:peers [-- name …]`.
 * A peer is a folder with a package file and a lock of its own; each `*.peer.mjs` or `*.peer.ts` in it is one process
 * that finds the devnet through WEIGHTLESS_DEVNET, exits 0 when the client worked and says on stdout what it saw.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkIntegrity } from './checkIntegrity.ts'

const root = join(import.meta.dirname, '..')
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(import.meta.dirname, entry.name, 'package.json')))
  .map((entry) => entry.name)
  .filter((name) => wanted.length === 0 || wanted.includes(name))

const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-peers-'))
const results: { name: string; ok: boolean; tookMs: number }[] = []
try {
  // Side by side: much of a peer's time is waiting for packages and for blocks.
  const lanes = await Promise.allSettled([
    runFolders(folders.filter((folder) => !needsDevnet(folder))),
    runBesideDevnet(folders.filter(needsDevnet)),
  ])
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason
} finally {
  rmSync(dataFolder, { recursive: true, force: true })
}
const failed = results.filter(({ ok }) => !ok)
for (const { name } of failed) console.log(`peers: FAILED ${name}`)
console.log(`peers: ${results.length - failed.length} passed, ${failed.length} failed`)
process.exit(failed.length > 0 || results.length === 0 ? 1 : 0)

async function runBesideDevnet(list: readonly string[]): Promise<void> {
  if (list.length === 0) return
  const devnet = await startDevnet()
  try {
    await runFolders(list)
  } finally {
    if (devnet.kill('SIGTERM')) await once(devnet, 'close')
  }
}

async function runFolders(list: readonly string[]): Promise<void> {
  for (const folder of list) {
    await install(folder)
    for (const script of listScripts(folder)) results.push(await runPeer(folder, script))
  }
}

async function install(folder: string): Promise<void> {
  const path = join(import.meta.dirname, folder)
  const child = spawn('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: path,
    stdio: 'inherit',
  })
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`peers: npm ci failed in ${folder}`)
  for (const line of await checkIntegrity(path)) console.log(`peers: ${folder}: ${line}`)
}

/** Unless its package file says `"weightless": { "devnet": false }`. */
function needsDevnet(folder: string): boolean {
  const { weightless } = JSON.parse(readFileSync(join(import.meta.dirname, folder, 'package.json'), 'utf8'))
  return weightless?.devnet !== false
}

function listScripts(folder: string): string[] {
  return readdirSync(join(import.meta.dirname, folder))
    .filter((name) => /\.peer\.(mjs|ts)$/.test(name))
    .sort()
}

/** The devnet in a process tree of its own, on ports that nobody uses; ready when its model is open. */
function startDevnet(): Promise<ChildProcess> {
  const flags = [
    '--json',
    '--data-dir',
    dataFolder,
    'devnet',
    '--port-base',
    '20000',
    '--no-first-light',
    '--no-audits',
    '--embeddings',
  ]
  const child = spawn(process.execPath, [join(root, 'packages/cli/bin/weightless.mjs'), ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('peers: the devnet did not open its model in 180 s')), 180_000)
    let text = ''
    child.once('close', (code) => reject(new Error(`peers: the devnet ended with ${code}`)))
    child.stdout!.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-100_000)
      if (!text.includes('"type":"model-open"')) return
      clearTimeout(timer)
      resolve(child)
    })
  })
}

function runPeer(folder: string, script: string): Promise<{ name: string; ok: boolean; tookMs: number }> {
  const name = `${folder}/${script.replace(/\.peer\.(mjs|ts)$/, '')}`
  const startedMs = performance.now()
  const devnetFile = join(dataFolder, 'devnet.json')
  const child = spawn(process.execPath, [script], {
    cwd: join(import.meta.dirname, folder),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, WEIGHTLESS_DEVNET: devnetFile, WEIGHTLESS_ROOT: root },
    timeout: 600_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const tookMs = Math.round(performance.now() - startedMs)
      console.log(`${code === 0 ? '✔' : '✖'} ${name} (${(tookMs / 1000).toFixed(1)} s)`)
      const shown = code === 0 ? output.trimEnd().split('\n').slice(-6) : output.trimEnd().split('\n').slice(-60)
      for (const line of shown) if (line) console.log(`    ${line}`)
      resolve({ name, ok: code === 0, tookMs })
    })
  })
}
