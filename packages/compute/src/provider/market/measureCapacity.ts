/** How fast an engine is with all its slots busy, measured by running it; what an offer on the market says. Spec: MARKET §3 */
import { textToBytes } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { EncoderEngine, Engine, ExactEngine, UpstreamEngine } from '../../engine/engine.ts'
import { readPart } from '../upstream/readAnswer.ts'
import { readEvents } from '../upstream/readEvents.ts'

export type Capacity = {
  /** Output tokens per second, all slots together; 0 for what makes no tokens. */
  tokensPerSecond: number
  /** Jobs side by side of which each began to answer. */
  concurrentSlots: number
  /** Median of the times to the first token, with all slots busy. */
  firstTokenMs: number
}

type Bounds = {
  clock: Clock
  /** Jobs side by side. */
  slots: number
  /** Ends it early. */
  signal: AbortSignal
}

/** Tokens of each job. */
const tokensMax = 24
/** What has not begun by then is not counted as a slot. */
const measureMsMax = 20_000

/** One job in a measurement: when each of its tokens came (monotonic). */
type Course = { timesMs: number[] }

/** Undefined where the engine sells nothing that could be measured so, or did not answer at all. */
export async function measureCapacity(engine: Engine, bounds: Bounds): Promise<Capacity | undefined> {
  const { clock, slots } = bounds
  const startMs = clock.monotonicMs()
  const late = new AbortController()
  const slept = new AbortController()
  clock.sleep(measureMsMax, slept.signal).then(
    () => late.abort(),
    () => undefined,
  )
  const signal = AbortSignal.any([bounds.signal, late.signal])
  const runOne = runnerOf(engine, clock)
  if (!runOne) return undefined
  try {
    const courses = await Promise.all(
      Array.from({ length: slots }, async (_, index) => {
        const course: Course = { timesMs: [] }
        // A slot that fails is a slot that is not there.
        await runOne(index, course, signal).catch(() => undefined)
        return course
      }),
    )
    return bounds.signal.aborted ? undefined : weighCourses(courses, startMs, engine.kind !== 'encoder')
  } finally {
    slept.abort()
  }
}

/** @param hasTokens - false: what came is a whole answer */
export function weighCourses(courses: readonly Course[], startMs: number, hasTokens: boolean): Capacity | undefined {
  const begun = courses.filter(({ timesMs }) => timesMs.length > 0)
  if (begun.length === 0) return undefined
  const firsts = begun.map(({ timesMs }) => timesMs[0]! - startMs).sort((a, b) => a - b)
  const all = begun.flatMap(({ timesMs }) => timesMs).sort((a, b) => a - b)
  // The first token of a job is the prompt's work, not the output's.
  const spanMs = all.at(-1)! - all[0]!
  const counted = all.length - begun.length
  const perSecond =
    spanMs > 0 && counted > 0 ? (counted * 1000) / spanMs : (all.length * 1000) / (all.at(-1)! - startMs)
  return {
    tokensPerSecond: hasTokens ? bounded(perSecond) : 0,
    concurrentSlots: Math.min(begun.length, 65_535),
    firstTokenMs: bounded(firsts[Math.floor(firsts.length / 2)]!),
  }
}

/** What the contract can hold; never nothing where there was something. */
const bounded = (value: number): number => Math.max(1, Math.min(Math.round(value), 2 ** 32 - 1))

type RunOne = (index: number, course: Course, signal: AbortSignal) => Promise<void>

function runnerOf(engine: Engine, clock: Clock): RunOne | undefined {
  if (engine.kind === 'exact') return (index, course, signal) => runExact(engine, clock, index, course, signal)
  if (engine.kind === 'encoder') return (index, course, signal) => runEncoder(engine, clock, index, course, signal)
  const path = upstreamPath(engine)
  return path && ((index, course, signal) => runUpstream(engine, path, clock, index, course, signal))
}

/** Each its own, so that nothing is answered from a cache of prompts. */
const promptOf = (index: number): string => `Tell a long story of traveller number ${index + 1}, with many turns.`

async function runExact(engine: ExactEngine, clock: Clock, index: number, course: Course, signal: AbortSignal) {
  const run = await engine.start({
    messages: [{ role: 'user', content: promptOf(index) }],
    seed: `0x${(index + 1).toString(16).padStart(64, '0')}`,
    sampler: { temperature: 1, topP: 1, maxTokens: tokensMax },
    stop: [],
    topLogprobs: undefined,
  })
  const stop = () => void run.end(0).catch(() => undefined)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    for await (const _ of run.tokens) course.timesMs.push(clock.monotonicMs())
  } finally {
    signal.removeEventListener('abort', stop)
    await run.end(0)
  }
}

async function runEncoder(engine: EncoderEngine, clock: Clock, index: number, course: Course, signal: AbortSignal) {
  const { name: model } = engine.model
  const request = { model, inputs: [promptOf(index)], encoding: 'base64' as const, dimensions: undefined }
  const verdict = await engine.embed(request, signal)
  if (verdict.ok) course.timesMs.push(clock.monotonicMs())
}

type UpstreamPath = '/v1/chat/completions' | '/v1/completions'

function upstreamPath({ services }: UpstreamEngine): UpstreamPath | undefined {
  if (services.includes('chat')) return '/v1/chat/completions'
  return services.includes('completions') ? '/v1/completions' : undefined
}

/** An event with text counts as a token, as servers send them. */
async function runUpstream(
  engine: UpstreamEngine,
  path: UpstreamPath,
  clock: Clock,
  index: number,
  course: Course,
  signal: AbortSignal,
) {
  const prompt = promptOf(index)
  const asked = path === '/v1/completions' ? { prompt } : { messages: [{ role: 'user', content: prompt }] }
  const body = textToBytes(
    JSON.stringify({ model: engine.upstreamModel, ...asked, max_tokens: tokensMax, stream: true }),
  )
  const response = await engine.ask({ path, contentType: 'application/json', body, signal })
  if (response.status !== 200) return void (await response.text(65_536))
  for await (const { data } of readEvents(response.body)) {
    if (data === undefined || data === '[DONE]') continue
    const part = readPart(data)
    if (part.text !== '') course.timesMs.push(clock.monotonicMs())
    if (part.isError || course.timesMs.length >= tokensMax) break
  }
}
