/** Engines that were added to a data directory: installed by npm into a folder of their own, listed, removed. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { type EngineGpu, planEngine, thisMachine } from './planEngine.ts'
import { type EngineProbe, probeEngine } from './probeEngine.ts'

/** Engines that can be added. */
export const engineNames = ['llama'] as const
export type EngineName = (typeof engineNames)[number]

export type InstalledEngine = { name: EngineName; version: string; gpu: EngineGpu; packages: string[]; folder: string }

/** `found`: what it says of this machine. */
export type AddedEngine = InstalledEngine & { found: EngineProbe }

export function engineFolder(dataFolder: string, name: EngineName): string {
  return join(resolve(dataFolder), 'engines', name)
}

export type AddOptions = {
  dataFolder: string
  name: EngineName
  gpu: EngineGpu
  /** Told what npm says. */
  onLine?(line: string): void
  /** The command that installs; npm. */
  npm?: string
}

/**
 * Installs what the lock pins, without install scripts, tries it, and puts it in place whole: what was there before stays until then.
 * @throws {EnginePlatformError} {EngineInstallError} {EngineNotRunningError}
 */
export async function addEngine({ dataFolder, name, gpu, onLine, npm = npmCommand }: AddOptions): Promise<AddedEngine> {
  const plan = planEngine(thisMachine(), gpu)
  const folder = engineFolder(dataFolder, name)
  const fresh = `${folder}.${process.pid}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(join(fresh, 'package.json'), plan.packageFile)
    writeFileSync(join(fresh, 'package-lock.json'), plan.lockFile)
    await runNpm(npm, fresh, onLine)
    for (const each of ['node-llama-cpp', ...plan.packages]) {
      const found = versionIn(fresh, each)
      if (found !== plan.version) throw new EngineInstallError({ reason: `${each} is ${found ?? 'missing'} after it` })
    }
    const found = await probeEngine(fresh, gpu).catch((cause: Error) => {
      throw new EngineNotRunningError({ reason: cause.message }, cause)
    })
    const { version, packages } = plan
    writeFileSync(join(fresh, 'engine.json'), `${JSON.stringify({ name, version, gpu, packages }, null, 2)}\n`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
    return { name, version, gpu, packages, folder, found }
  } catch (fault) {
    rmSync(fresh, { recursive: true, force: true })
    throw fault
  }
}

/** Engines of this data directory. One whose files are incomplete is left out. */
export function listEngines(dataFolder: string): InstalledEngine[] {
  return engineNames.flatMap((name) => {
    const folder = engineFolder(dataFolder, name)
    const note = readNote(join(folder, 'engine.json'))
    if (note?.version === undefined || versionIn(folder, 'node-llama-cpp') !== note.version) return []
    return [{ name, version: note.version, gpu: note.gpu ?? 'none', packages: note.packages ?? [], folder }]
  })
}

/** Whether there was something to remove. */
export function removeEngine(dataFolder: string, name: EngineName): boolean {
  const folder = engineFolder(dataFolder, name)
  const found = existsSync(folder)
  rmSync(folder, { recursive: true, force: true })
  return found
}

/** @throws {EngineMissingError} */
export function requireEngine(dataFolder: string, name: EngineName): InstalledEngine {
  const found = listEngines(dataFolder).find((engine) => engine.name === name)
  if (!found) throw new EngineMissingError({ engine: name, dataFolder: resolve(dataFolder) })
  return found
}

type Note = Partial<Pick<InstalledEngine, 'version' | 'gpu' | 'packages'>>

function readNote(path: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Note
  } catch {
    // Not there, or not whole: as if it were not installed.
    return undefined
  }
}

function versionIn(folder: string, name: string): string | undefined {
  return readNote(join(folder, 'node_modules', name, 'package.json'))?.version
}

const npmCommand = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const installWords = ['ci', '--ignore-scripts', '--omit=optional', '--no-fund', '--no-audit', '--loglevel=error']
const installMsMax = 30 * 60_000

function runNpm(npm: string, folder: string, onLine: ((line: string) => void) | undefined): Promise<void> {
  const child = spawn(npm, installWords, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), installMsMax)
  let told = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      told = (told + chunk.toString('utf8')).slice(-4_000)
      for (const line of chunk.toString('utf8').split('\n')) if (line.trim() !== '') onLine?.(line)
    })
  }
  return new Promise((done, fail) => {
    child.once('error', ({ message }) => {
      clearTimeout(timer)
      fail(new EngineInstallError({ reason: message }))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) return done()
      fail(new EngineInstallError({ reason: told.trim() || `npm ended with ${code ?? signal}` }))
    })
  })
}

export class EngineInstallError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('node/engine-install', 'npm could not install the engine; nothing was changed.', facts, {
      hint: 'npm must be on the PATH and reach its registry, and the disk must have room for 100 MB (CUDA: 800 MB).',
    })
  }
}

export class EngineNotRunningError extends WeightlessError {
  constructor(facts: { reason: string }, cause: unknown) {
    super('node/engine-not-running', 'The engine was installed but does not run here; nothing was changed.', facts, {
      cause,
      hint: 'The prebuilt llama.cpp needs glibc and a processor that is not too old; a GPU needs its driver.',
    })
  }
}

export class EngineMissingError extends WeightlessError {
  constructor(facts: { engine: string; dataFolder: string }) {
    super('node/engine-missing', 'This engine is not in the data directory.', facts, {
      hint: 'Add it with `weightless engine add llama`, with the same --data-dir.',
    })
  }
}
