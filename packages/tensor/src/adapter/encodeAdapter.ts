/**
 * The adapter as a file that PEFT reads: its tensor names and shapes, rows of queries and keys in the published order, and its
 * configuration in the file's metadata. Spec: spec/training.md §7.
 */
import { writeSafetensors } from '../safetensors/writeSafetensors.ts'
import type { Trainer } from '../train/loraTraining.ts'
import { ggufRow, moduleName, tensorName } from './adapterTargets.ts'

export function encodeAdapter({ lora, options, model }: Pick<Trainer, 'lora' | 'options' | 'model'>): Uint8Array {
  const { arena, graph } = model.parts
  const { rank } = options
  const tensors = lora.slots.flatMap(({ layer, target, columns, rows, a, b }) => {
    const down = arena.floats(lora.values + a * 4, rank * columns).slice()
    const padded = arena.floats(lora.values + b * 4, rows * lora.paddedRank)
    const up = new Float32Array(rows * rank)
    for (let row = 0; row < rows; row++) {
      const from = ggufRow(graph, target, row) * lora.paddedRank
      up.set(padded.subarray(from, from + rank), row * rank)
    }
    return [
      { name: tensorName(layer, target, 'A'), shape: [rank, columns], values: down },
      { name: tensorName(layer, target, 'B'), shape: [rows, rank], values: up },
    ]
  })
  return writeSafetensors(tensors, { format: 'pt', adapter_config: adapterConfig({ options, model }) })
}

/** PEFT's `adapter_config.json`. */
function adapterConfig({ options, model }: Pick<Trainer, 'options' | 'model'>): string {
  return JSON.stringify({
    base_model_name_or_path: model.info.name,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    lora_alpha: options.alpha,
    lora_dropout: 0,
    peft_type: 'LORA',
    r: options.rank,
    target_modules: options.targets.map(moduleName),
    task_type: 'CAUSAL_LM',
  })
}
