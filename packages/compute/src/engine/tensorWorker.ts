/** The embedded engine inside its worker: one model, jobs one after the other, tokens streamed under credit. */
import { bytesToHex, hexToBytes, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { TaskPort } from '@weightless/env'
import {
  type ChatRun,
  type ChatToken,
  type ChatRequest as EngineRequest,
  encodeTrace,
  type Logprobs,
  loadModel,
  type Model,
  replayChat,
  runChat,
} from '@weightless/tensor'
import { stepRoot } from '@weightless/tensor/trace/stepRoot'
import type { EngineEnd, EngineJob, EngineToken } from './engine.ts'
import type { EngineInput, FromWorker, ToWorker } from './enginePort.ts'

type Running = {
  credit: number
  /** What each token added to the text. */
  texts: string[]
  wake: (() => void) | undefined
  abort: AbortController
  run: Promise<ChatRun>
}

/** The worker's main: see `Tasks.open`. */
export default async function serveEngine(port: TaskPort, input: unknown): Promise<void> {
  const { name, weights, seat } = input as EngineInput
  const send = (message: FromWorker) => port.send(message)
  const modelRoot = bytesToHex(fileRoot(weights))
  const model = await loadModel(weights, seat ? { seat } : {})
  const { info, programId, tokenizerRoot } = model
  const { contextLength } = info
  const described = { name, modelRoot, programId, tokenizerRoot, contextLength }
  send({ kind: 'ready', model: described, memoryBytes: model.memoryBytes() })
  const running = new Map<number, Running>()
  const pulses: (() => void)[] = []
  const pause = () =>
    new Promise<void>((resolve) => {
      pulses.push(resolve)
      send({ kind: 'pulse' })
    })
  const host = { model, running, send, pause }
  for await (const message of port.messages as AsyncIterable<ToWorker>) {
    if (message.kind === 'pulse') pulses.shift()?.()
    else if (message.kind === 'credit') grant(running.get(message.id), message.count)
    else void answer(host, message)
  }
}

type Host = {
  model: Model
  running: Map<number, Running>
  send: (message: FromWorker) => void
  pause: () => Promise<void>
}

async function answer(host: Host, message: Exclude<ToWorker, { kind: 'pulse' | 'credit' }>): Promise<void> {
  const { id } = message
  try {
    if (message.kind === 'count') {
      host.send({ kind: 'counted', id, tokens: host.model.promptTokens(message.messages).length })
    } else if (message.kind === 'run') await run(host, id, message.job, message.ahead)
    else if (message.kind === 'end') await end(host, id, message.keepTokens)
    else {
      const claim = { ...message.end, traceRoot: undefined }
      const verdict = await replayChat(host.model, requestOf(message.job), claim, { pause: host.pause })
      if (!verdict.ok) throw new TraceUnrepeatableError(verdict.difference.what)
      host.send({ kind: 'traced', id, trace: encodeTrace(verdict.trace, 'operators') })
    }
  } catch (fault) {
    const code = fault instanceof WeightlessError ? fault.code : ''
    const refused = code === 'tensor/chat-invalid' || code === 'tensor/chat-template'
    host.send({ kind: 'failed', id, reason: fault instanceof Error ? fault.message : String(fault), refused })
  }
}

async function run(host: Host, id: number, job: EngineJob, ahead: number): Promise<void> {
  const { model, send, pause } = host
  const promptTokens = model.promptTokens(job.messages).length
  const abort = new AbortController()
  const state: Running = { credit: ahead, texts: [], wake: undefined, abort, run: undefined as never }
  async function onToken(event: ChatToken): Promise<void> {
    state.texts.push(event.text)
    send({ kind: 'token', id, token: tokenOf(model, event) })
    state.credit--
    while (state.credit <= 0 && !abort.signal.aborted) {
      await new Promise<void>((resolve) => {
        state.wake = resolve
      })
    }
  }
  const { topLogprobs } = job
  send({ kind: 'started', id, promptTokens })
  state.run = runChat(model, requestOf(job), {
    onToken,
    pause,
    signal: abort.signal,
    trace: 'steps',
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
  })
  host.running.set(id, state)
  try {
    await state.run
    send({ kind: 'drained', id })
  } catch (fault) {
    host.running.delete(id)
    throw fault
  }
}

async function end(host: Host, id: number, keepTokens: number | undefined): Promise<void> {
  const state = host.running.get(id)
  if (!state) return
  if (keepTokens !== undefined) {
    state.abort.abort()
    grant(state, 0)
  }
  try {
    host.send({ kind: 'done', id, end: endOf(await state.run, state.texts, keepTokens) })
  } finally {
    host.running.delete(id)
  }
}

/** What the run made, or the beginning of it: a trace of a prefix is a prefix of the trace. */
function endOf(run: ChatRun, texts: readonly string[], keepTokens: number | undefined): EngineEnd {
  const kept = Math.min(keepTokens ?? run.outputTokens.length, run.outputTokens.length)
  const isWhole = kept === run.outputTokens.length
  const promptTokens = run.promptTokens.length
  const steps = (run.trace?.steps ?? []).slice(0, promptTokens + Math.max(0, kept - 1))
  const root = stepRoot(steps)
  return {
    finishReason: isWhole ? run.finishReason : 'cancelled',
    promptTokens,
    outputTokens: run.outputTokens.slice(0, kept),
    outputText: isWhole ? run.text : texts.slice(0, kept).join(''),
    traceRoot: bytesToHex(root),
    trace: encodeTrace({ root, steps, operators: undefined }, 'steps'),
  }
}

function requestOf({ messages, sampler, seed, stop }: EngineJob): EngineRequest {
  const { temperature, topP, maxTokens } = sampler
  return { messages, temperature, topP, maxTokens, stop, seed32: hexToBytes(seed) }
}

function tokenOf(model: Model, { token, text, logprobs }: ChatToken): EngineToken {
  return { token, text, ...(logprobs ? { logprob: describe(model, logprobs) } : {}) }
}

function describe(model: Model, { top, ...chosen }: Logprobs): NonNullable<EngineToken['logprob']> {
  const plain = ({ token, logprob }: typeof chosen) => {
    const bytes = model.tokenizer.tokenBytes(token)
    return { token, logprob, bytes, text: new TextDecoder().decode(bytes) }
  }
  return { ...plain(chosen), top: top.map(plain) }
}

function grant(state: Running | undefined, count: number): void {
  if (!state) return
  state.credit += count
  state.wake?.()
  state.wake = undefined
}

class TraceUnrepeatableError extends WeightlessError {
  constructor(what: string) {
    super('compute/trace-unrepeatable', 'The job does not give the same answer again.', { what })
  }
}
