/** A Python with given packages, for a peer: one that the environment names, else installed once and kept between runs. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const installMsMax = 1_800_000

/**
 * @param variable - of the environment, which may name a Python that has them
 * @param steps - arguments of `pip install`, one call each
 * @returns undefined, with a line that says why, where there is no Python or pip does not give them
 */
export function preparePython(variable: string, steps: readonly (readonly string[])[]): string | undefined {
  const named = process.env[variable]
  if (named) return named
  const key = createHash('sha256').update(JSON.stringify(steps)).digest('hex').slice(0, 16)
  const folder = join(homedir(), '.cache', 'weightless', 'peers', key)
  const python = join(folder, 'bin', 'python')
  const done = join(folder, 'complete')
  if (existsSync(done)) return python
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const commands = [
    ['python3', '-m', 'venv', folder],
    ...steps.map((words) => [python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...words]),
  ]
  for (const [program, ...words] of commands) {
    const { status, stderr, error } = spawnSync(program!, words, { encoding: 'utf8', timeout: installMsMax })
    if (status === 0) continue
    rmSync(folder, { recursive: true, force: true })
    console.log(
      `not run: ${[program, ...words].join(' ')}: ${String(error ?? stderr)
        .trim()
        .split('\n')
        .at(-1)}`,
    )
    return undefined
  }
  writeFileSync(done, '')
  return python
}
