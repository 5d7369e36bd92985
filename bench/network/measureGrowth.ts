/**
 * What a file costs as the network and the file grow: processor and time of a write and of a read at 6, 12, 24 and 48
 * nodes, drawn as `bench/network/growth.svg`. `node measureGrowth.ts [nodes,nodes,… MiB,MiB,…]`.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { read, startNetwork, type Transfer, write } from './codedNetwork.ts'
import { drawGrowth, type GrowthPoint } from './drawGrowth.ts'

const mebibyte = 2 ** 20
const [nodeWords = '6,12,24,48', sizeWords = '102.4,1024,4096'] = process.argv.slice(2)
const nodeCounts = nodeWords.split(',').map(Number)
const sizes = sizeWords.split(',').map((word) => Math.round(Number(word) * mebibyte))
const folder = mkdtempSync(join(tmpdir(), 'weightless-growth-'))
const points: GrowthPoint[] = []

const cpuOf = ({ cpu }: Transfer): number => Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0)

try {
  for (const nodes of nodeCounts) {
    const network = await startNetwork(folder, nodes)
    for (const sizeBytes of sizes) {
      const path = makeFile(sizeBytes)
      const written = await write(network, path)
      const back = await read(network, written.root)
      const gibibytes = sizeBytes / 2 ** 30
      const point: GrowthPoint = {
        ...{ nodes, gibibytes },
        ...{ writeCpu: cpuOf(written) / gibibytes, readCpu: cpuOf(back) / gibibytes },
        ...{ writeSeconds: written.seconds / gibibytes, readSeconds: back.seconds / gibibytes },
      }
      points.push(point)
      console.log(JSON.stringify(point))
      rmSync(path)
    }
    await network.close()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
writeFileSync(join(import.meta.dirname, 'growth.svg'), drawGrowth(points))
process.exit(0)

function makeFile(sizeBytes: number): string {
  const path = join(folder, 'file')
  const file = openSync(path, 'w')
  for (let at = 0; at < sizeBytes; at += mebibyte) writeSync(file, randomBytes(Math.min(mebibyte, sizeBytes - at)))
  closeSync(file)
  return path
}
