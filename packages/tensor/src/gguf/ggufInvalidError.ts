/** The one error for a model file that is not what it says: truncated, absurd, overlapping or of a kind not supported. */
import { WeightlessError } from '@weightless/codec'

export class GgufInvalidError extends WeightlessError {
  constructor(reason: string, facts: { offset?: number; name?: string; value?: string | number } = {}) {
    super('tensor/gguf-invalid', `Model file is not usable: ${reason}.`, facts, {
      hint: 'Download the file again, or convert the model to GGUF with F32, F16, Q8_0, Q4_0, Q4_1 or Q2_K to Q6_K tensors.',
    })
  }
}
