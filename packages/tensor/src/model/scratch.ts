/** Working memory of the forward pass, one set per model, sized for `positionsMax` positions at a time. */
import type { Arena } from '../kernels/loadKernels.ts'
import { bodyOperatorCount, type Graph } from './describeGraph.ts'

/** Positions per pass: enough to use each widened weight often, few enough that activations stay in cache. */
export const positionsMax = 32

/** Room that one thread needs for `matmulQuantised`. */
export const panelBytes = 8448 + positionsMax * 32

/** Bytes of a row's entry in `Scratch.places`: address of its cache and of the scores, capacity, position (u32). */
export const placeBytes = 16

/** Addresses; rows are positions. */
export type Scratch = {
  x: number
  y: number
  qkv: number
  qkvWidth: number
  mix: number
  gate: number
  up: number
  q: number
  scales: number
  sums: number
  cosines: number
  sines: number
  /** Of local layers; those of the others where they turn alike. */
  localCosines: number
  localSines: number
  /** Heads, key heads and their size (u32), for \`attendNear\`. */
  headShape: number
  logits: number
  /** One panel per thread of the crew. */
  panel: number
  /** Where each row's keys and values are, `placeBytes` each. */
  places: number
  /** Digests of the operators' outputs, `digestBytes` a row. */
  digests: number
  digestBytes: number
}

export function allocateScratch(graph: Graph, arena: Arena, members: number): Scratch {
  // The sampler's record is not in this memory.
  const digestBytes = (bodyOperatorCount(graph.layerCount) + 2) * 32
  const queryWidth = graph.headCount * graph.headSize
  const qkvWidth = queryWidth + 2 * graph.keyHeadCount * graph.headSize
  const widest = Math.max(graph.width, graph.hiddenWidth, queryWidth)
  const rows = (width: number) => arena.allocate(positionsMax * width * 4)
  const turnsApart = graph.family.localRopeBase !== undefined
  const [cosines, sines] = [rows(graph.rotatedSize), rows(graph.rotatedSize)]
  return {
    x: rows(graph.width),
    y: rows(graph.width),
    qkv: rows(qkvWidth),
    qkvWidth,
    mix: rows(queryWidth),
    gate: rows(graph.hiddenWidth),
    up: rows(graph.hiddenWidth),
    q: rows(widest / 2),
    scales: rows(widest / 32),
    sums: rows(widest / 32),
    cosines,
    sines,
    localCosines: turnsApart ? rows(graph.rotatedSize) : cosines,
    localSines: turnsApart ? rows(graph.rotatedSize) : sines,
    headShape: placeShape(graph, arena),
    logits: rows(Math.ceil(graph.vocabSize / 8) * 8),
    panel: arena.allocate(panelBytes * members),
    places: arena.allocate(positionsMax * placeBytes),
    digests: arena.allocate(positionsMax * digestBytes),
    digestBytes,
  }
}

function placeShape({ headCount, keyHeadCount, headSize }: Graph, arena: Arena): number {
  const address = arena.allocate(12)
  arena.words(address, 3).set([headCount, keyHeadCount, headSize])
  return address
}
