/**
 * `npm run sim:conservation -- [--runs N] [--seed N] [--model NAME] [--workers N] [--plant NAME | all]`
 *
 * Random sequences of operations in the contracts of settlement, both kinds of stakes, jobs, challenges and audits, each against a model of the rules: deposits
 * = balances + payouts after every one. In worker processes; on failure prints what repeats it. With `--plant` the models are
 * made wrong by one second, wei or percent, and it is a failure when the difference is not found.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { models } from './models.ts'

type Part = { model: string; runs: number; seed: number; plant?: string }
/** `failure`: what fast-check says; `isDifference`: contract and model differ, nothing else broke. */
type Played = { part: Part; steps: number; cpuSeconds: number; failure?: string; isDifference?: boolean }

/** Sequences of one worker's turn. */
const partRuns = 500

if (process.send) process.on('message', (part: Part) => void playPart(part).then((played) => process.send!(played)))
else process.exitCode = await main()

async function playPart(part: Part): Promise<Played> {
  const { run } = models.find(({ name }) => name === part.model)!
  const before = process.cpuUsage()
  let steps = 0
  const onPlayed = (count: number) => {
    steps += count
  }
  const outcome = await run({ ...part, onPlayed }).then(
    () => ({}),
    (fault: Error) => ({
      failure: fault.stack ?? fault.message,
      isDifference: (fault.cause as Error | undefined)?.name === 'AssertionError' || fault.name === 'AssertionError',
    }),
  )
  const { user, system } = process.cpuUsage(before)
  return { part, steps, cpuSeconds: (user + system) / 1e6, ...outcome }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(randomInt(1, 2 ** 30)) },
      model: { type: 'string' },
      workers: { type: 'string', default: '2' },
      plant: { type: 'string' },
    },
  })
  const chosen = models.filter(({ name }) => values.model === undefined || name === values.model)
  const [runs, seed, workers] = [values.runs, values.seed, values.workers].map(Number) as [number, number, number]
  if (chosen.length === 0 || ![runs, seed, workers].every((value) => Number.isSafeInteger(value) && value > 0)) {
    console.error(
      `Models are ${models.map(({ name }) => name).join(', ')}; --runs, --seed, --workers are whole numbers from 1 on.`,
    )
    return 2
  }
  const parts = chosen.flatMap(({ name, plants }) =>
    values.plant === undefined
      ? split(name, runs, seed)
      : plants
          .filter((plant) => values.plant === 'all' || plant === values.plant)
          .map((plant) => ({ model: name, runs, seed, plant })),
  )
  console.log(`seed ${seed}, ${workers} worker processes`)
  const startMs = performance.now()
  const played = await playAll(parts, workers)
  const failures =
    values.plant === undefined
      ? report(
          chosen.map(({ name }) => name),
          played,
        )
      : reportPlants(played)
  console.log(`${((performance.now() - startMs) / 1000).toFixed(0)} s in all`)
  return failures > 0 ? 1 : 0
}

/** Every part has a seed of its own. */
function split(model: string, runs: number, seed: number): Part[] {
  return Array.from({ length: Math.ceil(runs / partRuns) }, (_, at) => ({
    model,
    runs: Math.min(partRuns, runs - at * partRuns),
    seed: seed + at,
  }))
}

/** Each worker takes the next part when it is done with one. */
async function playAll(parts: readonly Part[], workers: number): Promise<Played[]> {
  const waiting = [...parts]
  const played: Played[] = []
  await Promise.all(
    Array.from({ length: Math.min(workers, parts.length) }, async () => {
      const child = fork(import.meta.filename)
      try {
        for (let part = waiting.shift(); part; part = waiting.shift()) played.push(await ask(child, part))
      } finally {
        child.kill()
      }
    }),
  )
  return played
}

function ask(child: ChildProcess, part: Part): Promise<Played> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a worker process ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', (answer) => {
      child.off('exit', onExit)
      resolve(answer as Played)
    })
    child.send(part)
  })
}

function report(names: readonly string[], played: readonly Played[]): number {
  for (const name of names) {
    const own = played.filter(({ part, failure }) => part.model === name && failure === undefined)
    const sum = (of: (one: Played) => number) => own.reduce((total, one) => total + of(one), 0)
    const [sequences, steps, seconds] = [
      sum(({ part }) => part.runs),
      sum((one) => one.steps),
      sum((one) => one.cpuSeconds),
    ]
    console.log(`ok   ${name}: ${sequences} sequences, ${steps} steps, ${seconds.toFixed(0)} s of CPU`)
  }
  const failed = played.filter(({ failure }) => failure !== undefined)
  for (const { part, failure } of failed) {
    console.error(`FAIL ${part.model}: ${failure}`)
    console.error(
      `repeat: npm run sim:conservation -- --model ${part.model} --runs ${part.runs} --seed ${part.seed} --workers 1`,
    )
  }
  return failed.length
}

function reportPlants(played: readonly Played[]): number {
  let missed = played.length === 0 ? 1 : 0
  for (const { part, failure, isDifference } of played) {
    const after = /failed after (\d+) tests/.exec(failure ?? '')?.[1]
    if (isDifference && after) console.log(`ok   ${part.model}: ${part.plant} found by sequence ${after}`)
    else {
      missed++
      console.error(`MISS ${part.model}: ${part.plant} ${failure ?? `not found in ${part.runs} sequences`}`)
    }
  }
  return missed
}
