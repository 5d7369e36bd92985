/** The kernels that only encoders need, put on a memory that has the engine's. Shapes: `assembly/encoder/`. */

import { wasmBase64 } from '../kernels/encoder.generated.ts'
import { decodeBase64 } from '../kernels/loadKernels.ts'

export type EncoderKernels = {
  addBias(x: number, bias: number, n: number, positions: number): void
  biasGelu(x: number, bias: number, n: number, positions: number): void
  layerNorm(x: number, weight: number, bias: number, y: number, n: number, positions: number, epsilon: number): void
  attendWhole(
    qkv: number,
    out: number,
    length: number,
    heads: number,
    size: number,
    factor: number,
    scratch: number,
  ): void
}

export async function loadEncoderKernels(memory: WebAssembly.Memory): Promise<EncoderKernels> {
  const { instance } = await WebAssembly.instantiate(decodeBase64(wasmBase64), { env: { memory } })
  return instance.exports as unknown as EncoderKernels
}
