/** Draws the cost of a GiB over the number of nodes, one line for each size of file, as SVG. */

export type GrowthPoint = {
  nodes: number
  gibibytes: number
  /** Seconds of processor, all processes together, for each GiB. */
  writeCpu: number
  readCpu: number
  /** Seconds of the clock for each GiB. */
  writeSeconds: number
  readSeconds: number
}

const panel = { width: 340, height: 240, left: 56, top: 48 }
const colours = ['#3b6fd4', '#c2571a', '#2f8f4e', '#8a3fb0']

export function drawGrowth(points: readonly GrowthPoint[]): string {
  const panels = [
    drawPanel('Processor of a write (s/GiB)', points, ({ writeCpu }) => writeCpu, 0),
    drawPanel('Processor of a read (s/GiB)', points, ({ readCpu }) => readCpu, 1),
  ]
  const sizes = [...new Set(points.map(({ gibibytes }) => gibibytes))]
  const legend = sizes.map((gibibytes, i) => {
    const x = panel.left + 120 * i
    return `<circle cx="${x}" cy="22" r="5" fill="${colours[i]}"/><text x="${x + 10}" y="26">${gibibytes.toFixed(1)} GiB</text>`
  })
  const [width, height] = [2 * (panel.width + panel.left) + 24, panel.height + panel.top + 48]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12">
<title>Processor seconds for each GiB written and read, over the number of nodes</title>
<rect width="100%" height="100%" fill="#fff"/>
${[...legend, ...panels].join('\n')}
</svg>
`
}

function drawPanel(
  title: string,
  points: readonly GrowthPoint[],
  readValue: (point: GrowthPoint) => number,
  column: number,
): string {
  const counts = [...new Set(points.map(({ nodes }) => nodes))].sort((a, b) => a - b)
  const sizes = [...new Set(points.map(({ gibibytes }) => gibibytes))]
  const highest = Math.max(...points.map(readValue)) * 1.1
  const left = panel.left + column * (panel.width + panel.left)
  const bottom = panel.top + panel.height
  const x = (nodes: number) => left + 20 + (counts.indexOf(nodes) / Math.max(1, counts.length - 1)) * (panel.width - 40)
  const y = (value: number) => bottom - (value / highest) * (panel.height - 24)
  const lines = sizes.map((gibibytes, i) => {
    const own = points.filter((point) => point.gibibytes === gibibytes).sort((a, b) => a.nodes - b.nodes)
    const path = own.map((point) => `${x(point.nodes).toFixed(1)},${y(readValue(point)).toFixed(1)}`).join(' ')
    const dots = own.map(
      (point) => `<circle cx="${x(point.nodes)}" cy="${y(readValue(point))}" r="4" fill="${colours[i]}"/>`,
    )
    return `<polyline points="${path}" fill="none" stroke="${colours[i]}" stroke-width="2"/>${dots.join('')}`
  })
  const columns = counts.map((nodes) => `<text x="${x(nodes)}" y="${bottom + 18}" text-anchor="middle">${nodes}</text>`)
  const rows = [0, 0.5, 1].map((share) => {
    const value = highest * share
    const line = `<line x1="${left}" x2="${left + panel.width}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`
    return `${line}<text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${value.toFixed(1)}</text>`
  })
  const captions = [
    `<text x="${left}" y="${panel.top}" font-weight="bold">${title}</text>`,
    `<text x="${left + panel.width / 2}" y="${bottom + 36}" text-anchor="middle">nodes</text>`,
  ]
  return [...captions, ...rows, ...lines, ...columns].join('\n')
}
