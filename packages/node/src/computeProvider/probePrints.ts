/**
 * What the log-probabilities of a server are of, found out by asking it as a user would and weighing the answers with the file
 * that it is said to run: before anything is sold whose fingerprint users would refuse. Spec: spec/fingerprint.md §3.1
 */
import { textToBytes, WeightlessError } from '@weightless/codec'
import type { PrintSource } from '@weightless/compute'
import type { Env } from '@weightless/env'
import { type LogprobKind, logprobKinds, plainWords } from '@weightless/receipt'
import { boundsOf, findBeyond, strainOf } from '@weightless/receipt/fingerprint/printBounds'
import { type PrintedAnswer, readPrintedAnswer, readPrintedRequest } from '@weightless/receipt/fingerprint/readPrinted'
import { weighByKinds } from '@weightless/receipt/fingerprint/weighAnswer'
import type { PrintFigures } from '@weightless/receipt/fingerprint/weighPrint'
import { loadModel } from '@weightless/tensor'
import { openFileSource, rootOfFile } from '../openFileSource.ts'

export type ProbedServer = {
  /** With or without `/v1` at its end. */
  url: string
  apiKey?: string
  model: string
  /** The GGUF that it is said to run. */
  file: string
  /** Said by the operator: then nothing is weighed. */
  logprobs?: LogprobKind
}

/** Samplers under which what is cut first, what is shown, and what a server cuts by itself all differ. */
const samplers = [
  { temperature: 1.8, top_p: 0.5 },
  { temperature: 0.6, top_p: 0.8 },
  { temperature: 1.5, top_p: 1 },
]
const prompts = ['Write a short story about the sea.', 'Explain how bread is made.', 'List many animals.']
const answerTokens = 48
const answerBytesMax = 4 * 1024 * 1024
const answerMsMax = 300_000

/** Three answers of 48 tokens and their weighing; one token where the operator has said the kind. @throws {PrintProbeError} */
export async function probePrints(env: Pick<Env, 'network' | 'log'>, server: ProbedServer): Promise<PrintSource> {
  const modelRoot = await rootOfFile(server.file)
  const words = await findWords(env, server)
  if (server.logprobs) return { modelRoot, logprobs: server.logprobs, words }
  const source = await openFileSource(server.file)
  try {
    const { bounds } = boundsOf(modelRoot)
    const model = await loadModel(source)
    const weighed: PrintFigures[][] = []
    for (const [index, sampler] of samplers.entries()) {
      const { request, answer } = await askLong(
        env,
        server,
        { ...sampler, ...words, seed: index + 1 },
        bounds.positionsMin,
      )
      const figures = await weighByKinds(model, request, answer, logprobKinds)
      if ('fault' in figures) throw new PrintProbeError({ model: server.model, reason: figures.fault })
      weighed.push(figures)
    }
    const strains = logprobKinds.map((_, kind) => Math.max(...weighed.map((each) => strainOf(each[kind]!, bounds))))
    const nearest = strains.indexOf(Math.min(...strains))
    const logprobs = logprobKinds[nearest]!
    const beyond = weighed.map((each) => findBeyond(each[nearest]!, bounds)).find((found) => found !== undefined)
    if (beyond !== undefined) throw new PrintProbeError({ model: server.model, reason: beyond, logprobs })
    env.log.info('fingerprints probed', { model: server.model, logprobs, words: Object.keys(words).join() })
    return { modelRoot, logprobs, words }
  } finally {
    await source.close()
  }
}

type Asked = { status: number; answer: PrintedAnswer | undefined }

/** Words that switch off a sampler's own settings, where the server takes them. */
async function findWords(env: Pick<Env, 'network'>, server: ProbedServer): Promise<object> {
  const { model } = server
  const refused = new Set([400, 422])
  for (const words of [plainWords, {}]) {
    const { status, answer } = await ask(
      env,
      server,
      bodyOf(model, prompts[0]!, { temperature: 1, top_p: 1, ...words }, 4),
    )
    if (answer?.positions.some(({ top }) => top.length >= 5)) return words
    if (status === 200) throw new PrintProbeError({ model, reason: 'it shows no log-probabilities of alternatives' })
    if (!refused.has(status)) throw new PrintProbeError({ model, reason: `it answers ${status}` })
  }
  throw new PrintProbeError({ model, reason: 'it refuses a chat that asks for log-probabilities of 20 alternatives' })
}

/** Some prompts are answered in a word. */
async function askLong(env: Pick<Env, 'network'>, server: ProbedServer, sampler: object, positionsMin: number) {
  for (const prompt of prompts) {
    const body = bodyOf(server.model, prompt, sampler, answerTokens)
    const { status, answer } = await ask(env, server, body)
    if (status !== 200) throw new PrintProbeError({ model: server.model, reason: `it answers ${status}` })
    if (answer && answer.positions.length >= positionsMin) return { request: readPrintedRequest(body)!, answer }
  }
  throw new PrintProbeError({ model: server.model, reason: 'its answers are too short to be weighed' })
}

function bodyOf(model: string, prompt: string, sampler: object, tokens: number): object {
  const shows = { logprobs: true, top_logprobs: 20 }
  return { model, messages: [{ role: 'user', content: prompt }], max_tokens: tokens, ...sampler, ...shows }
}

async function ask(
  { network }: Pick<Env, 'network'>,
  { url, apiKey, model }: ProbedServer,
  body: object,
): Promise<Asked> {
  const base = url.replace(/\/+$/, '').replace(/\/v1$/, '')
  try {
    const response = await network.fetch(`${base}/v1/chat/completions`, {
      ...{ method: 'POST', body: JSON.stringify(body), timeoutMs: answerMsMax },
      headers: { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
    })
    const text = await response.text(answerBytesMax)
    return { status: response.status, answer: readPrintedAnswer(textToBytes(text)) }
  } catch (fault) {
    throw new PrintProbeError({ model, reason: fault instanceof Error ? fault.message : String(fault) }, fault)
  }
}

export class PrintProbeError extends WeightlessError {
  constructor(facts: { model: string; reason: string; logprobs?: LogprobKind }, cause?: unknown) {
    super('node/print-probe', `Answers of this server would have no fingerprint that agrees: ${facts.reason}.`, facts, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'Name the very GGUF that it runs, switch off samplers of its own (top_k, min_p, penalties) and system prompts, or sell without --fingerprint.',
    })
  }
}
