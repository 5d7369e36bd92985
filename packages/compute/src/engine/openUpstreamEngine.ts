/**
 * Any server that speaks OpenAI's protocol (vLLM, SGLang, llama-server, Ollama, another gateway) behind the `Engine` seam.
 * Watches whether it answers. Spec: COMPUTE §11
 */
import type { Env, FetchResponse } from '@weightless/env'
import { AbortedError, NetworkError } from '@weightless/env'
import { checks, zeroWord } from '@weightless/receipt'
import { type ServiceName, serviceOf } from '../wire/services.ts'
import { type PrintSource, type UpstreamAsk, type UpstreamEngine, UpstreamFailedError } from './engine.ts'
import { openTokenCounter, type TokenCounter } from './openTokenCounter.ts'

export type UpstreamOptions = {
  env: Pick<Env, 'clock' | 'log' | 'network' | 'tasks'>
  /** With or without `/v1` at its end. A function where it may move, as a process of our own does that is started again. */
  url: string | (() => string)
  /** Bearer key of the upstream, if it wants one. */
  apiKey?: string
  /** Name under which the model is sold. */
  name: string
  /** Its name at the upstream; default `name`. */
  upstreamModel?: string
  services: readonly ServiceName[]
  /** Default: what the upstream says in /v1/models, else 32,768. */
  contextLength?: number
  /** A GGUF file or a tokenizer.json, to count tokens with. */
  tokenizer?: Uint8Array
  /** What counts instead of it, and is closed with the engine. */
  counter?: TokenCounter
  /** Answers with log-probabilities have fingerprints. FINGERPRINT §3 */
  fingerprint?: PrintSource
  limits?: Partial<UpstreamLimits>
}

export type UpstreamLimits = {
  /** Until a connection stands. */
  connectMsMax: number
  /** Until the answer begins: a whole answer is computed in this time. */
  firstByteMsMax: number
  /** While it is away it is asked so often whether it is back. */
  probeMs: number
}

const limitsDefault: UpstreamLimits = { connectMsMax: 5_000, firstByteMsMax: 300_000, probeMs: 2_000 }
const contextLengthDefault = 32_768
const listBytesMax = 4 * 1024 * 1024
/** Failures in a row after which nobody is sent there any more. */
const failuresMax = 2

/** Resolves when the upstream has answered once. @throws {UpstreamFailedError} {TokenizerInvalidError} */
export async function openUpstreamEngine(options: UpstreamOptions): Promise<UpstreamEngine> {
  const { env, name, upstreamModel = name, services } = options
  const limits = { ...limitsDefault, ...options.limits }
  const base = () =>
    (typeof options.url === 'string' ? options.url : options.url()).replace(/\/+$/, '').replace(/\/v1$/, '')
  const listed = await findModel(options, limits, base(), upstreamModel)
  const counter = options.counter ?? (options.tokenizer && (await openTokenCounter(env, options.tokenizer)))
  const health = watchHealth(env, limits.probeMs, () => listModels(options, limits, base()))
  const contextLength = options.contextLength ?? listed ?? contextLengthDefault
  env.log.info('upstream opened', { model: name, url: base(), contextLength, counted: counter !== undefined })
  return {
    kind: 'upstream',
    model: {
      name,
      modelRoot: options.fingerprint?.modelRoot ?? zeroWord,
      programId: zeroWord,
      tokenizerRoot: zeroWord,
      contextLength,
      check: checks.none,
    },
    fingerprint: options.fingerprint,
    upstreamModel,
    services,
    countTokens: counter && ((text) => counter.count(text)),
    async ask(ask) {
      try {
        const response = await send(options, limits, base(), ask)
        health.answered(response.status)
        return response
      } catch (fault) {
        if (fault instanceof AbortedError) throw fault
        health.failed()
        throw new UpstreamFailedError({ reason: fault instanceof NetworkError ? fault.message : String(fault) }, fault)
      }
    },
    awayForSeconds: () => (health.isAway() ? Math.ceil(limits.probeMs / 1_000) : undefined),
    async close() {
      await health.close()
      await counter?.close()
    },
  }
}

function send(
  { env, apiKey }: UpstreamOptions,
  { connectMsMax, firstByteMsMax }: UpstreamLimits,
  base: string,
  { path, contentType, body, signal }: UpstreamAsk,
): Promise<FetchResponse> {
  return env.network.fetch(`${base}${path}`, {
    method: 'POST',
    headers: {
      'content-type': contentType,
      accept: '*/*',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body,
    signal,
    connectMs: connectMsMax,
    timeoutMs: firstByteMsMax,
  })
}

type ModelEntry = { id?: unknown; max_model_len?: unknown; context_length?: unknown; meta?: { n_ctx?: unknown } | null }

/** Throws what keeps the upstream from answering. */
async function listModels(
  { env, apiKey }: UpstreamOptions,
  { connectMsMax }: UpstreamLimits,
  base: string,
): Promise<ModelEntry[]> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const timeoutMs = Math.max(connectMsMax, 5_000)
  const response = await env.network.fetch(`${base}/v1/models`, { headers, timeoutMs, connectMs: connectMsMax })
  const text = await response.text(listBytesMax)
  if (response.status >= 500 || response.status === 401 || response.status === 403) {
    throw new UpstreamFailedError({ reason: `it answers ${response.status} to GET /v1/models` })
  }
  try {
    const { data } = JSON.parse(text) as { data?: unknown }
    return Array.isArray(data) ? data.filter((entry) => typeof entry === 'object' && entry !== null) : []
  } catch {
    // Some serve one model and have no such list: what counts is that they answer.
    return []
  }
}

/** The context length, if it is told. A list without the model is a mistake of the operator, best said at once. */
async function findModel(
  options: UpstreamOptions,
  limits: UpstreamLimits,
  base: string,
  model: string,
): Promise<number | undefined> {
  let entries: ModelEntry[]
  try {
    entries = await listModels(options, limits, base)
  } catch (fault) {
    if (fault instanceof UpstreamFailedError) throw fault
    throw new UpstreamFailedError({ reason: fault instanceof Error ? fault.message : String(fault) }, fault)
  }
  const found = entries.find(({ id }) => id === model)
  if (entries.length > 0 && !found) {
    const names = entries.slice(0, 20).map(({ id }) => String(id))
    throw new UpstreamFailedError({ reason: `it has no model ${model}, but ${names.join(', ')}` })
  }
  const told = [found?.max_model_len, found?.context_length, found?.meta?.n_ctx]
  return told.find((value): value is number => Number.isInteger(value) && (value as number) > 0)
}

function watchHealth({ clock, log }: Pick<Env, 'clock' | 'log'>, probeMs: number, probe: () => Promise<unknown>) {
  const stop = new AbortController()
  let failures = 0
  let probing: Promise<void> | undefined

  async function untilBack(): Promise<void> {
    log.warn('upstream away')
    while (!stop.signal.aborted) {
      await clock.sleep(probeMs, stop.signal).catch(() => undefined)
      try {
        if (stop.signal.aborted) return
        await probe()
        failures = 0
        return log.info('upstream back')
      } catch (fault) {
        log.debug('upstream still away', { reason: String(fault) })
      }
    }
  }

  return {
    isAway: () => probing !== undefined,
    answered(status: number) {
      if (status >= 500) this.failed()
      else failures = 0
    },
    failed() {
      failures++
      if (failures < failuresMax || probing || stop.signal.aborted) return
      probing = untilBack().finally(() => {
        probing = undefined
      })
    },
    async close() {
      stop.abort()
      await probing
    },
  }
}

/** Which of the services a path belongs to is sold here. */
export function sells({ services }: UpstreamEngine, path: Parameters<typeof serviceOf>[0]): boolean {
  return services.includes(serviceOf(path))
}
