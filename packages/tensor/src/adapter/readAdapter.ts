/** Reads a LoRA adapter for a model: PEFT's names and configuration, every shape checked. Spec: spec/training.md §7. */
import { WeightlessError } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { Graph } from '../model/describeGraph.ts'
import { readSafetensors, type Safetensors, tensorFloats } from '../safetensors/readSafetensors.ts'
import { type AdapterTarget, adapterTargets, ggufRow, moduleName, targetShape, tensorName } from './adapterTargets.ts'

export type AdapterPart = {
  layer: number
  target: AdapterTarget
  rank: number
  /** [rank][columns] */
  a: Float32Array
  /** [rows][rank], rows in the order of the GGUF matrix. */
  b: Float32Array
}

export type Adapter = {
  rank: number
  /** alpha ÷ rank, as f32. */
  scale: number
  parts: readonly AdapterPart[]
  /** SHA-256 of the file. */
  sha256: Uint8Array
}

const rankMax = 256
const configCharactersMax = 65_536

/**
 * @param file - safetensors with `adapter_config` (the text of PEFT's adapter_config.json) in its metadata
 * @throws {SafetensorsInvalidError} {AdapterInvalidError}
 */
export function readAdapter(file: Uint8Array, graph: Graph): Adapter {
  if (graph.architecture !== 'llama') throw new AdapterInvalidError('the model is not of the Llama family')
  const tensors = readSafetensors(file)
  const { rank, scale } = readConfig(tensors.metadata.get('adapter_config'))
  const parts: AdapterPart[] = []
  for (let layer = 0; layer < graph.layerCount; layer++) {
    for (const target of adapterTargets) {
      const part = readPart(tensors, graph, layer, target, rank)
      if (part !== undefined) parts.push(part)
    }
  }
  if (parts.length === 0) throw new AdapterInvalidError('it changes no matrix of the model')
  if (parts.length * 2 !== tensors.tensors.size)
    throw new AdapterInvalidError('a tensor belongs to no matrix of the model')
  return { rank, scale, parts, sha256: sha256(file) }
}

function readPart({ tensors }: Safetensors, graph: Graph, layer: number, target: AdapterTarget, rank: number) {
  const [nameA, nameB] = [tensorName(layer, target, 'A'), tensorName(layer, target, 'B')]
  const [tensorA, tensorB] = [tensors.get(nameA), tensors.get(nameB)]
  if (tensorA === undefined && tensorB === undefined) return undefined
  const { columns, rows } = targetShape(graph, target)
  const a = floatsOf(tensorA, nameA, [rank, columns])
  const published = floatsOf(tensorB, nameB, [rows, rank])
  const b = new Float32Array(published.length)
  for (let row = 0; row < rows; row++) {
    b.set(published.subarray(row * rank, (row + 1) * rank), ggufRow(graph, target, row) * rank)
  }
  return { layer, target, rank, a, b }
}

function floatsOf(tensor: Parameters<typeof tensorFloats>[0] | undefined, name: string, shape: number[]): Float32Array {
  if (tensor === undefined) throw new AdapterInvalidError('half of a pair is missing', { name })
  if (tensor.shape.length !== 2 || shape.some((length, i) => tensor.shape[i] !== length)) {
    throw new AdapterInvalidError('a tensor has the wrong shape', { name, value: tensor.shape.join('×') })
  }
  const values = tensorFloats(tensor)
  if (!values.every(Number.isFinite)) throw new AdapterInvalidError('a number is not finite', { name })
  return values
}

/** What changes the result must be what is computed here; what does not is passed over. */
function readConfig(text: string | undefined): { rank: number; scale: number } {
  if (text === undefined || text.length > configCharactersMax) {
    throw new AdapterInvalidError(
      'its metadata has no adapter_config',
      {},
      'Put the text of adapter_config.json there.',
    )
  }
  let config: Record<string, unknown> | null
  try {
    config = JSON.parse(text)
  } catch {
    throw new AdapterInvalidError('its adapter_config is not JSON')
  }
  if (typeof config !== 'object' || config === null) throw new AdapterInvalidError('its adapter_config is no object')
  const { r, lora_alpha: alpha, peft_type: type, bias } = config
  if (type !== 'LORA') throw new AdapterInvalidError('it is no LoRA adapter', { value: String(type) })
  if (typeof r !== 'number' || !Number.isInteger(r) || r < 1 || r > rankMax) {
    throw new AdapterInvalidError('its rank is not from 1 to 256', { value: String(r) })
  }
  if (typeof alpha !== 'number' || !(alpha > 0 && alpha <= 65_536)) {
    throw new AdapterInvalidError('its alpha is impossible', { value: String(alpha) })
  }
  const others = [
    'use_rslora',
    'use_dora',
    'fan_in_fan_out',
    'modules_to_save',
    'rank_pattern',
    'alpha_pattern',
  ].filter((name) => !isAbsent(config[name]))
  if (bias !== undefined && bias !== 'none') others.push('bias')
  if (others.length > 0) throw new AdapterInvalidError('it uses what is not supported', { name: others.join(', ') })
  return { rank: r, scale: Math.fround(alpha / r) }
}

function isAbsent(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === false
}

/** What the program id says of an adapter (spec/tensor.md §9); its values are in its file's root. */
export function adapterLines({ rank, scale, parts }: Adapter): string[] {
  const matrices = parts.map(({ layer, target }) => `${layer}.${moduleName(target)}`)
  return [`adapter 1 rank ${rank} scale ${scale} matrices ${matrices.join(' ')}`]
}

export class AdapterInvalidError extends WeightlessError {
  constructor(
    reason: string,
    facts: { name?: string; value?: string } = {},
    hint = 'Use the adapter with the model it was trained on.',
  ) {
    super('tensor/adapter-invalid', `The adapter cannot be used: ${reason}.`, facts, { hint })
  }
}
