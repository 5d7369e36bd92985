/**
 * Adds to each `package-lock.json` the platform packages that this machine's registry does not have. npm leaves an optional package
 * that it cannot see out of the lock, and then `npm ci` refuses that lock on every machine. Run it after each `npm install`;
 * with `--check` it only looks. System and processor are read from the name, as all these packages are named by them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type LockEntry = {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  link?: boolean
  optionalDependencies?: Record<string, string>
}
type Lock = { packages: Record<string, LockEntry> }

/** Puts entries into `lock` and returns their names. */
export function completeLock(lock: Lock): string[] {
  const added: string[] = []
  for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const platform = readPlatform(name)
      if (!platform || isThere(lock, parent, name)) continue
      lock.packages[`node_modules/${name}`] = { version, ...platform, ...(dev && { dev }), optional: true }
      added.push(name)
    }
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
  return added
}

function isThere(lock: Lock, parent: string, name: string): boolean {
  return (
    lock.packages[`${parent}/node_modules/${name}`] !== undefined || lock.packages[`node_modules/${name}`] !== undefined
  )
}

/** `@x/cli-linux-arm64-musl` → linux, arm64, musl. Undefined for packages of no platform. */
function readPlatform(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> | undefined {
  const words = name.replace(/^.*\//, '').split('-')
  const at = words.findIndex((word) => systems.includes(word))
  const cpu = words[at + 1]
  if (at < 0 || cpu === undefined) return undefined
  const kind = words[at + 2]
  const libc = words[at] !== 'linux' || kind === undefined ? undefined : kind.startsWith('musl') ? 'musl' : 'glibc'
  const system = words[at] === 'mac' ? 'darwin' : words[at] === 'win' ? 'win32' : words[at]!
  return { os: [system], cpu: [cpu === 'amd64' ? 'x64' : cpu], ...(libc && { libc: [libc] }) }
}

const systems = [
  'linux',
  'darwin',
  'mac',
  'win',
  'win32',
  'android',
  'freebsd',
  'openharmony',
  'netbsd',
  'openbsd',
  'sunos',
  'aix',
]

/** The root's lock and those of the rivals, peers and tools, which are installed on demand. */
function listLocks(root: string): string[] {
  const folders = ['bench', 'peers', 'tools'].flatMap((parent) =>
    readdirSync(join(root, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(parent, entry.name)),
  )
  return ['.', ...folders].map((folder) => join(root, folder, 'package-lock.json')).filter((path) => existsSync(path))
}

if (import.meta.main) {
  const isCheck = process.argv.includes('--check')
  let missing = 0
  for (const path of listLocks(join(import.meta.dirname, '..'))) {
    const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock
    const added = completeLock(lock)
    if (added.length === 0) continue
    missing += added.length
    if (!isCheck) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
    console.log(
      `lock: ${path}: ${added.length} platform packages ${isCheck ? 'are missing; run scripts/completeLock.ts' : 'added'}`,
    )
  }
  if (missing === 0) console.log('lock: complete')
  process.exit(isCheck && missing > 0 ? 1 : 0)
}
