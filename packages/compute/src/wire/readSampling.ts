/** The fields of a request that change how its tokens are chosen, besides temperature and top-p. COMPUTE §4.1 */
import type { LogitBias, SamplerParameters } from '@weightless/receipt'
import { logitBiasMax } from '@weightless/receipt/bundle'
import { z } from 'zod'

/** Only what changes something: a penalty of 0 is none. */
export type Adjustments = Pick<SamplerParameters, 'presencePenalty' | 'frequencyPenalty' | 'logitBias'>

const penalty = z.number().min(-2).max(2).nullish()

/** Parts of the schemas of chats and of completions. */
export const adjustmentFields = {
  presence_penalty: penalty,
  frequency_penalty: penalty,
  logit_bias: z
    .record(z.string().regex(/^(0|[1-9]\d{0,6})$/, 'must be the number of a token'), z.number().min(-100).max(100))
    .refine((bias) => Object.keys(bias).length <= logitBiasMax, `has more than ${logitBiasMax} tokens`)
    .nullish(),
}

export function readAdjustments(fields: {
  presence_penalty?: number | null | undefined
  frequency_penalty?: number | null | undefined
  logit_bias?: Readonly<Record<string, number>> | null | undefined
}): Adjustments {
  const { presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty, logit_bias: bias } = fields
  const logitBias: LogitBias = Object.entries(bias ?? {})
    .filter(([, value]) => value !== 0)
    .map(([token, value]) => [Number(token), value] as const)
    .sort(([a], [b]) => a - b)
  return {
    ...(presencePenalty && { presencePenalty }),
    ...(frequencyPenalty && { frequencyPenalty }),
    ...(logitBias.length > 0 && { logitBias }),
  }
}
