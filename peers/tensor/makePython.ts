/** A virtual environment of Python with what a file of requirements pins. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** @returns the interpreter's path; undefined where pip does not give the packages */
export function makePython(folder: string, pinned = 'requirements.txt'): string | undefined {
  const run = (command: string, words: string[]) => spawnSync(command, words, { encoding: 'utf8', timeout: 300_000 })
  run('python3', ['-m', 'venv', join(folder, 'venv')])
  const python = join(folder, 'venv', 'bin', 'python')
  const requirements = join(import.meta.dirname, pinned)
  const words = ['-m', 'pip', 'install', '-q', '--only-binary', ':all:', '-r', requirements]
  return run(python, words).status === 0 ? python : undefined
}
