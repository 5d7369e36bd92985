#!/usr/bin/env node
// Runs the command line under a Node that executes TypeScript: the packaged one, else a system Node ≥ 22.18.
// Plain JavaScript for Node 20, because a global link or npx starts it with the system's.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, '..', 'src', 'main.ts')
const [major, minor] = process.versions.node.split('.').map(Number)
const runsTypeScript = major > 22 || (major === 22 && minor >= 18)
const packaged = join(
  here,
  '..',
  '..',
  '..',
  'node_modules',
  '.bin',
  process.platform === 'win32' ? 'node.cmd' : 'node',
)

if (runsTypeScript) {
  await import(`file://${main}`)
} else if (existsSync(packaged)) {
  const child = spawn(packaged, [main, ...process.argv.slice(2)], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.once('close', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
} else {
  console.error('weightless: no Node with TypeScript support was found. Run `npm install`, or use Node 22.18 or newer.')
  process.exit(1)
}
