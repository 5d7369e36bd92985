/** Shows how far a transfer is, its rate and the time left: one line on stderr on a terminal, a few lines elsewhere. */
import { fitLine } from './fitLine.ts'
import { formatBytes, formatDuration } from './output.ts'

export type ProgressBar = {
  update(doneBytes: number, totalBytes: number, label?: string): void
  finish(label?: string): void
}

/**
 * Silent where stderr is no terminal. A transfer has phases, each counted from its own beginning: a count that goes back
 * begins the next one, and so does the end of one without a total. What is there at its beginning is not in its rate.
 */
export function createProgressBar(label: string): ProgressBar {
  let phase = { startedMs: performance.now(), beforeBytes: 0, doneBytes: 0, totalBytes: 1 }
  let drawnMs = Number.NEGATIVE_INFINITY
  let text = label
  return {
    update(doneBytes, totalBytes, nextLabel) {
      if (!process.stderr.isTTY) return
      if (nextLabel) text = nextLabel
      const nowMs = performance.now()
      const isNext = doneBytes < phase.doneBytes || (phase.totalBytes === 0 && totalBytes > 0)
      if (isNext) phase = { startedMs: nowMs, beforeBytes: doneBytes, doneBytes, totalBytes }
      phase = { ...phase, doneBytes, totalBytes }
      if (!isNext && nowMs - drawnMs < redrawMs && doneBytes < totalBytes) return
      drawnMs = nowMs
      const { startedMs, beforeBytes } = phase
      const line = describeProgress(text, { doneBytes, totalBytes, beforeBytes, tookMs: nowMs - startedMs })
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

/** `beforeBytes` were there before the time began. Without a total, only what is being done is said. */
export function describeProgress(
  label: string,
  progress: { doneBytes: number; totalBytes: number; tookMs: number; beforeBytes?: number },
): string {
  const { doneBytes, totalBytes, tookMs, beforeBytes = 0 } = progress
  if (totalBytes <= 0) return `${label.trimEnd()} …`
  const share = Math.min(1, doneBytes / totalBytes)
  const rate = (doneBytes - beforeBytes) / Math.max(0.001, tookMs / 1000)
  const filled = Math.round(share * width)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
  const left = rate > 0 && share < 1 ? ` · ${formatDuration(((totalBytes - doneBytes) / rate) * 1000)} left` : ''
  return `${label} ${bar} ${(share * 100).toFixed(0).padStart(3)} % · ${formatBytes(Math.round(rate))}/s${left}`
}

const width = 24
const redrawMs = 80
