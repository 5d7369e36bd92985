/** The refusal for a model that is not served here. */
import type { ApiError } from '../wire/apiError.ts'

export function unknownModel(id: string): ApiError {
  return { code: 'model_not_found', message: `The model '${id}' does not exist here; see /v1/models.`, param: 'model' }
}
