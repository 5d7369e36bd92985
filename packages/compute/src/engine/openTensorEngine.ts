/** The embedded deterministic engine behind the `Engine` seam: starts its worker, streams its tokens, survives its faults. */
import type { Env, TaskPort } from '@weightless/env'
import { checks } from '@weightless/receipt'
import {
  type ByteSource,
  bytesSource,
  type CrewSeat,
  createCrewSeat,
  dismissCrew,
  mateModule,
} from '@weightless/tensor'
import { joinSources } from '@weightless/tensor/byteSource'
import {
  type DisputedJob,
  type EngineEnd,
  EngineFailedError,
  EngineRefusedError,
  type EngineRun,
  type EngineToken,
  type ExactEngine,
} from './engine.ts'
import type { EngineInput, FromWorker, ToWorker } from './enginePort.ts'

export type TensorEngineOptions = {
  env: Pick<Env, 'tasks' | 'log'>
  /** Name under which the model is sold. */
  name: string
  /** The whole GGUF file; its buffer is moved into the worker when the array covers all of it. */
  weights: Uint8Array
  /** Tokens that the engine may run ahead of a slow reader. */
  aheadMax?: number
  /** The same file, to read ranges of in a dispute; without it the engine defends no answer. */
  file?: ByteSource
  /** Threads that help the engine's own with prompts, same bits; default 0. The simulator has none to give. */
  mates?: number
  /** Jobs that run side by side, 1 to 32; default 8. */
  concurrent?: number
  /** Bytes that the keys and values of all jobs together may come to take; one alone may always run. Default 1 GiB. */
  cacheBytesMax?: number
  /** A LoRA adapter (safetensors) that every answer includes; receipts then name the adapted model. */
  adapter?: Uint8Array
  /** A changed worker, for the provider that cheats on purpose. */
  worker?: URL
}

type Waiting = { resolve: (message: FromWorker) => void; reject: (error: unknown) => void }

/** Resolves when the model is loaded. @throws {EngineFailedError} */
export async function openTensorEngine(options: TensorEngineOptions): Promise<ExactEngine> {
  const { env, name, aheadMax = 128, mates = 0, concurrent = 8, cacheBytesMax = 2 ** 30, adapter } = options
  // A working reads the adapter's numbers behind the model's.
  const file = options.file && adapter ? joinSources(options.file, bytesSource(adapter)) : options.file
  const weights = isWhole(options.weights) ? options.weights : options.weights.slice()
  const module = options.worker ?? new URL('./tensorWorker.ts', import.meta.url)
  const seat = mates > 0 ? createCrewSeat(mates) : undefined
  const input: EngineInput = {
    name,
    weights,
    concurrent,
    cacheBytesMax,
    ...(seat && { seat }),
    ...(file && { fileBytes: file.sizeBytes }),
    ...(adapter && { adapter }),
  }
  const port = env.tasks.open(module, input, [weights.buffer as ArrayBuffer])
  const matePorts = seat ? startMates(env, seat) : []
  const link = createLink(port, name, file)
  const { model, memoryBytes } = (await link.ready) as Extract<FromWorker, { kind: 'ready' }>
  // Not in the worker: a thread loads every module anew, and this one brings much with it.
  const check = checks.reExecution
  env.log.info('engine opened', { model: name, modelRoot: model.modelRoot, memoryBytes })
  return {
    kind: 'exact',
    model: { ...model, check },
    concurrent,
    async countPrompt(messages, tools = '') {
      const answer = await link.ask((id) => ({ kind: 'count', id, messages, tools }))
      return (answer as Extract<FromWorker, { kind: 'counted' }>).tokens
    },
    start: (job) => startRun(link, job, aheadMax),
    async traceOperators(job, end) {
      const answer = await link.ask((id) => ({ kind: 'trace', id, job, end }))
      return (answer as Extract<FromWorker, { kind: 'traced' }>).trace
    },
    ...(file && {
      async defend(disputed: DisputedJob) {
        const answer = await link.ask((id) => ({ kind: 'defend', id, disputed }))
        return (answer as Extract<FromWorker, { kind: 'defended' }>).answer
      },
      forgetDispute: (key: string) => link.send({ kind: 'forget', key }),
    }),
    async close() {
      await link.close()
      if (seat) dismissCrew(seat)
      await Promise.all(matePorts.map((mate) => mate.close()))
    },
  }
}

function startMates({ tasks }: TensorEngineOptions['env'], seat: CrewSeat): TaskPort[] {
  return Array.from({ length: seat.mateCount }, (_, index) => tasks.open(mateModule, { seat, index }))
}

/** What becomes of an answer: a token, its end or its failure. */
type StreamEvent = EngineToken | Extract<FromWorker, { kind: 'drained' | 'failed' }>

type Link = ReturnType<typeof createLink>

/** Matches answers to questions; everything fails together when the worker does. */
function createLink(port: TaskPort, name: string, file: ByteSource | undefined) {
  const waiting = new Map<number, Waiting>()
  const streams = new Map<number, (event: StreamEvent) => void>()
  let nextId = 1
  let broken: unknown
  const started = Promise.withResolvers<FromWorker>()
  waiting.set(0, started)

  function take(id: number): Waiting | undefined {
    const found = waiting.get(id)
    waiting.delete(id)
    return found
  }

  function receive(message: FromWorker): void {
    if (message.kind === 'pulse') port.send({ kind: 'pulse' } satisfies ToWorker)
    else if (message.kind === 'read') void readRange(port, file, message)
    else if (message.kind === 'ready') take(0)?.resolve(message)
    else if (message.kind === 'failed') {
      const facts = { model: name, reason: message.reason }
      const error = message.refused ? new EngineRefusedError(facts) : new EngineFailedError(facts)
      streams.get(message.id)?.(message)
      take(message.id)?.reject(error)
    } else if (message.kind === 'tokens') {
      for (const passed of message.tokens) streams.get(passed.id)?.(passed.token)
    } else if (message.kind === 'drained') streams.get(message.id)?.(message)
    else take(message.id)?.resolve(message)
  }

  function fail(cause: unknown): void {
    broken = new EngineFailedError({ model: name, reason: 'its worker ended' }, cause)
    for (const { reject } of waiting.values()) reject(broken)
    waiting.clear()
    for (const [id, stream] of streams) stream({ kind: 'failed', id, reason: 'its worker ended', refused: false })
  }

  void (async () => {
    try {
      for await (const message of port.messages as AsyncIterable<FromWorker>) receive(message)
      fail(undefined)
    } catch (cause) {
      fail(cause)
    }
  })()

  return {
    name,
    ready: started.promise,
    streams,
    newId: () => nextId++,
    send: (message: ToWorker) => port.send(message),
    ask(question: (id: number) => ToWorker, id = nextId++): Promise<FromWorker> {
      if (broken) return Promise.reject(broken)
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        port.send(question(id))
      })
    },
    close: () => port.close(),
  }
}

async function readRange(
  port: TaskPort,
  file: ByteSource | undefined,
  { id, offset, length }: Extract<FromWorker, { kind: 'read' }>,
): Promise<void> {
  // The worker says what it lacks; its dispute fails, and nothing else.
  const bytes = await file?.read(offset, length).catch(() => undefined)
  port.send({ kind: 'bytes', id, bytes } satisfies ToWorker)
}

async function startRun(link: Link, job: Parameters<ExactEngine['start']>[0], ahead: number): Promise<EngineRun> {
  const id = link.newId()
  const tokens = createTokenStream(link, id, Math.max(1, Math.floor(ahead / 4)))
  const answer = await link.ask(() => ({ kind: 'run', id, job, ahead }), id)
  let ended: Promise<EngineEnd> | undefined
  return {
    promptTokens: (answer as Extract<FromWorker, { kind: 'started' }>).promptTokens,
    tokens,
    end(keepTokens) {
      ended ??= link
        .ask(() => ({ kind: 'end', id, keepTokens }), id)
        .then((message) => (message as Extract<FromWorker, { kind: 'done' }>).end)
        .finally(() => link.streams.delete(id))
      return ended
    },
  }
}

/**
 * Tokens in order; those taken let the worker make as many more, which it is told of every `creditStep` tokens. Bounded by
 * that credit.
 */
function createTokenStream(link: Link, id: number, creditStep: number): AsyncIterable<EngineToken> {
  const ready: EngineToken[] = []
  let end: { error?: unknown } | undefined
  let taken = 0
  let wake: (() => void) | undefined
  link.streams.set(id, (message) => {
    if (!('kind' in message)) ready.push(message)
    else if (message.kind === 'failed') end = { error: faultOf(link.name, message) }
    else end = {}
    wake?.()
  })
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const token = ready.shift()
        if (token) {
          if (++taken === creditStep) {
            link.send({ kind: 'credit', id, count: taken })
            taken = 0
          }
          yield token
        } else if (end) {
          if (end.error) throw end.error
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}

function faultOf(model: string, { reason, refused }: { reason: string; refused: boolean }) {
  return refused ? new EngineRefusedError({ model, reason }) : new EngineFailedError({ model, reason })
}

function isWhole({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength
}
