/** A course of losses as a small picture of characters. */

const heightLines = 8
const widthMax = 60
const bars = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** Lines from the top; more losses than columns are averaged. */
export function drawLoss(losses: readonly number[]): string[] {
  const columns = squeeze(losses)
  const highest = Math.max(...columns)
  const lowest = Math.min(...columns)
  const span = highest - lowest || 1
  const lines: string[] = []
  for (let line = heightLines - 1; line >= 0; line--) {
    const cells = columns.map((loss) => {
      const level = ((loss - lowest) / span) * (heightLines * 8 - 1) + 1
      return bars[Math.round(Math.min(8, Math.max(0, level - line * 8)))] ?? ' '
    })
    const label = line === heightLines - 1 ? highest.toFixed(3) : line === 0 ? lowest.toFixed(3) : ''
    lines.push(`${label.padStart(8)} │${cells.join('')}`)
  }
  return lines
}

function squeeze(losses: readonly number[]): number[] {
  const width = Math.min(widthMax, losses.length)
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * losses.length) / width)
    const part = losses.slice(from, Math.max(from + 1, Math.floor(((column + 1) * losses.length) / width)))
    return part.reduce((sum, loss) => sum + loss, 0) / part.length
  })
}
