/** Builds the rivals in Rust and Go once, into their own folders; a missing compiler leaves its rival out. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export type Rivals = { rust: string | undefined; go: string | undefined }

const here = import.meta.dirname

export function buildRivals(): Rivals {
  const rust = join(here, 'rust', 'target', 'release', 'coding-rivals')
  const go = join(here, 'go', 'target', 'rivals')
  run('cargo', ['build', '--release', '--locked', '--quiet'], 'rust')
  run('go', ['build', '-o', 'target/rivals', '.'], 'go')
  return { rust: existsSync(rust) ? rust : undefined, go: existsSync(go) ? go : undefined }
}

/** One run of a rival: a line of JSON. */
export function askRival(
  program: string,
  parameters: readonly (string | number)[],
): { [name: string]: number | string } {
  const { stdout, status, stderr } = spawnSync(program, parameters.map(String), { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
  return JSON.parse(stdout) as { [name: string]: number | string }
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** The bytes that all contenders work on: a linear congruence's upper byte. */
export function fillWithNoise(bytes: Uint8Array): void {
  let state = 1
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function run(program: string, parameters: string[], folder: string): void {
  const { status, error } = spawnSync(program, parameters, { cwd: join(here, folder), stdio: 'inherit' })
  if (error || status !== 0) console.log(`(no rival in ${folder}: ${error?.message ?? `${program} failed`})`)
}
