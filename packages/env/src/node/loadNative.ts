/**
 * The machine's own kernels (`packages/crypto/native`, C with vectors wider than WebAssembly has) where there is a build
 * for it. `WEIGHTLESS_NATIVE=off` leaves everything to WebAssembly, with the same results.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { CoderEngine } from '@weightless/coder/coderEngine'
import type { KeccakEngine, PoraEngine } from '@weightless/crypto'
import type { CallEngine } from '@weightless/tensor/crew/callEngine'

export type NativeKernels = KeccakEngine &
  CoderEngine &
  PoraEngine &
  CallEngine & {
    /** Messages that keccak hashes at once; 0 = this processor lacks the vectors, and nothing else may be called. */
    lanes(): number
    /** Uses at most so many from now on: for tests and measurements. */
    limitLanes(lanes: number): void
    /** Whether the processor has what `crc32` needs: carry-less multiplication. */
    hasCrc32(): boolean
    /** CRC-32 (IEEE 802.3), continued from `crc`. */
    crc32(bytes: Uint8Array, crc: number): number
    /** Whether the processor has what the functions of `CoderEngine` need: AVX-512 with GFNI, and SHA. */
    hasCoder(): boolean
  }

export function loadNative(): NativeKernels | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64' || process.env.WEIGHTLESS_NATIVE === 'off')
    return undefined
  const file = new URL('../native/weightless-linux-x64-gnu.node', import.meta.resolve('@weightless/crypto'))
  try {
    const native = createRequire(import.meta.url)(fileURLToPath(file)) as NativeKernels
    return native.lanes() > 0 ? native : undefined
  } catch {
    // Another C library than glibc, or a policy against native code: WebAssembly does the same, only slower.
    return undefined
  }
}
