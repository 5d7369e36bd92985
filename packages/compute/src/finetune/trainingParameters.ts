/** The training parameters that a task names, in the words of Hugging Face's trainer and of the existing SDK. Spec: FINETUNING §4. */
import { accept, reject, type Verdict } from '@weightless/codec'
import { z } from 'zod'

export type TrainingParameters = {
  /** An adapter, or all weights of a small model. */
  method: 'lora' | 'full'
  epochs: number
  batchRows: number
  learningRate: number
  /** Undefined: as many as the epochs give. */
  stepsMax: number | undefined
  seed: number
  rank: number
  alpha: number
  targets: string[]
  /** Longer rows are cut at their end. */
  rowTokensMax: number
  /** Share of the rows that is never trained on, to measure by. */
  heldOutShare: number
}

export const trainingParamsBytesMax = 16 * 1024

const targetNames = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const

const schema = z.looseObject({
  method: z.enum(['lora', 'full']).default('lora'),
  num_train_epochs: z.number().positive().max(1_000).default(3),
  per_device_train_batch_size: z.int().min(1).max(256).default(4),
  learning_rate: z.number().positive().max(1).default(2e-4),
  /** Hugging Face's −1 and an absent value mean the same. */
  max_steps: z.int().min(-1).max(1_000_000).default(-1),
  seed: z.int().min(0).max(0xffff_ffff).default(42),
  lora_r: z.int().min(1).max(256).default(8),
  lora_alpha: z.number().positive().max(4_096).default(16),
  target_modules: z.array(z.enum(targetNames)).min(1).max(targetNames.length).default(['q_proj', 'v_proj']),
  max_seq_length: z.int().min(8).max(1_048_576).default(512),
  validation_split: z.number().min(0).max(0.5).default(0.1),
})

/** Parameters, and the names that were given and have no effect here. */
export type ReadParameters = { parameters: TrainingParameters; unused: string[] }

/** @param text - JSON, as the SDK sends its file */
export function readTrainingParameters(text: string): Verdict<ReadParameters, 'invalid_parameters'> {
  if (text.length > trainingParamsBytesMax) return reject('invalid_parameters', 'trainingParams is too long')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return reject('invalid_parameters', 'trainingParams is not JSON')
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return reject(
      'invalid_parameters',
      `trainingParams ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`,
    )
  }
  const { data } = parsed
  const parameters = {
    method: data.method,
    epochs: data.num_train_epochs,
    batchRows: data.per_device_train_batch_size,
    learningRate: data.learning_rate,
    stepsMax: data.max_steps > 0 ? data.max_steps : undefined,
    seed: data.seed,
    rank: data.lora_r,
    alpha: data.lora_alpha,
    targets: [...new Set(data.target_modules)],
    rowTokensMax: data.max_seq_length,
    heldOutShare: data.validation_split,
  }
  const unused = Object.keys(data).filter((name) => !(name in schema.shape))
  return accept({ parameters, unused: unused.slice(0, unusedNamesMax).map((name) => name.slice(0, 64)) })
}

const unusedNamesMax = 20
