/**
 * The adapter as a file that PEFT reads: its tensor names and shapes, rows of queries and keys in the published order, and its
 * configuration in the file's metadata. Spec: spec/training.md §7.
 */
import type { Graph } from '../model/describeGraph.ts'
import { writeSafetensors } from '../safetensors/writeSafetensors.ts'
import type { LoraOptions } from '../train/loraOptions.ts'
import type { LoraLayout } from '../train/loraWeights.ts'
import { ggufRow, moduleName, tensorName } from './adapterTargets.ts'

export type TrainedAdapter = {
  /** The whole list, padding included. */
  values: Float32Array
  layout: LoraLayout
  options: LoraOptions
  graph: Graph
  /** Of the base model. */
  name: string
}

export function encodeAdapter({ values, layout, options, graph, name }: TrainedAdapter): Uint8Array {
  const { rank } = options
  const { places, paddedRank } = layout
  const tensors = places.flatMap(({ layer, target, columns, rows, a, b }) => {
    const up = new Float32Array(rows * rank)
    for (let row = 0; row < rows; row++) {
      const from = b + ggufRow(graph, target, row) * paddedRank
      up.set(values.subarray(from, from + rank), row * rank)
    }
    return [
      { name: tensorName(layer, target, 'A'), shape: [rank, columns], values: values.slice(a, a + rank * columns) },
      { name: tensorName(layer, target, 'B'), shape: [rows, rank], values: up },
    ]
  })
  return writeSafetensors(tensors, { format: 'pt', adapter_config: adapterConfig(options, name) })
}

/** PEFT's `adapter_config.json`. */
function adapterConfig({ alpha, rank, targets }: LoraOptions, name: string): string {
  return JSON.stringify({
    base_model_name_or_path: name,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    lora_alpha: alpha,
    lora_dropout: 0,
    peft_type: 'LORA',
    r: rank,
    target_modules: targets.map(moduleName),
    task_type: 'CAUSAL_LM',
  })
}
