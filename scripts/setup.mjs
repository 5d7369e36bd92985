/**
 * Makes a clone ready and hands back: installs packages when the lock file says so, finds a Node that runs TypeScript, and
 * with `--console` builds the console when its sources are newer. Plain JavaScript, because Node 20 may run it.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const stamp = join(modules, '.weightless-installed')
const isWindows = process.platform === 'win32'

const unlock = lock()
try {
  install()
  const node = findNode()
  if (process.argv.includes('--console')) buildConsole(node)
} finally {
  unlock()
}

/** Installs exactly what the lock file names, unless that is what is there. */
function install() {
  const lockFile = join(root, 'package-lock.json')
  const wanted = existsSync(lockFile) ? createHash('sha256').update(readFileSync(lockFile)).digest('hex') : ''
  const installed = join(modules, '.package-lock.json')
  if (existsSync(installed)) {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
    // Somebody ran npm by hand: what it wrote after the lock file is up to date.
    if (wanted === '' || statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs) {
      writeFileSync(stamp, wanted)
      return
    }
  }
  console.error('Installing packages …')
  const { status } = spawnSync('npm', [wanted ? 'ci' : 'install', '--ignore-scripts', '--no-fund', '--no-audit'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: isWindows,
  })
  if (status !== 0) stop('npm could not install the packages; its message is above.', status ?? 1)
  writeFileSync(stamp, wanted)
}

/** The Node that the repository brings, else the one that runs this, if it can run TypeScript. */
function findNode() {
  const packaged = readdirSync(modules)
    .filter((name) => /^node-(bin-)?(linux|darwin|win)/.test(name))
    .flatMap((name) => [join(modules, name, 'bin', 'node'), join(modules, name, 'bin', 'node.exe')])
    .find((path) => existsSync(path) && spawnSync(path, ['--version']).status === 0)
  if (packaged) return packaged
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  stop(
    `No packaged Node fits ${process.platform}-${process.arch}, and Node ${process.versions.node} cannot run TypeScript.\n` +
      'Install Node 22.18 or newer from https://nodejs.org and run this again.',
    1,
  )
  return process.execPath
}

/** Builds `apps/console/dist` when it is missing or older than what goes into it. */
function buildConsole(node) {
  const console_ = join(root, 'apps', 'console')
  const vite = join(modules, 'vite', 'bin', 'vite.js')
  if (!existsSync(join(console_, 'index.html')) || !existsSync(vite)) return
  const built = join(console_, 'dist', 'index.html')
  const builtMs = existsSync(built) ? statSync(built).mtimeMs : 0
  const sources = [console_, ...packagesBehind(console_).map((folder) => join(folder, 'src'))]
  if (builtMs > Math.max(...sources.map(newestMs))) return
  console.error('Building the console …')
  const { status } = spawnSync(node, [vite, 'build', '--logLevel', 'warn'], { cwd: console_, stdio: ['ignore', 2, 2] })
  if (status !== 0) stop('The console could not be built; the message is above.', status ?? 1)
}

/** Folders of our own packages that a package depends on, at any depth. */
function packagesBehind(folder, seen = new Set()) {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    const target = join(root, 'packages', name.replace('@weightless/', ''))
    if (!name.startsWith('@weightless/') || seen.has(target) || !existsSync(target)) continue
    seen.add(target)
    packagesBehind(target, seen)
  }
  return [...seen]
}

function newestMs(place) {
  if (!existsSync(place)) return 0
  if (!statSync(place).isDirectory()) return statSync(place).mtimeMs
  const names = readdirSync(place).filter((name) => !/^(dist|node_modules|test|test-results)$|\.test\.tsx?$/.test(name))
  return Math.max(0, ...names.map((name) => newestMs(join(place, name))))
}

/** Lets one run at a time work on this clone; the next waits. Returns what ends it. */
function lock() {
  const held = join(tmpdir(), `weightless-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`)
  const owner = join(held, 'pid')
  let told = false
  for (;;) {
    try {
      mkdirSync(held)
      writeFileSync(owner, String(process.pid))
      return () => rmSync(held, { recursive: true, force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isAbandoned(held, owner)) rmSync(held, { recursive: true, force: true })
    else if (!told) console.error('Waiting for another setup of this clone …')
    told = true
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function isAbandoned(held, owner) {
  try {
    process.kill(Number(readFileSync(owner, 'utf8')), 0)
    return false
  } catch (error) {
    if (error.code === 'EPERM') return false
    // Between its two steps a new owner has no pid yet.
    return error.code === 'ESRCH' || !existsSync(held) || Date.now() - statSync(held).mtimeMs > 10_000
  }
}

function stop(message, status) {
  unlock()
  console.error(message)
  process.exit(status)
}
