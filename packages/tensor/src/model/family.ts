/**
 * The families of models that the engine runs, and where they differ from Llama: facts of the architecture, and numbers that the
 * file gives. Spec: spec/tensor.md §11.
 */
import { WeightlessError } from '@weightless/codec'
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'
import { countOf, positiveOf } from './readDimension.ts'

/** What follows from the architecture's name alone. */
type Kind = {
  /** Queries, keys and values have biases. */
  hasBiases: boolean
  /** Heads of queries and of keys are normalised before they are turned. */
  normsHeads: boolean
  /** What attention and the gate give is normalised before it is added. */
  normsOutputs: boolean
  /** Which values of a head turn together: neighbours, or value i with value i + rotated/2. */
  rotation: 'neighbours' | 'halves'
  gate: 'silu' | 'gelu'
  /** Embeddings are multiplied with the root of the width. */
  scalesEmbedding: boolean
  /** Layers of a period of which all but the last see only a window, unless the file says otherwise. */
  windowPeriod?: number
  windowDefault?: number
  /** Base of the rotation in those layers, where it is another than in the rest. */
  localRopeBase?: number
  scoreCap?: number
  logitCap?: number
  /** The layers of the one size whose scores are divided by the root of width ÷ heads. */
  layersOfWideScores?: number
}

const llama: Kind = {
  hasBiases: false,
  normsHeads: false,
  normsOutputs: false,
  rotation: 'neighbours',
  gate: 'silu',
  scalesEmbedding: false,
}
const qwen: Kind = { ...llama, rotation: 'halves' }
const gemma: Kind = { ...qwen, gate: 'gelu', scalesEmbedding: true }

const kinds = {
  llama,
  qwen2: { ...qwen, hasBiases: true },
  qwen3: { ...qwen, normsHeads: true },
  gemma,
  gemma2: {
    ...{ ...gemma, normsOutputs: true, windowPeriod: 2, windowDefault: 4096 },
    ...{ scoreCap: 50, logitCap: 30, layersOfWideScores: 46 },
  },
  gemma3: {
    ...{ ...gemma, normsHeads: true, normsOutputs: true, windowPeriod: 6, windowDefault: 0 },
    ...{ localRopeBase: 10_000, logitCap: 0, layersOfWideScores: 62 },
  },
} satisfies Record<string, Kind>

export type Architecture = keyof typeof kinds
/** Names as `general.architecture` has them. */
export const architectures = Object.keys(kinds) as Architecture[]

export type Family = Pick<Kind, 'hasBiases' | 'normsHeads' | 'normsOutputs' | 'rotation' | 'gate'> & {
  /** What embeddings are multiplied with; 1 for nothing. */
  embeddingFactor: number
  /** Scores are divided by the root of this. */
  scoreSize: number
  /** Scores, and logits, are held within this; 0 for no bound. */
  scoreCap: number
  logitCap: number
  /** Positions that a local layer sees, 0 where no layer is local. Layer i is, unless it is the last of its period. */
  window: number
  windowPeriod: number
  /** Base of the rotation in local layers. */
  localRopeBase: number | undefined
  /** By which angles are divided, in all layers but those with a base of their own. */
  ropeDivisor: number
}

/** @throws {ArchitectureUnsupportedError} */
export function readArchitecture(metadata: ReadonlyMap<string, GgufValue>): Architecture {
  const name = String(metadata.get('general.architecture'))
  const found = architectures.find((each) => each === name)
  if (found === undefined) throw new ArchitectureUnsupportedError({ architecture: name.slice(0, 60) })
  return found
}

export type Shape = { width: number; headCount: number; headSize: number; layerCount: number }

/** @throws {GgufInvalidError} for numbers that are impossible, and for scaled rotations that are not read */
export function readFamily(
  architecture: Architecture,
  metadata: ReadonlyMap<string, GgufValue>,
  { width, headCount, headSize, layerCount }: Shape,
): Family {
  const kind: Kind = kinds[architecture]
  const { hasBiases, normsHeads, normsOutputs, rotation, gate } = kind
  const cap = (name: string, fallback = 0) => {
    const given = metadata.get(`${architecture}.${name}`) ?? fallback
    return given === 0 ? 0 : Math.fround(positiveOf(metadata, `${architecture}.${name}`, fallback))
  }
  const windowed = kind.windowPeriod !== undefined
  const given = metadata.get(`${architecture}.attention.sliding_window`) ?? kind.windowDefault
  const window =
    windowed && given !== 0
      ? countOf(metadata, `${architecture}.attention.sliding_window`, 2 ** 30, kind.windowDefault)
      : 0
  return {
    ...{ hasBiases, normsHeads, normsOutputs, rotation, gate, window },
    embeddingFactor: kind.scalesEmbedding ? Math.fround(Math.sqrt(width)) : 1,
    scoreSize: layerCount === kind.layersOfWideScores ? width / headCount : headSize,
    scoreCap: kind.scoreCap === undefined ? 0 : cap('attn_logit_softcapping', kind.scoreCap),
    logitCap: kind.logitCap === undefined ? 0 : cap('final_logit_softcapping', kind.logitCap),
    windowPeriod: window
      ? countOf(metadata, `${architecture}.attention.sliding_window_pattern`, 1024, kind.windowPeriod)
      : 1,
    localRopeBase:
      window && kind.localRopeBase
        ? positiveOf(metadata, `${architecture}.rope.freq_base_swa`, kind.localRopeBase)
        : undefined,
    ropeDivisor: readScaling(architecture, metadata),
  }
}

/** Whether a layer sees only the last `window` positions. */
export function isLocalLayer({ window, windowPeriod }: Family, layer: number): boolean {
  return window > 0 && layer % windowPeriod < windowPeriod - 1
}

/** Files of Llama are read only without scaling, as the contracts that judge them are. */
function readScaling(architecture: Architecture, metadata: ReadonlyMap<string, GgufValue>): number {
  const type = metadata.get(`${architecture}.rope.scaling.type`)
  const known = architecture === 'llama' ? ['none'] : ['none', 'linear']
  if (type !== undefined && !known.includes(String(type))) {
    throw new GgufInvalidError('its rope scaling is not supported', { value: String(type) })
  }
  if (architecture === 'llama' || type === 'none') return 1
  return positiveOf(metadata, `${architecture}.rope.scaling.factor`, 1)
}

export class ArchitectureUnsupportedError extends WeightlessError {
  constructor(facts: { architecture: string }) {
    super('tensor/architecture-unsupported', 'The exact engine does not run this architecture.', facts, {
      hint: `It runs ${architectures.join(', ')}. Others can be served by llama.cpp (weightless engine add llama), fingerprinted instead of exact.`,
    })
  }
}
