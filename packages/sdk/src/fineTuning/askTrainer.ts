/** One request to a fine-tuning provider; its refusals become typed errors. Spec: FINETUNING §7. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { FetchOptions, FetchResponse } from '@weightless/env'
import type { ClientContext } from '../clientContext.ts'

export type TrainerAddress = { provider: Hex; url: string }

const answerBytesMax = 16 * 1024 * 1024

/** @throws {TrainerRefusedError} for any status but 2xx; `NetworkError` when nothing answers */
export async function callTrainer(
  { env }: ClientContext,
  { provider, url }: TrainerAddress,
  path: string,
  options: FetchOptions = {},
): Promise<FetchResponse> {
  const response = await env.network.fetch(`${url}${path}`, options)
  if (response.status >= 200 && response.status < 300) return response
  const text = await response.text(64 * 1024).catch(() => '')
  throw new TrainerRefusedError({ provider, status: response.status }, messageOf(text))
}

/** JSON in, JSON out. */
export async function askTrainer(
  context: ClientContext,
  trainer: TrainerAddress,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const sent =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await callTrainer(context, trainer, path, sent)
  return response.json(answerBytesMax)
}

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return error
  } catch {
    // Not JSON: the text itself is the best there is to say.
  }
  return text.slice(0, 400)
}

export class TrainerRefusedError extends WeightlessError {
  readonly status: number

  constructor(facts: { provider: Hex; status: number }, message: string) {
    super('sdk/trainer-refused', message || `The provider answered ${facts.status}.`, facts)
    this.status = facts.status
  }
}
