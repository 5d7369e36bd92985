/** A refusal in the form that the existing SDK reads: `{ error }`, status 400 where nothing fits better. Spec: FINETUNING §7. */
import type { HttpResponse } from '@weightless/env'

export function refuse(error: string, status = 400): HttpResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ error }) }
}
