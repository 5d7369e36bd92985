/** Random faults over all operators, and false accusations, on a model made for tests and on the small model of our own; a hundred of each with WEIGHTLESS_HEAVY=1. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { unitWords } from '../working/computeWord.ts'
import { accuse } from './accuse.ts'
import { createDefender } from './defender.ts'
import { accuseFalsely } from './falseAccusation.cases.ts'
import { judge, planStep } from './judge.ts'
import {
  type Fault,
  openAdapted,
  openBard,
  openFamily,
  openMoreTypes,
  openProbe,
  type ProbeModel,
  type ProbeRun,
  type RunOptions,
  runProbe,
  seeded,
} from './probeJob.cases.ts'

const isHeavy = process.env.WEIGHTLESS_HEAVY === '1'
const seed32 = Uint8Array.from({ length: 32 }, (_, i) => i + 3)
const [prompt, steps] = [[5, 42, 79], 5]
const models = [
  { name: 'the test model', open: openProbe, topP: 1, rounds: isHeavy ? 100 : 16 },
  { name: 'the test model with top-p', open: openProbe, topP: 0.9, rounds: isHeavy ? 100 : 8 },
  { name: 'the test model with an adapter', open: openAdapted, topP: 1, rounds: isHeavy ? 100 : 6 },
  { name: 'a model of more types', open: openMoreTypes, topP: 1, rounds: isHeavy ? 100 : 4 },
  ...['qwen2', 'qwen3', 'gemma2', 'gemma3'].map((name) => {
    return { name, open: () => openFamily(name), topP: 1, rounds: isHeavy ? 100 : 3 }
  }),
  { name: 'Weightless Bard 1M', open: openBard, topP: 1, rounds: isHeavy ? 100 : 3 },
]

for (const { name, open, topP, rounds } of models) {
  const options: RunOptions = { prompt, steps, sampler: { temperature: 0.8, topP, seed32 } }
  describe(`random faults in ${name}`, () => {
    let model: ProbeModel
    let honest: ProbeRun
    before(async () => {
      model = await open()
      honest = runProbe(model, options)
    })

    const operatorsAt = (position: number) => honest.operators[position]!.length / 32

    /** A random word of a random table of an operator; source and chain words too. Operators come in turn, so that a hundred faults meet all. */
    function drawFault(random: () => number, turn: number): Fault {
      const last = options.steps - 1
      const operator = (turn * 7) % operatorsAt(last)
      const positions = Array.from({ length: options.steps }, (_, at) => at).filter((at) => operator < operatorsAt(at))
      const position = positions[Math.floor(random() * positions.length)]!
      const { tables } = planStep(honest.job, operator, position, honest.tokens[position]!)
      const table = Math.floor(random() * tables.length)
      // Low bits of the fraction, so that no word becomes infinite; for the sampler's tokens any bit is wrong enough.
      const flip = 1 << Math.floor(random() * 8)
      return { position, operator, table, word: Math.floor(random() * tables[table]!.words), flip }
    }

    const changesNothing = (cheat: ProbeRun) =>
      cheat.operators.every((digests, at) => Buffer.compare(digests, honest.operators[at]!) === 0)

    /** @returns what was judged; undefined where nothing follows from the faults: a chain's state that nothing reads, a word that rounding forgets */
    async function judgeFaults(faults: readonly Fault[]) {
      const label = JSON.stringify(faults)
      const cheat = runProbe(model, { ...options, faults, before: honest })
      const own = runProbe(model, { ...options, forced: cheat.tokens, before: honest })
      const accused = await accuse(cheat.job, own.execution, createDefender(cheat.defence))
      if (accused.found === 'nothing') {
        assert.ok(changesNothing(cheat), label)
        return undefined
      }
      assert.ok(accused.found === 'accusation', label)
      const evidence = { file: model.file, workingRoot: accused.workingRoot }
      const finding = judge(cheat.job, accused.accusation, evidence)
      assert.ok(finding.guilty, `${label}: ${JSON.stringify(finding)}`)
      return finding
    }

    /** Where a fault stands, as a finding names it; undefined for inputs, which are found by their chain. */
    function placeOf({ position, operator, table, word }: Fault) {
      const { rule, name: what } = planStep(honest.job, operator, position, honest.tokens[position]!).tables[table]!
      return rule.kind === 'source' ? undefined : { what, element: Math.floor(word / unitWords(rule)) }
    }

    test('one changed word anywhere is found, named and judged wrong', async (t) => {
      const random = seeded('single faults')
      const met = new Set<number>()
      let shown = 0
      for (let turn = 0; shown < rounds; turn++) {
        assert.ok(turn < rounds * 20, 'enough faults change the answer')
        const fault = drawFault(random, turn)
        const finding = await judgeFaults([fault])
        if (!finding) continue
        shown++
        met.add(fault.operator)
        const place = placeOf(fault)
        if (place) assert.deepEqual({ what: finding.what, element: finding.element }, place, JSON.stringify(fault))
      }
      if (isHeavy) assert.equal(met.size, operatorsAt(options.steps - 1))
      t.diagnostic(`${shown} faults in ${met.size} operators of ${operatorsAt(options.steps - 1)}`)
    })

    test('two changed words: one of the two is shown', async (t) => {
      const random = seeded('double faults')
      const met = new Set<number>()
      let shown = 0
      for (let turn = 0; shown < rounds; turn++) {
        assert.ok(turn < rounds * 20, 'enough faults change the answer')
        const first = drawFault(random, turn)
        const faults = [first, drawFault(random, turn + Math.floor(random() * 100))]
        const finding = await judgeFaults(faults)
        if (!finding) continue
        shown++
        for (const { operator } of faults) met.add(operator)
        const places = faults.map(placeOf)
        const isOne = places.some((place) => place?.what === finding.what && place.element === finding.element)
        assert.ok(isOne || places.includes(undefined), `${JSON.stringify(faults)}: ${JSON.stringify(finding)}`)
      }
      t.diagnostic(`${shown} pairs of faults in ${met.size} operators`)
    })

    test('an honest provider is never found guilty, whatever word is accused', async () => {
      const own = runProbe(model, { ...options, forced: honest.tokens, before: honest })
      assert.deepEqual(await accuse(honest.job, own.execution, createDefender(honest.defence)), { found: 'nothing' })
      const random = seeded('false accusations')
      for (let round = 0; round < rounds * 4; round++) {
        const place = drawFault(random, round)
        for (const finding of await accuseFalsely(honest.job, honest.execution, model.file, place)) {
          assert.equal(finding.guilty, false, JSON.stringify([place, finding]))
        }
      }
    })

    test('an accuser who computed wrong finds a difference, and is told that it shows nothing', async (t) => {
      const random = seeded('mistaken accusers')
      let shown = 0
      for (let turn = 0; shown < rounds; turn++) {
        assert.ok(turn < rounds * 20, 'enough faults change the answer')
        const fault = drawFault(random, turn)
        const mistaken = runProbe(model, { ...options, forced: honest.tokens, faults: [fault], before: honest })
        const accused = await accuse(honest.job, mistaken.execution, createDefender(honest.defence))
        if (accused.found === 'nothing') continue
        shown++
        // Who misread an input itself finds nothing to show.
        if (accused.found === 'unshown') continue
        assert.ok(accused.found === 'accusation', JSON.stringify([fault, accused]))
        const evidence = { file: model.file, workingRoot: accused.workingRoot }
        assert.equal(judge(honest.job, accused.accusation, evidence).guilty, false, JSON.stringify(fault))
      }
      t.diagnostic(`${shown} accusations`)
    })
  })
}
