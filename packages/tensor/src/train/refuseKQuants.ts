/** Training takes files whose matrices its kernels widen (spec/training.md §3.1): k-quants are not among them. */
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import { isKQuant } from '../gguf/tensorTypes.ts'
import type { Graph } from '../model/describeGraph.ts'

/** @throws {GgufInvalidError} naming the first tensor that is one */
export function refuseKQuants({ tensors }: Graph): void {
  for (const { name, type } of tensors.values()) {
    if (isKQuant(type)) throw new GgufInvalidError('a matrix of k-quants cannot be trained on', { name, value: type })
  }
}
