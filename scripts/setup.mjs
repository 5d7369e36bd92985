// Installs what the repository needs and hands back; plain JavaScript, because it may be run by Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const done = join(root, 'node_modules', '.package-lock.json')
const lock = join(root, 'package-lock.json')
const fresh = existsSync(done) && (!existsSync(lock) || statSync(done).mtimeMs >= statSync(lock).mtimeMs)
if (!fresh) {
  const { status } = spawnSync('npm', [existsSync(lock) ? 'ci' : 'install', '--ignore-scripts', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

if (process.argv.includes('--console') && consoleIsStale()) {
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: join(root, 'apps', 'console'),
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}

/** The build is made of the console and of every package's sources; any of them may be newer than it. */
function consoleIsStale() {
  const built = join(root, 'apps', 'console', 'dist', 'index.html')
  if (!existsSync(built)) return true
  const builtMs = statSync(built).mtimeMs
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'src'))
  const sources = ['src', 'public', 'index.html', 'vite.config.ts', 'package.json']
  return [...sources.map((name) => join(root, 'apps', 'console', name)), ...packages].some((path) =>
    isNewer(path, builtMs),
  )
}

function isNewer(path, thanMs) {
  if (!existsSync(path)) return false
  const found = statSync(path)
  if (!found.isDirectory()) return found.mtimeMs > thanMs
  return readdirSync(path).some((name) => isNewer(join(path, name), thanMs))
}
