/**
 * `npm run sim -- [--scenario NAME] [--seed N | random] [--seeds COUNT] [--plant BUG | all]`
 *
 * Runs scenarios under seeds, each twice, and compares the audit hashes of both runs; without `--scenario`, short ones under
 * three times as many. On failure prints what repeats it: commit, scenario, seed; with 20 seeds or more it is a failure too
 * when a fault that a scenario names has never fired. With `--plant`, hunts for bugs planted into the code and fails if one is not found.
 */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { huntPlantedBug, runScenario } from './runScenario.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '20' },
    plant: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario)
if (chosen.length === 0) {
  console.error(`No scenario is called ${values.scenario}. There are: ${scenarios.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}
const firstSeed = values.seed === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const seedsOf = (times: number) => Array.from({ length: times * Number(values.seeds) }, (_, at) => firstSeed + at)
let failures = 0
for (const scenario of chosen) failures += values.plant ? await hunt(scenario, values.plant) : await walk(scenario)
process.exit(failures > 0 ? 1 : 0)

async function walk(scenario: Scenario): Promise<number> {
  const seeds = seedsOf(values.scenario !== undefined || scenario.isLong ? 1 : 3)
  const startMs = performance.now()
  const fired: Record<string, number> = {}
  let events = 0
  for (const seed of seeds) {
    const first = await runScenario(scenario, seed)
    const second = await runScenario(scenario, seed)
    for (const [fault, count] of Object.entries(first.faultsFired)) fired[fault] = (fired[fault] ?? 0) + count
    events += first.eventCount
    if (first.failure !== undefined) return report(scenario, seed, first.failure, first.logLines)
    if (first.auditHash !== second.auditHash) return report(scenario, seed, 'two runs of one seed differ', [])
  }
  const tookS = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(
    `ok   ${scenario.name}: ${seeds.length} seeds from ${firstSeed}, each twice; ${events} events, ${tookS} s`,
  )
  console.log(`     ${scenario.claim}`)
  const list = Object.entries(fired).map(([fault, count]) => `${count} × ${fault}`)
  console.log(`     faults fired: ${list.sort().join(', ') || 'none'}`)
  const silent = seeds.length < 20 ? [] : (scenario.fires ?? []).filter((fault) => fired[fault] === undefined)
  if (silent.length > 0) console.error(`FAIL ${scenario.name}: never fired: ${silent.join(', ')}`)
  return silent.length
}

async function hunt(scenario: Scenario, wanted: string): Promise<number> {
  let missed = 0
  for (const bug of scenario.plants.filter((name) => wanted === 'all' || name === wanted)) {
    const seed = await huntPlantedBug(scenario, bug, seedsOf(1))
    console.log(
      `${seed === undefined ? 'MISS' : 'ok  '} ${scenario.name}: ${bug} ${seed === undefined ? 'not found' : `found by seed ${seed}`}`,
    )
    if (seed === undefined) missed++
  }
  return missed
}

function report(scenario: Scenario, seed: number, failure: unknown, logLines: readonly string[]): number {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname })
    .toString()
    .trim()
  console.error(
    `FAIL ${scenario.name}: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}`,
  )
  if (values.verbose) console.error(logLines.slice(-40).join('\n'))
  console.error(
    `repeat: commit ${commit}: npm run sim -- --scenario ${scenario.name} --seed ${seed} --seeds 1 --verbose`,
  )
  return 1
}
