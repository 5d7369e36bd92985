/** Blocks of k-quants, and their values as the Python package `gguf` reads them (vectors/tensor/README.md). */
import { readFileSync } from 'node:fs'
import { isKQuant, type KQuant, tensorEncodings } from './tensorTypes.ts'

export type KQuantVector = { type: KQuant; blockBytes: number; blocks: Uint8Array; values: Float32Array }

export function kQuantVectors(): KQuantVector[] {
  const file = new URL('../../../../vectors/tensor/k-quants.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as Record<KQuant, { blocks: string; valuesF32: string }>
  const found: KQuantVector[] = []
  for (const { type, blockBytes } of tensorEncodings.values()) {
    if (!isKQuant(type)) continue
    const { blocks, valuesF32 } = vectors[type]
    const values = new Float32Array(Uint8Array.from(Buffer.from(valuesF32, 'base64')).buffer)
    found.push({ type, blockBytes, blocks: Uint8Array.from(Buffer.from(blocks, 'base64')), values })
  }
  return found
}
