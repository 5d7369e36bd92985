/** Money, sizes and times in words that people read; every amount keeps its exact value in wei for the tooltip. */
import { formatUnits } from 'viem'

/** Wei as `1.25 0G`, or in gwei where that would be a row of zeros. */
export function formatAmount(wei: bigint): string {
  if (wei === 0n) return '0 0G'
  const size = wei < 0n ? -wei : wei
  if (size < 1_000n) return `${wei} wei`
  if (size < 10n ** 14n) return `${trim(formatUnits(wei, 9), 3)} gwei`
  return `${trim(formatUnits(wei, 18), size < 10n ** 16n ? 6 : 4)} 0G`
}

/** As prices are compared: of a million tokens. */
export const perMillion = (weiPerToken: bigint): bigint => weiPerToken * 1_000_000n

export function formatBytes(count: number): string {
  if (count < 1024) return `${count} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const step = Math.min(Math.floor(Math.log2(count) / 10), units.length)
  const value = count / 1024 ** step
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ${units[step - 1]}`
}

/** `now`, `12 s`, `4 min`, `2 h`, `3 d`. */
export function formatAge(fromSeconds: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round(nowMs / 1000 - fromSeconds))
  if (seconds < 2) return 'now'
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** `84 ms`, `1.2 s`. */
export const formatMs = (ms: number): string =>
  ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`

export const formatCount = (count: number | bigint): string => count.toLocaleString('en').replaceAll(',', '\u2009')

function trim(text: string, digits: number): string {
  const [whole = '0', fraction = ''] = text.split('.')
  const kept = fraction.slice(0, digits).replace(/0+$/, '')
  const grouped = formatCount(BigInt(whole))
  return kept ? `${grouped}.${kept}` : grouped
}

/** `12 March 2027`. */
export function formatDay(ms: number): string {
  return new Date(ms).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
}

/** `90 days`, `3 years`: the largest unit that leaves no visible rest. */
export function formatSpan(ms: number): string {
  const days = ms / 86_400_000
  const [count, unit] = days >= 730 ? [days / 365, 'years'] : days >= 2 ? [days, 'days'] : [ms / 3_600_000, 'hours']
  return `${Math.round(count * 10) / 10} ${unit}`
}
