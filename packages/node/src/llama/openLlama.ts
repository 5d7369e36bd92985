/**
 * llama.cpp as an upstream of our own: a child process, started again after a crash, that speaks OpenAI's protocol on loopback.
 * Its answers are nobody's to re-execute; receipts are of class 2 (RECEIPT §4.8). Spec: COMPUTE §11.7
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { openUpstreamEngine, UpstreamFailedError } from '@weightless/compute'
import type { TokenCounter } from '@weightless/compute/engine/openTokenCounter'
import type { Env } from '@weightless/env'
import { superviseProcess } from '../devnet/superviseProcess.ts'
import { rootOfFile } from '../openFileSource.ts'
import { keyVariable, type LlamaOpen, type LlamaSettings } from './llamaSettings.ts'

/** A large file on a slow disk takes its time. */
const openMsMax = 600_000
/** After so many crashes in a row it stays away: what is broken does not heal by trying. */
const crashesMax = 10

/** Resolves when the model is loaded. @throws {GgufFileError} {ProcessFailedError} {UpstreamFailedError} */
export async function openLlama(env: Env, options: LlamaSettings) {
  const file = requireGguf(options.file)
  const key = randomBytes(32).toString('hex')
  let open: LlamaOpen | undefined
  let url = ''
  const settings: LlamaSettings = { ...options, file }
  const child = superviseProcess({
    name: `llama.cpp with ${options.name}`,
    words: [join(import.meta.dirname, 'llamaProcess.ts'), JSON.stringify(settings)],
    environment: { [keyVariable]: key },
    openMsMax,
    crashesMax,
    onOpen: (line) => {
      open = line as LlamaOpen
      url = open.url
      env.log.info('llama.cpp opened', {
        model: options.name,
        contextLength: open.contextLength,
        gpu: String(open.gpu),
      })
    },
    onCrash: (reason) => {
      open = undefined
      env.log.error('llama.cpp ended', { model: options.name, reason: reason.slice(-1_000) })
    },
  })
  try {
    const [modelRoot] = await Promise.all([rootOfFile(file), child.start()])
    const upstream = await openUpstreamEngine({
      env,
      url: () => url,
      apiKey: key,
      name: options.name,
      services: ['chat', 'completions'],
      // It shows what is drawn from.
      fingerprint: { modelRoot, logprobs: 'drawn', words: {} },
      counter: createCounter(env, () => url, key),
    })
    return {
      ...upstream,
      // Known at once here, where an upstream elsewhere is known to be away by its failures.
      awayForSeconds: () => (open ? upstream.awayForSeconds() : restartSeconds),
      async close() {
        await upstream.close()
        await child.stop()
      },
    }
  } catch (fault) {
    await child.stop()
    throw fault
  }
}

const restartSeconds = 2

/** Counts with the model's own tokenizer, whatever kind it is, where the model is. */
function createCounter({ network }: Env, url: () => string, key: string): TokenCounter {
  return {
    async count(text) {
      const response = await network.fetch(`${url()}/v1/tokens`, {
        ...{ method: 'POST', body: JSON.stringify({ text }), timeoutMs: 10_000 },
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      })
      const { tokens } = (await response.json(1_000)) as { tokens?: unknown }
      if (typeof tokens !== 'number') throw new UpstreamFailedError({ reason: 'it does not count' })
      return tokens
    },
    close: async () => undefined,
  }
}

/** @throws {GgufFileError} */
function requireGguf(file: string): string {
  const path = resolve(file)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) throw new GgufFileError({ path, reason: 'there is no such file' })
  return path
}

export class GgufFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('node/gguf-file', `This GGUF cannot be served: ${facts.reason}.`, facts)
  }
}
