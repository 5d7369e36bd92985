/** The job that a trainer is accused about, from the model's file, the parameters and what data there are. Spec: spec/dispute.md §14.6 */
import { readWeightChunk } from '@weightless/dispute/numbers/weightChunk'
import { type ByteSource, type ModelDescription, readGguf } from '@weightless/tensor'
import { encodeCorpus } from '../encodeCorpus.ts'
import { encodeExamples } from '../encodeExamples.ts'
import { fullOptionsOf, requireSmall } from '../openFullRun.ts'
import { loraOptionsOf } from '../openLoraRun.ts'
import type { TrainingExample } from '../readDataset.ts'
import type { TrainingParameters } from '../trainingParameters.ts'
import { chargedFull } from './chargedFull.ts'
import type { ChargedJob } from './chargedJob.ts'
import { chargedLora } from './chargedLora.ts'

type Known = {
  model: ModelDescription
  source: ByteSource
  parameters: TrainingParameters
  examples: readonly TrainingExample[] | undefined
}

/** @throws {WeightlessError} a job that no trainer takes, or no dispute */
export function openCharge(known: Known): Promise<ChargedJob> | ChargedJob {
  return known.parameters.method === 'full' ? openFullCharge(known) : openLoraCharge(known)
}

function openLoraCharge({ model, source, parameters, examples }: Known): ChargedJob {
  const { graph, programId, info } = model
  const dataset = examples && encodeExamples(model, examples, parameters)
  return chargedLora({
    ...{ graph, programId, options: loraOptionsOf(parameters), name: info.name },
    async readWeights(name, chunk) {
      const tensor = graph.tensors.get(name)
      return tensor ? readWeightChunk(tensor, chunk, source) : new Float32Array()
    },
    ...(dataset && { batches: dataset.batches.map((batch) => batch.map((row) => dataset.rows[row]!)) }),
  })
}

async function openFullCharge({ model, source, parameters, examples }: Known): Promise<ChargedJob> {
  const { graph, programId, info } = model
  requireSmall(info)
  const encoded = examples && encodeCorpus(model, examples, parameters)
  return chargedFull({
    ...{ graph, programId, options: fullOptionsOf(parameters), gguf: await readGguf(source), source },
    ...(encoded && { data: { corpus: encoded.corpus, steps: encoded.plan.steps } }),
  })
}
