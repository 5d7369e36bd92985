/**
 * MinIO with 15 drives and five parity shards, and kubo with one uncoded copy: built from their Go modules into a cache
 * outside the repository, run on this machine, driven by clients of their own kind.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { cpuSecondsOf, kill, peakBytesOf } from './processes.ts'

const cache = join(homedir(), '.cache', 'weightless-bench')
const bin = join(cache, 'bin')
const minioVersion = 'v0.0.0-20260212201848-7aac2a2c5b7c'
const kuboVersion = 'v0.35.0'
/** kubo v0.35.0 does not compile with later ones. */
const kuboToolchain = 'go1.24.5'

/** `cpuSeconds`: one write and all reads (two of MinIO), server and, of MinIO, client. */
export type RivalResult = { writeSeconds: number; readSeconds: number; cpuSeconds: number; peakBytes: number }

/** Builds what is missing; minutes the first time. @throws when there is no Go or no module proxy */
export function buildRivals(): void {
  mkdirSync(bin, { recursive: true })
  if (!existsSync(join(bin, 'minio'))) buildModule('github.com/minio/minio', minioVersion, '.', 'minio')
  if (!existsSync(join(bin, 'ipfs')))
    buildModule('github.com/ipfs/kubo', kuboVersion, './cmd/ipfs', 'ipfs', kuboToolchain)
  if (!existsSync(join(bin, 's3client'))) {
    go(['build', '-o', join(bin, 's3client'), '.'], join(import.meta.dirname, 's3client'))
  }
}

/** A module under its own go.mod, so that it is built from exactly what its makers pinned. */
function buildModule(module: string, version: string, target: string, name: string, toolchain?: string): void {
  const found = JSON.parse(go(['mod', 'download', '-json', `${module}@${version}`], cache)) as { Dir: string }
  const folder = join(cache, `${name}-source`)
  rmSync(folder, { recursive: true, force: true })
  cpSync(found.Dir, folder, { recursive: true })
  execFileSync('chmod', ['-R', 'u+w', folder])
  go(['build', '-o', join(bin, name), target], folder, toolchain)
}

function go(words: readonly string[], cwd: string, toolchain?: string): string {
  const env = { ...process.env, ...(toolchain && { GOTOOLCHAIN: toolchain }) }
  return execFileSync('go', words, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

export async function measureMinio(folder: string, path: string): Promise<RivalResult> {
  const drives = mkdtempSync(join(folder, 'minio-'))
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const server = spawn(
    join(bin, 'minio'),
    ['server', '--quiet', '--address', `127.0.0.1:${port}`, `${drives}/d{1...15}`],
    {
      // Drives are folders of one disk here, which it takes only so.
      env: { ...process.env, MINIO_STORAGE_CLASS_STANDARD: 'EC:5', MINIO_CI_CD: '1' },
      stdio: 'ignore',
    },
  )
  try {
    await untilUp(server, () => fetch(`http://127.0.0.1:${port}/minio/health/cluster`).then(({ ok }) => ok))
    const before = cpuSecondsOf(server.pid!)
    const client = spawnSync(join(bin, 's3client'), [`127.0.0.1:${port}`, path], { encoding: 'utf8' })
    if (client.status !== 0) throw new Error(`s3client: ${client.stderr}`)
    const { write, read, cpu } = JSON.parse(client.stdout) as { write: number; read: number; cpu: number }
    const cpuSeconds = cpuSecondsOf(server.pid!) - before + cpu
    return { writeSeconds: write, readSeconds: read, cpuSeconds, peakBytes: peakBytesOf(server.pid!) }
  } finally {
    await kill(server)
    rmSync(drives, { recursive: true, force: true })
  }
}

export async function measureKubo(folder: string, path: string): Promise<RivalResult> {
  const repo = mkdtempSync(join(folder, 'kubo-'))
  const env = { ...process.env, IPFS_PATH: repo }
  const ipfs = (...words: string[]): string => execFileSync(join(bin, 'ipfs'), words, { env, encoding: 'utf8' }).trim()
  ipfs('init', '--profile', 'test')
  const daemon = spawn(join(bin, 'ipfs'), ['daemon', '--offline'], { env, stdio: 'ignore' })
  try {
    await untilUp(daemon, async () => existsSync(join(repo, 'api')))
    const before = cpuSecondsOf(daemon.pid!)
    const startMs = performance.now()
    const root = ipfs('add', '--quieter', '--progress=false', '--pin=false', path)
    const writeSeconds = (performance.now() - startMs) / 1000
    const readMs = performance.now()
    execFileSync(join(bin, 'ipfs'), ['cat', '--progress=false', root], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    const readSeconds = (performance.now() - readMs) / 1000
    const cpuSeconds = cpuSecondsOf(daemon.pid!) - before
    return { writeSeconds, readSeconds, cpuSeconds, peakBytes: peakBytesOf(daemon.pid!) }
  } finally {
    await kill(daemon)
    rmSync(repo, { recursive: true, force: true })
  }
}

async function untilUp(child: ChildProcess, isUp: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) throw new Error('a rival ended before it was open')
    if (await isUp().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('a rival did not open')
}
