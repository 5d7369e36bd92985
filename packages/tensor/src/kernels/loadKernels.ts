/** Instantiates the SIMD kernels on a memory that holds weights, caches and scratch, with an allocator over it. */
import { WeightlessError } from '@weightless/codec'
import { type BlockType, hasIntegerProducts, type TensorType } from '../gguf/tensorTypes.ts'
import { wasmBase64 } from './engine.generated.ts'
import { wasmBase64 as sharedWasmBase64 } from './engineShared.generated.ts'
import type { TrainKernels } from './trainKernels.ts'

/** Kind of a packed matrix, as the kernels number them (`assembly/engine/layout.ts`), named after a type that is packed so. */
export const matrixKinds = { float: 0, Q8_0: 1, Q4_0: 2, Q4_1: 3, Q5_1: 4, Q6_K: 5, Q2_K: 6 } as const
export type MatrixKind = (typeof matrixKinds)[keyof typeof matrixKinds]

const packedAs: Record<BlockType, Exclude<keyof typeof matrixKinds, 'float'>> = {
  ...{ Q8_0: 'Q8_0', Q5_0: 'Q8_0', IQ4_NL: 'Q8_0', IQ4_XS: 'Q8_0' },
  ...{ Q4_0: 'Q4_0', Q4_1: 'Q4_1', Q4_K: 'Q4_1', Q5_1: 'Q5_1', Q5_K: 'Q5_1' },
  ...{ Q6_K: 'Q6_K', Q3_K: 'Q6_K', Q2_K: 'Q2_K' },
}
const packedBlockBytes = { Q8_0: 288, Q4_0: 160, Q4_1: 192, Q5_1: 320, Q6_K: 320, Q2_K: 256 }

/** How `packBlocks`, or of floats `packFloat`, lays out groups of eight rows. */
export function layoutOf(type: TensorType, columns: number): { kind: MatrixKind; groupBytes: number } {
  if (!hasIntegerProducts(type)) return { kind: matrixKinds.float, groupBytes: columns * 32 }
  const name = packedAs[type]
  return { kind: matrixKinds[name], groupBytes: (columns / 32) * packedBlockBytes[name] }
}

/** Addresses are byte offsets in the memory; shapes and layouts are stated in `assembly/engine/`. */
export type Kernels = TrainKernels & {
  packBlocks(type: number, source: number, target: number, rows: number, columns: number): number
  packFloat(type: number, source: number, target: number, rows: number, columns: number): number
  rmsNorm(x: number, weight: number, y: number, n: number, positions: number, epsilon: number): void
  quantise(x: number, q: number, scales: number, sums: number, blocks: number): number
  hasNonFinite(x: number, n: number): number
  rotate(
    x: number,
    stride: number,
    heads: number,
    size: number,
    rotated: number,
    cosines: number,
    sines: number,
    positions: number,
  ): void
  siluMultiply(gate: number, up: number, n: number): void
  geluMultiply(gate: number, up: number, n: number): void
  addBiases(x: number, stride: number, bias: number, n: number, positions: number): void
  normHeads(
    x: number,
    stride: number,
    heads: number,
    size: number,
    weight: number,
    positions: number,
    epsilon: number,
  ): void
  rotateHalves: Kernels['rotate']
  capValues(x: number, n: number, cap: number): void
  addInto(x: number, y: number, n: number): void
  sampleWeights(logits: number, weights: number, n: number, top: number, temperature: number): void
  embedRow(group: number, lane: number, kind: number, n: number, y: number): void
  matvec(
    kind: number,
    w: number,
    q: number,
    scales: number,
    sums: number,
    out: number,
    groups: number,
    blocks: number,
    mask: number,
  ): void
  matmulFloat(
    w: number,
    x: number,
    out: number,
    groups: number,
    columns: number,
    positions: number,
    outStride: number,
  ): void
  matmulQuantised(
    kind: number,
    w: number,
    q: number,
    scales: number,
    sums: number,
    out: number,
    groups: number,
    blocks: number,
    positions: number,
    outStride: number,
    scratch: number,
  ): void
  storeKeys(
    k: number,
    v: number,
    stride: number,
    places: number,
    heads: number,
    size: number,
    layer: number,
    rows: number,
  ): void
  attend(
    q: number,
    stride: number,
    out: number,
    places: number,
    member: number,
    heads: number,
    keyHeads: number,
    size: number,
    layer: number,
    rows: number,
    factor: number,
  ): void
  attendNear(
    q: number,
    stride: number,
    out: number,
    places: number,
    member: number,
    shape: number,
    layer: number,
    rows: number,
    factor: number,
    window: number,
    cap: number,
  ): void
}

export type Arena = {
  kernels: Kernels
  memory: WebAssembly.Memory
  /** A zeroed region of at least `bytes`, aligned to 64. */
  allocate(bytes: number): number
  /** Gives a region back; neighbours are joined. */
  release(address: number): void
  /** Fresh views: growing the memory detaches older ones. */
  bytes(address: number, length: number): Uint8Array
  floats(address: number, length: number): Float32Array
  words(address: number, length: number): Uint32Array
  /** Size of the whole memory. */
  sizeBytes(): number
}

const pageBytes = 65_536
const pagesMax = 65_536

/**
 * Makes a memory with the kernels on it, or puts them on one that threads share. The first page is left alone, so that
 * address 0 is never valid.
 */
export async function createArena(shared?: WebAssembly.Memory): Promise<Arena> {
  const memory = shared ?? new WebAssembly.Memory({ initial: 1, maximum: pagesMax })
  const kernels = await (shared === undefined ? instantiate(wasmBase64, memory) : instantiateShared(shared))
  const allocator = createAllocator(memory)
  return {
    kernels,
    memory,
    ...allocator,
    bytes: (address, length) => new Uint8Array(memory.buffer, address, length),
    floats: (address, length) => new Float32Array(memory.buffer, address, length),
    words: (address, length) => new Uint32Array(memory.buffer, address, length),
    sizeBytes: () => memory.buffer.byteLength,
  }
}

/** The kernels for one of several threads on a shared memory. */
export function instantiateShared(memory: WebAssembly.Memory): Promise<Kernels> {
  return instantiate(sharedWasmBase64, memory)
}

async function instantiate(base64: string, memory: WebAssembly.Memory): Promise<Kernels> {
  const { instance } = await WebAssembly.instantiate(decodeBase64(base64), { env: { memory } })
  return instance.exports as unknown as Kernels
}

type Region = { address: number; length: number }

/** First fit over a sorted list of free regions; the memory grows when none fits. */
function createAllocator(memory: WebAssembly.Memory) {
  const used = new Map<number, number>()
  let free: Region[] = []

  function grow(length: number): Region {
    const start = memory.buffer.byteLength
    const pages = Math.ceil(length / pageBytes)
    if (start / pageBytes + pages > pagesMax) throw new MemoryExhaustedError({ neededBytes: length, usedBytes: start })
    try {
      memory.grow(pages)
    } catch (cause) {
      throw new MemoryExhaustedError({ neededBytes: length, usedBytes: start }, cause)
    }
    free = joined([...free, { address: start, length: pages * pageBytes }])
    return free.at(-1)!
  }

  return {
    allocate(bytes: number): number {
      const length = Math.max(64, Math.ceil(bytes / 64) * 64)
      const region = free.find((candidate) => candidate.length >= length) ?? grow(length)
      const address = region.address
      region.address += length
      region.length -= length
      if (region.length === 0) free = free.filter((candidate) => candidate !== region)
      used.set(address, length)
      new Uint8Array(memory.buffer, address, length).fill(0)
      return address
    },
    release(address: number): void {
      const length = used.get(address)
      if (length === undefined) return
      used.delete(address)
      free = joined([...free, { address, length }])
    },
  }
}

function joined(regions: Region[]): Region[] {
  const result: Region[] = []
  for (const region of regions.sort((a, b) => a.address - b.address)) {
    const last = result.at(-1)
    if (last !== undefined && last.address + last.length === region.address) last.length += region.length
    else result.push({ ...region })
  }
  return result
}

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

export class MemoryExhaustedError extends WeightlessError {
  constructor(facts: { neededBytes: number; usedBytes: number }, cause?: unknown) {
    super('tensor/memory-exhausted', 'The model and its caches do not fit in memory.', facts, {
      cause,
      hint: 'Use a smaller model or a shorter context.',
    })
  }
}
