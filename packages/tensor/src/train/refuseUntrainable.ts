/** Training is that of Llama's graph (spec/training.md §3): what other families have beside it has no gradient there. */
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { Graph } from '../model/describeGraph.ts'

/** @throws {GgufInvalidError} naming the architecture */
export function refuseUntrainable({ architecture }: Graph): void {
  if (architecture !== 'llama') throw new GgufInvalidError('only Llama can be trained', { value: architecture })
}
