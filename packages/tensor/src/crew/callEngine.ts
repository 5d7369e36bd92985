/**
 * Machine code for some of the kernels, through a port: an environment that has it (`packages/crypto/native`) installs it once
 * per thread with `setCallEngine`. It gives the same bits as the WebAssembly module; threads with and without it may share a crew.
 */
export type CallEngine = {
  /** Whether it makes calls of this kernel (its number in `kernelNumbers`). */
  hasCall(kernel: number): boolean
  /**
   * Makes the call at `index` of a table (`callValues` values a call, see `callKernel.ts`) on the bytes of a kernel memory.
   * False, with nothing done, where an address lies outside of `memory`. @throws {TypeError}
   */
  runCall(memory: Uint8Array, table: Float64Array, index: number): boolean
  /** Makes the first `count` calls of a table, all of them `digestRows`, side by side; else as `runCall`. */
  digestCalls(memory: Uint8Array, table: Float64Array, count: number): boolean
}

let engine: CallEngine | undefined

/** For callers made from now on; `undefined` (the default) leaves everything to WebAssembly. */
export function setCallEngine(next: CallEngine | undefined): void {
  engine = next
}

export function callEngine(): CallEngine | undefined {
  return engine
}
