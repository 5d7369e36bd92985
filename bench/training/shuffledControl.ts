/**
 * Does LoRA learn a rule, and nothing where there is none? The rule is drawn now; one adapter is trained on it, one on the same questions with
 * the answers of others. Prints held-out loss and accuracy of base, adapter and shuffled adapter; fails when the control learns.
 * `node shuffledControl.ts MODEL.gguf [steps=35] [seed, drawn without it]`
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describeModel, openLoraTrainer, type TokenRow } from '@weightless/tensor'
import { drawSecretCode } from './secretCode.ts'

const [path = '', stepsText = '35', seedText] = process.argv.slice(2)
const steps = Number(stepsText)
const seed = seedText === undefined ? randomInt(1, 2 ** 31) : Number(seedText)
const rowsPerStep = 8
const heldOutRows = 48
/** Nats of a digit that nothing is known of. */
const ignorance = Math.log(10)

const bytes = new Uint8Array(readFileSync(path))
const code = drawSecretCode(await describeModel(bytes), seed, steps * rowsPerStep, heldOutRows)
const rule = await train('rule', code.rows)
const shuffled = await train('shuffled answers', code.shuffled)

console.log(
  `\nseed ${seed}, ${steps} steps of ${rowsPerStep} questions, ${heldOutRows} held out (${rule.counted} digits), one thread\n`,
)
console.log('| | held out, nats a digit | digits right | CPU seconds | state |\n| --- | --- | --- | --- | --- |')
console.log(`| base | ${rule.base.loss.toFixed(3)} | ${percent(rule.base.accuracy)} | | |`)
for (const [name, { tuned, cpuSeconds, state }] of [
  ['adapter', rule],
  ['adapter of shuffled answers', shuffled],
] as const)
  console.log(
    `| ${name} | ${tuned.loss.toFixed(3)} | ${percent(tuned.accuracy)} | ${cpuSeconds.toFixed(0)} | ${state.slice(0, 12)}… |`,
  )
console.log(`| knows nothing | ${ignorance.toFixed(3)} | 10.0 % | | |`)

/** Three standard deviations of a count of right digits by chance. */
const chance = 3 * Math.sqrt((0.1 * 0.9) / rule.counted)
const learns = rule.tuned.loss < 0.75 * ignorance && rule.tuned.accuracy > Math.max(0.1, rule.base.accuracy) + chance
const controls =
  shuffled.tuned.loss > ignorance - 0.05 && shuffled.tuned.accuracy < Math.max(0.1, rule.base.accuracy) + chance
console.log(`\nthe rule is ${learns ? '' : 'NOT '}learnt; of shuffled answers ${controls ? 'nothing' : 'SOMETHING'} is`)
process.exitCode = learns && controls ? 0 : 1

async function train(name: string, rows: readonly TokenRow[]) {
  const trainer = await openLoraTrainer(bytes.slice(), {
    ...{ rank: 8, alpha: 16, targets: ['q', 'v', 'down'], learningRate: 2e-3 },
    seed32: new Uint8Array(32).fill(seed & 0xff),
  })
  const base = trainer.evaluate(code.heldOut)
  const cpu = process.cpuUsage()
  for (let step = 0; step < steps; step++) {
    const { loss } = trainer.step(rows.slice(step * rowsPerStep, (step + 1) * rowsPerStep))
    console.error(`${name}: step ${step + 1} of ${steps}, loss ${loss.toFixed(3)}`)
  }
  const { user, system } = process.cpuUsage(cpu)
  const tuned = trainer.evaluate(code.heldOut)
  const state = trainer.stateHash()
  trainer.close()
  return { base, tuned, state, counted: base.counted, cpuSeconds: (user + system) / 1e6 }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
