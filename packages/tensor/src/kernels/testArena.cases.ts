/** An arena for tests of kernels: numbers put into it and read back. */
import { philox4x32 } from '../sampler/philox.ts'
import { createArena } from './loadKernels.ts'

export async function openTestArena() {
  const arena = await createArena()
  return {
    arena,
    kernels: arena.kernels,
    /** @returns where they stand */
    put(values: readonly number[]): number {
      const address = arena.allocate(values.length * 4 + 64)
      arena.floats(address, values.length).set(values)
      return address
    },
    get: (address: number, count: number): number[] => Array.from(arena.floats(address, count)),
  }
}

/** `count` reproducible numbers in ±scale with varied magnitudes. */
export function numbers(count: number, key: number, scale = 1): number[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = philox4x32([i, 0, 0, 0], [key, 1])
    return Math.fround(((a - 2 ** 31) / 2 ** 31) * scale * 2 ** -(b % 6))
  })
}
