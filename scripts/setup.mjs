// Installs what the repository needs and hands back; plain JavaScript, because it may be run by Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
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
