/** Blocks of types that are not floats, and their values as the Python package `gguf` reads them (vectors/tensor/README.md). */
import { readFileSync } from 'node:fs'
import { type BlockType, encodingOf } from './tensorTypes.ts'

export type BlockVector = {
  type: BlockType
  /** GGUF's. */
  number: number
  blockBytes: number
  blockValues: number
  /** Where a block has its scales and minima as halves. */
  halves: number[]
  blocks: Uint8Array
  values: Float32Array
}

export function blockVectors(): BlockVector[] {
  const file = new URL('../../../../vectors/tensor/blocks.json', import.meta.url)
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
    vectors: { type: BlockType; halves: number[]; blocks: string; valuesF32: string }[]
  }
  return vectors.map(({ type, halves, blocks, valuesF32 }) => {
    const values = new Float32Array(Uint8Array.from(Buffer.from(valuesF32, 'base64')).buffer)
    return { ...encodingOf(type), type, halves, blocks: Uint8Array.from(Buffer.from(blocks, 'base64')), values }
  })
}
