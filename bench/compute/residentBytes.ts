/** Memory that a process has resident now. Linux only. */
import { readFileSync } from 'node:fs'

export function residentBytesOf(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return line ? Number(line[1]) * 1024 : 0
}
