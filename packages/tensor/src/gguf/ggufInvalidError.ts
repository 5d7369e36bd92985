/** The one error for a model file that is not what it says: truncated, absurd, overlapping or of a kind not supported. */
import { WeightlessError } from '@weightless/codec'

export class GgufInvalidError extends WeightlessError {
  constructor(reason: string, facts: { offset?: number; name?: string; value?: string | number } = {}) {
    super('tensor/gguf-invalid', `Model file is not usable: ${reason}.`, facts, {
      hint: 'Download the file again, or convert the model to GGUF with tensors of F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL or IQ4_XS.',
    })
  }
}
