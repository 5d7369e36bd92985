/** One line on stderr that shows how far a transfer is, its rate and the time left; silent when nobody watches. */
import { formatBytes, formatDuration } from './output.ts'

export type ProgressBar = {
  update(doneBytes: number, totalBytes: number, label?: string): void
  finish(label?: string): void
}

export function createProgressBar(label: string): ProgressBar {
  const startedMs = performance.now()
  let drawnMs = 0
  let text = label
  const draw = (doneBytes: number, totalBytes: number) => {
    const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0
    const rate = doneBytes / Math.max(0.001, (performance.now() - startedMs) / 1000)
    const filled = Math.round(share * width)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
    const left = rate > 0 && share < 1 ? ` · ${formatDuration(((totalBytes - doneBytes) / rate) * 1000)} left` : ''
    process.stderr.write(
      `\r\x1b[K${text} ${bar} ${(share * 100).toFixed(0).padStart(3)} % · ${formatBytes(rate)}/s${left}`,
    )
  }
  return {
    update(doneBytes, totalBytes, nextLabel) {
      if (!process.stderr.isTTY) return
      if (nextLabel) text = nextLabel
      const nowMs = performance.now()
      if (nowMs - drawnMs < redrawMs && doneBytes < totalBytes) return
      drawnMs = nowMs
      draw(doneBytes, totalBytes)
    },
    finish(lastLabel) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${lastLabel ? `${lastLabel}\n` : ''}`)
    },
  }
}

const width = 24
const redrawMs = 80
