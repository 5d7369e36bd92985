/** What commands print: results on stdout (text or JSON), progress and remarks on stderr. */
import type { Command } from 'commander'
import { dataDirDefault } from './commandLine.ts'

export type GlobalOptions = { json: boolean; dataDir: string }

/** The options that every command takes, wherever they stand on the line. */
export function globalOptions(command: Command): GlobalOptions {
  const options = command.optsWithGlobals() as { json?: boolean; dataDir?: string }
  return { json: options.json === true, dataDir: options.dataDir ?? dataDirDefault }
}

/** Prints a result once: as JSON for programs, or as the given lines for people. */
export function printResult(command: Command, result: object, lines: readonly string[]): void {
  const text = globalOptions(command).json ? JSON.stringify(result, bigintsAsText) : lines.join('\n')
  process.stdout.write(`${text}\n`)
}

export function remark(text: string): void {
  process.stderr.write(`${text}\n`)
}

function bigintsAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

/** Bytes for people: `98.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Wei as tokens for people, at most nine significant decimals, never rounded to zero. */
export function formatTokens(wei: bigint): string {
  const whole = wei / 10n ** 18n
  const fraction = (wei % 10n ** 18n).toString().padStart(18, '0').replace(/0+$/, '')
  return fraction ? `${whole}.${fraction}` : `${whole}`
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
