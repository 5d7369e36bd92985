/** The embedded engine inside its worker: one model, jobs side by side in common passes, tokens streamed under credit. */
import { bytesToHex, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { TaskPort } from '@weightless/env'
import {
  adaptedModelRoot,
  type ChatBatch,
  type ChatRun,
  type ChatSeat,
  type ChatToken,
  createChatBatch,
  encodeTrace,
  type Logprobs,
  loadModel,
  type Model,
  replayChat,
} from '@weightless/tensor'
import { locateAdapter } from '@weightless/tensor/adapter/locateAdapter'
import { stepRoot } from '@weightless/tensor/trace/stepRoot'
import { chatRequest } from './chatRequest.ts'
import { createJobDefences, type JobDefences } from './defendJobs.ts'
import type { EngineEnd, EngineJob, EngineToken } from './engine.ts'
import type { EngineInput, FromWorker, PassedToken, ToWorker } from './enginePort.ts'
import { createRangeReader } from './rangeReader.ts'

type Running = {
  credit: number
  /** What each token added to the text. */
  texts: string[]
  seat: ChatSeat
}

type Host = {
  model: Model
  batch: ChatBatch
  running: Map<number, Running>
  /** Tokens of the pass under way, told together when it is done. */
  made: PassedToken[]
  /** Jobs being done again, one after the other. */
  replays: { count: number; last: Promise<unknown> }
  /** Absent where the model's file cannot be read. */
  defences: JobDefences | undefined
  send: (message: FromWorker) => void
  /** Lets messages in. */
  pause: () => Promise<void>
  /** Has passes made as long as there is something to do. */
  pump: () => void
}

/** Jobs that may wait in the worker; the provider's queue lets far fewer come here. */
const waitingMax = 256
const replaysMax = 8
/** Faults that the request has brought on. */
const refusals = new Set([
  'tensor/chat-invalid',
  'tensor/chat-template',
  'tensor/schema-unsupported',
  'tensor/grammar-stuck',
])

/** The worker's main: see `Tasks.open`. */
export default async function serveEngine(port: TaskPort, input: unknown): Promise<void> {
  const { name, weights, adapter, seat, concurrent, cacheBytesMax, fileBytes } = input as EngineInput
  const send = (message: FromWorker) => port.send(message)
  const baseRoot = bytesToHex(fileRoot(weights))
  const modelRoot = adapter ? adaptedModelRoot(baseRoot, bytesToHex(fileRoot(adapter))) : baseRoot
  const model = await loadModel(weights, { ...(seat && { seat }), ...(adapter && { adapter }) })
  const { info, programId, tokenizerRoot } = model
  const { contextLength } = info
  const described = { name, modelRoot, programId, tokenizerRoot, contextLength }
  send({ kind: 'ready', model: described, memoryBytes: model.memoryBytes() })
  const pulses: (() => void)[] = []
  const pause = () =>
    new Promise<void>((resolve) => {
      pulses.push(resolve)
      send({ kind: 'pulse' })
    })
  const positionsMax = Math.floor(cacheBytesMax / model.positionBytes)
  const batch = createChatBatch(model, { sessionsMax: concurrent, positionsMax, waitingMax })
  const replays = { count: 0, last: Promise.resolve() }
  const ranges = fileBytes === undefined ? undefined : createRangeReader(fileBytes, send)
  const places = adapter && locateAdapter(adapter, model.parts.graph, weights.length)
  const defences = ranges && createJobDefences(model, ranges.source, pause, places)
  const made: PassedToken[] = []
  const step = () => {
    const isBusy = batch.step()
    if (made.length > 0) send({ kind: 'tokens', tokens: made.splice(0) })
    return isBusy
  }
  const pump = createPump(step, pause)
  const host: Host = { model, batch, running: new Map(), made, replays, defences, send, pause, pump }
  for await (const message of port.messages as AsyncIterable<ToWorker>) {
    if (message.kind === 'pulse') pulses.shift()?.()
    else if (message.kind === 'bytes') ranges?.take(message.id, message.bytes)
    else if (message.kind === 'forget') defences?.forget(message.key)
    else if (message.kind === 'credit') grant(host, message.id, message.count)
    else void answer(host, message)
  }
}

function createPump(step: () => boolean, pause: () => Promise<void>): () => void {
  let wanted = false
  let turning = false
  async function turn(): Promise<void> {
    turning = true
    while (wanted) {
      // Asked for before the pass, so that the answer is there when the pass is done.
      const pulse = pause()
      wanted = step()
      await pulse
    }
    turning = false
  }
  return () => {
    wanted = true
    if (!turning) void turn()
  }
}

async function answer(
  host: Host,
  message: Exclude<ToWorker, { kind: 'pulse' | 'credit' | 'bytes' | 'forget' }>,
): Promise<void> {
  const { id } = message
  try {
    if (message.kind === 'count') {
      const { messages, tools } = message
      host.send({ kind: 'counted', id, tokens: host.model.promptTokens(messages, tools).length })
    } else if (message.kind === 'run') await run(host, id, message.job, message.ahead)
    else if (message.kind === 'end') await end(host, id, message.keepTokens)
    else if (message.kind === 'defend') {
      host.send({ kind: 'defended', id, answer: await host.defences?.answer(message.disputed) })
    } else host.send({ kind: 'traced', id, trace: await retrace(host, message.job, message.end) })
  } catch (fault) {
    const code = fault instanceof WeightlessError ? fault.code : ''
    const refused = refusals.has(code)
    host.send({ kind: 'failed', id, reason: fault instanceof Error ? fault.message : String(fault), refused })
  }
}

async function run(host: Host, id: number, job: EngineJob, ahead: number): Promise<void> {
  const { model, batch, send, pump } = host
  // Counted before the rules of a run are applied: a prompt that is too long is known by its length.
  send({ kind: 'started', id, promptTokens: model.promptTokens(job.messages, job.shape?.tools).length })
  const { topLogprobs } = job
  const texts: string[] = []
  const seat = batch.add(chatRequest(job), {
    onToken(event) {
      texts.push(event.text)
      host.made.push({ id, token: tokenOf(model, event) })
      state.credit--
    },
    isReady: () => state.credit > 0,
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    ...(job.group === undefined ? {} : { group: job.group }),
  })
  const state: Running = { credit: ahead, texts, seat }
  host.running.set(id, state)
  pump()
  try {
    await seat.result
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
    state.seat.abort()
    // Its place may be another's now.
    host.pump()
  }
  try {
    host.send({ kind: 'done', id, end: endOf(await state.seat.result, state.texts, keepTokens) })
  } finally {
    host.running.delete(id)
  }
}

/** Does a job again for the digests of its operators, between the passes of the others; one after the other. */
async function retrace(host: Host, job: EngineJob, end: Pick<EngineEnd, 'outputTokens' | 'finishReason'>) {
  const { model, replays, pause } = host
  const { outputTokens, finishReason } = end
  if (replays.count >= replaysMax) throw new ReplaysFullError(replays.count)
  replays.count++
  const turn = replays.last.then(() => replayChat(model, chatRequest(job), { outputTokens, finishReason }, { pause }))
  replays.last = turn.catch(() => undefined)
  try {
    const verdict = await turn
    if (!verdict.ok) throw new TraceUnrepeatableError(verdict.difference.what)
    return encodeTrace(verdict.trace, 'operators')
  } finally {
    replays.count--
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

function grant({ running, pump }: Host, id: number, count: number): void {
  const state = running.get(id)
  if (!state) return
  state.credit += count
  // Else it is among those that go on anyway.
  if (state.credit === count) pump()
}

class ReplaysFullError extends WeightlessError {
  constructor(count: number) {
    super('compute/replays-full', 'Too many jobs are being done again already.', { count })
  }
}

class TraceUnrepeatableError extends WeightlessError {
  constructor(what: string) {
    super('compute/trace-unrepeatable', 'The job does not give the same answer again.', { what })
  }
}
