/** The dimensions of an encoder, from its config.json; everything is checked, since files may come from anybody. */
import { bytesToText } from '@weightless/codec'
import { EncoderInvalidError } from './encoderInvalidError.ts'

export type EncoderConfig = {
  layers: number
  /** Of a vector at each position, and of the embedding. */
  width: number
  hiddenWidth: number
  heads: number
  /** Positions that a text may have. */
  positions: number
  vocabSize: number
  typeCount: number
  epsilon: number
}

const limits: Record<Exclude<keyof EncoderConfig, 'epsilon'>, [name: string, max: number]> = {
  layers: ['num_hidden_layers', 128],
  width: ['hidden_size', 8_192],
  hiddenWidth: ['intermediate_size', 32_768],
  heads: ['num_attention_heads', 256],
  positions: ['max_position_embeddings', 8_192],
  vocabSize: ['vocab_size', 2 ** 20],
  typeCount: ['type_vocab_size', 16],
}

/** @throws {EncoderInvalidError} */
export function readEncoderConfig(file: Uint8Array): EncoderConfig {
  const json = parse(file)
  const required = { model_type: 'bert', hidden_act: 'gelu' }
  for (const [name, value] of Object.entries(required)) {
    if (json[name] !== value)
      throw new EncoderInvalidError('it is of another kind', { name, value: String(json[name]) })
  }
  if ((json.position_embedding_type ?? 'absolute') !== 'absolute') {
    throw new EncoderInvalidError('its positions are not absolute')
  }
  const read = Object.fromEntries(
    Object.entries(limits).map(([key, [name, max]]) => {
      const value = json[name]
      if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > max) {
        throw new EncoderInvalidError('a dimension is impossible', { name, value: String(value) })
      }
      return [key, Number(value)]
    }),
  ) as Omit<EncoderConfig, 'epsilon'>
  const { width, hiddenWidth, heads } = read
  if (width % (heads * 8) !== 0 || hiddenWidth % 8 !== 0) {
    throw new EncoderInvalidError('widths of heads and layers must be multiples of eight', { value: width })
  }
  const epsilon = json.layer_norm_eps
  if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon < 1)) {
    throw new EncoderInvalidError('a dimension is impossible', { name: 'layer_norm_eps' })
  }
  return { ...read, epsilon: Math.fround(epsilon) }
}

function parse(file: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(bytesToText(file))
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new EncoderInvalidError('its configuration is not a JSON object')
}
