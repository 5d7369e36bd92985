/** Shows how far a transfer is, its rate and the time left: one line on stderr on a terminal, a few lines elsewhere. */
import { fitLine } from './fitLine.ts'
import { formatBytes, formatDuration } from './output.ts'

export type ProgressBar = {
  update(doneBytes: number, totalBytes: number, label?: string): void
  finish(label?: string): void
}

/** Silent where stderr is no terminal. */
export function createProgressBar(label: string): ProgressBar {
  const startedMs = performance.now()
  let drawnMs = Number.NEGATIVE_INFINITY
  let text = label
  return {
    update(doneBytes, totalBytes, nextLabel) {
      if (!process.stderr.isTTY) return
      if (nextLabel) text = nextLabel
      const nowMs = performance.now()
      if (nowMs - drawnMs < redrawMs && doneBytes < totalBytes) return
      drawnMs = nowMs
      const line = describeProgress(text, { doneBytes, totalBytes, tookMs: nowMs - startedMs })
      process.stderr.write(`\r\x1b[K${fitLine(line, process.stderr.columns - 1)}`)
    },
    finish(lastLabel) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${lastLabel ? `${lastLabel}\n` : ''}`)
    },
  }
}

/** For a log or a pipe: a line at each quarter. */
export function createProgressLines(label: string, print: (line: string) => void): ProgressBar {
  let printed = -1
  return {
    update(doneBytes, totalBytes) {
      const quarter = totalBytes > 0 ? Math.floor((4 * Math.min(doneBytes, totalBytes)) / totalBytes) : 0
      if (quarter <= printed) return
      printed = quarter
      print(`  ◌ ${label} ${quarter * 25} % of ${formatBytes(totalBytes)}`)
    },
    finish: () => undefined,
  }
}

export function describeProgress(
  label: string,
  { doneBytes, totalBytes, tookMs }: { doneBytes: number; totalBytes: number; tookMs: number },
): string {
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0
  const rate = doneBytes / Math.max(0.001, tookMs / 1000)
  const filled = Math.round(share * width)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
  const left = rate > 0 && share < 1 ? ` · ${formatDuration(((totalBytes - doneBytes) / rate) * 1000)} left` : ''
  return `${label} ${bar} ${(share * 100).toFixed(0).padStart(3)} % · ${formatBytes(rate)}/s${left}`
}

const width = 24
const redrawMs = 80
