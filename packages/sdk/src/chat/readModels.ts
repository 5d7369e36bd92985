/** The gateway's list of models, with price and root where it gives them. */
import { type Hex, isHexOf } from '@weightless/codec'

export type ChatModel = {
  id: string
  /** Storage root of the weights: who wants to check an answer loads them from there. */
  root: Hex | undefined
  provider: Hex | undefined
  inputWeiPerToken: bigint | undefined
  outputWeiPerToken: bigint | undefined
  contextLength: number | undefined
}

const modelsMax = 1_000

/** Reads `{ data: [{ id, … }] }`; entries without an id are dropped. */
export function readModels(document: unknown): ChatModel[] {
  const { data } = (document ?? {}) as { data?: unknown }
  if (!Array.isArray(data)) return []
  return data.slice(0, modelsMax).flatMap((entry: unknown) => {
    const model = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>
    if (typeof model.id !== 'string') return []
    const price = (typeof model.pricing === 'object' && model.pricing !== null ? model.pricing : {}) as Record<
      string,
      unknown
    >
    return [
      {
        id: model.id,
        root: isHexOf(model.root, 32) ? model.root : isHexOf(model.model_root, 32) ? model.model_root : undefined,
        provider: isHexOf(model.provider, 20)
          ? model.provider
          : isHexOf(model.owned_by, 20)
            ? model.owned_by
            : undefined,
        inputWeiPerToken: asWei(price.prompt),
        outputWeiPerToken: asWei(price.completion),
        contextLength: typeof model.context_length === 'number' ? model.context_length : undefined,
      },
    ]
  })
}

function asWei(value: unknown): bigint | undefined {
  return typeof value === 'string' && /^\d{1,40}$/.test(value) ? BigInt(value) : undefined
}
