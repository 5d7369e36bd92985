/** Makes steps on request: each line on standard input asks for one, each line out is its CPU seconds. For rivals of `measureStep.ts`. */
import { createInterface } from 'node:readline'

/** VOCAB WIDTH LAYERS HEADS HIDDEN TOKENS ROWS, as the command line has them. */
export function readShape() {
  const [vocab, width, layers, heads, hidden, tokens, rows] = process.argv.slice(2).map(Number) as number[]
  return {
    vocab: vocab!,
    width: width!,
    layers: layers!,
    heads: heads!,
    hidden: hidden!,
    tokens: tokens!,
    rows: rows!,
    headSize: width! / heads!,
  }
}

export async function serveSteps(title: string, step: () => Promise<void>): Promise<void> {
  console.log(title)
  for await (const _ of createInterface({ input: process.stdin })) {
    const before = process.cpuUsage()
    await step()
    const { user, system } = process.cpuUsage(before)
    console.log((user + system) / 1e6)
  }
}

/** Even draws from −1 to 1, times `scale`. */
export function drawValues(count: number, scale: number): Float32Array<ArrayBuffer> {
  let state = 1
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * scale
  })
}
