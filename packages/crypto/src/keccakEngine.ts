/**
 * Bulk keccak-256 through a port: the WebAssembly kernel by default, so that it works in any browser; an environment with
 * a faster one (`native/`, wider vectors) installs it once with `setKeccakEngine`. All give the same hashes.
 */
import { wasmKeccak } from './keccakKernel.ts'
import type { KeccakEngine } from './keccakPort.ts'

let engine = wasmKeccak

export function setKeccakEngine(next: KeccakEngine): void {
  engine = next
}

export function sectorTrees(data: Uint8Array, sectors: number, target: Uint8Array): void {
  engine.sectorTrees(data, sectors, target)
}

export function hashPairs(hashes: Uint8Array, pairs: number, target: Uint8Array): void {
  engine.hashPairs(hashes, pairs, target)
}
