/** Roots of perfect trees over zero sectors: what padding and gaps hash to. Spec: storage §2. */
import { hashPair, keccak256, sectorBytes } from './keccakKernel.ts'

const roots = [keccak256(new Uint8Array(sectorBytes))]

/** Root of 2^height zero sectors; the caller must not change it. */
export function zeroRoot(height: number): Uint8Array {
  for (let known = roots.length; known <= height; known++) roots.push(hashPair(roots[known - 1]!, roots[known - 1]!))
  return roots[height]!
}
