/** Where an adapter's numbers stand in its file, for whoever reads some of them: what a dispute over its product does. Spec: spec/dispute.md §3.4. */
import type { Graph } from '../model/describeGraph.ts'
import { readSafetensors, type SafetensorsTensor, type SafetensorsType } from '../safetensors/readSafetensors.ts'
import { matrixNames, tensorName } from './adapterTargets.ts'
import { readAdapter } from './readAdapter.ts'

/** [rows][columns], row after row. */
export type AdapterMatrix = {
  type: SafetensorsType
  rows: number
  columns: number
  /** From the start of the model's file, the adapter's lying behind it. */
  offset: number
  sizeBytes: number
  /** Rows of the file have the two halves of each head one after the other, which the model has side by side. */
  turnedHead: number | undefined
}

export type AdapterPlaces = {
  rank: number
  /** alpha ÷ rank, as f32. */
  scale: number
  /** By the name of the matrix in the model's file. */
  pairs: ReadonlyMap<string, { a: AdapterMatrix; b: AdapterMatrix }>
}

/**
 * @param file - whole, or with zeros where nothing is read but its head
 * @param baseBytes - size of the model's file
 * @throws {SafetensorsInvalidError} {AdapterInvalidError}
 */
export function locateAdapter(file: Uint8Array, graph: Graph, baseBytes: number): AdapterPlaces {
  const { rank, scale, parts } = readAdapter(file, graph)
  const { tensors } = readSafetensors(file)
  const place = ({ type, shape, bytes }: SafetensorsTensor, turnedHead?: number): AdapterMatrix => ({
    type,
    rows: shape[0]!,
    columns: shape[1]!,
    offset: baseBytes + bytes.byteOffset - file.byteOffset,
    sizeBytes: bytes.length,
    turnedHead,
  })
  const pairs = new Map(
    parts.map(({ layer, target }) => {
      const isTurned = target === 'q' || target === 'k'
      const a = place(tensors.get(tensorName(layer, target, 'A'))!)
      const b = place(tensors.get(tensorName(layer, target, 'B'))!, isTurned ? graph.headSize : undefined)
      return [`blk.${layer}.${matrixNames[target]}.weight`, { a, b }]
    }),
  )
  return { rank, scale, pairs }
}
