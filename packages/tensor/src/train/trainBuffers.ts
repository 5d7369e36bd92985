/** Memory of one pass of training: what the forward pass keeps for the backward, and room to work in. */
import type { Arena } from '../kernels/loadKernels.ts'
import type { EngineParts } from '../model/engineParts.ts'

/** What a layer keeps, as addresses; rows are positions. */
export type LayerKeep = { qkv: number; mix: number; middle: number; gate: number; up: number }

export type TrainBuffers = {
  /** Positions there is room for, a multiple of four; three spare rows lie behind. */
  capacity: number
  /** Whether every layer keeps its own; else all share one, and the backward pass computes a layer anew. */
  keepsAll: boolean
  /** Input of each layer, and the output of the last. */
  inputs: readonly number[]
  keeps: readonly LayerKeep[]
  cosines: number
  sines: number
  sinesBack: number
  y: number
  dx: number
  dy: number
  /** As wide as the widest rows. */
  wide: number
  wide2: number
  hidden: number
  dqkv: number
  dkHeads: number
  dvHeads: number
  dMix: number
  low: number
  lowGradient: number
  /** Rows whose next token counts, and their gradient. */
  head: number
  headY: number
  headGradient: number
  headGradientY: number
  targets: number
  stats: number
  attendTask: number
  attendScratch: number
  attendScratchBytes: number
  release(): void
}

/** Values that one position keeps in a layer. */
function keptValues(parts: EngineParts): number {
  const { graph, scratch } = parts
  return scratch.qkvWidth + graph.headCount * graph.headSize + graph.width + 2 * graph.hiddenWidth
}

/** Bytes kept for `positions` when every layer keeps its own. */
export function keptBytes(parts: EngineParts, positions: number): number {
  return keptValues(parts) * parts.graph.layerCount * positions * 4
}

/** @throws {MemoryExhaustedError} */
export function allocateTrainBuffers(
  parts: EngineParts,
  capacity: number,
  longest: number,
  keepsAll: boolean,
  paddedRank: number,
): TrainBuffers {
  const { graph, arena, members } = parts
  const owned: number[] = []
  const take = (bytes: number) => {
    const address = arena.allocate(bytes)
    owned.push(address)
    return address
  }
  const rows = (width: number) => take((capacity + 4) * width * 4)
  const queryWidth = graph.headCount * graph.headSize
  const widest = Math.max(graph.width, graph.hiddenWidth, queryWidth)
  const { qkvWidth } = parts.scratch
  const even = longest + 8
  const attendScratchBytes = Math.ceil((5 * even * graph.headSize * 4 + 2 * 68 * even * 4 + 1024) / 64) * 64
  return {
    capacity,
    keepsAll,
    inputs: Array.from({ length: graph.layerCount + 1 }, () => rows(graph.width)),
    keeps: Array.from({ length: keepsAll ? graph.layerCount : 1 }, () => ({
      qkv: rows(qkvWidth),
      mix: rows(queryWidth),
      middle: rows(graph.width),
      gate: rows(graph.hiddenWidth),
      up: rows(graph.hiddenWidth),
    })),
    cosines: rows(graph.rotatedSize),
    sines: rows(graph.rotatedSize),
    sinesBack: rows(graph.rotatedSize),
    y: rows(graph.width),
    dx: rows(graph.width),
    dy: rows(graph.width),
    wide: rows(widest),
    wide2: rows(widest),
    hidden: rows(graph.hiddenWidth),
    dqkv: rows(qkvWidth),
    dkHeads: rows(queryWidth),
    dvHeads: rows(queryWidth),
    dMix: rows(queryWidth),
    low: rows(paddedRank),
    lowGradient: rows(paddedRank),
    head: rows(graph.width),
    headY: rows(graph.width),
    headGradient: rows(graph.width),
    headGradientY: rows(graph.width),
    targets: rows(1),
    stats: rows(4),
    attendTask: take(64),
    attendScratch: take(attendScratchBytes * members),
    attendScratchBytes,
    release: () => releaseAll(arena, owned),
  }
}

function releaseAll(arena: Arena, addresses: readonly number[]): void {
  for (const address of addresses) arena.release(address)
}
