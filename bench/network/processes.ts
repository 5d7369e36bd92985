/** Processes of a bench: started, asked what they have used, killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export type Started<Said> = { child: ChildProcess; said: Said }

/** Starts a module, named from this folder, and waits for the line of JSON that it prints. `flags` are Node's. */
export async function startModule<Said>(
  module: string,
  words: readonly string[],
  flags: readonly string[] = [],
): Promise<Started<Said>> {
  const child = spawn(process.execPath, [...flags, new URL(module, import.meta.url).pathname, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout! })) return { child, said: JSON.parse(line) as Said }
  throw new Error(`${module} ended before it was open`)
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await gone
}

const ticksPerSecond = 100

/** Seconds of processor that a process has used, 0 once it is gone. Linux only. */
export function cpuSecondsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return 0
  }
}

/** Memory that a process has resident now, in bytes. Linux only. */
export function residentBytesOf(pid: number): number {
  return statusBytes(pid, 'VmRSS')
}

/** The most memory that a process has had resident, in bytes. */
export function peakBytesOf(pid: number): number {
  return statusBytes(pid, 'VmHWM')
}

function statusBytes(pid: number, field: string): number {
  const line = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return line ? Number(line[1]) * 1024 : 0
}
