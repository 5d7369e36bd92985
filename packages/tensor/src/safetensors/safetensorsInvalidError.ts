/** The one error for a safetensors file that is not what it says: truncated, overlapping, absurd or of an unknown kind. */
import { WeightlessError } from '@weightless/codec'

export class SafetensorsInvalidError extends WeightlessError {
  constructor(reason: string, facts: { name?: string; value?: string | number } = {}) {
    super('tensor/safetensors-invalid', `The safetensors file is not usable: ${reason}.`, facts)
  }
}
