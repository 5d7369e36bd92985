/**
 * LoRA on SmolLM2 learns a rule drawn now, or fails to where answers are shuffled: loss curve, seconds, bits.
 * `node learnRule.ts MODEL.gguf [steps=40] [seed=1] [threads=2] [rule|shuffled]`
 */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { createCrewSeat, describeModel, dismissCrew, mateModule, openLoraTrainer } from '@weightless/tensor'
import { drawSecretCode } from './secretCode.ts'

const [path = '', stepsText = '40', seedText = '1', threadsText = '2', form = 'rule'] = process.argv.slice(2)
const [steps, seed, threads] = [Number(stepsText), Number(seedText), Number(threadsText)]
const bytes = new Uint8Array(readFileSync(path))
const code = drawSecretCode(await describeModel(bytes), seed, steps * 8, 24)
const seat = createCrewSeat(threads - 1)
const bootstrap = `const { workerData } = require('node:worker_threads')
import(workerData.module).then(({ default: main }) => main(undefined, workerData.input))`
for (let index = 0; index < threads - 1; index++) {
  new Worker(bootstrap, { eval: true, workerData: { module: mateModule.href, input: { seat, index } } })
}
const seed32 = new Uint8Array(32).fill(seed)
const trainer = await openLoraTrainer(bytes, {
  seed32,
  rank: 8,
  alpha: 16,
  targets: ['q', 'v', 'down'],
  learningRate: 2e-3,
  seat,
})
const rows = form === 'shuffled' ? code.shuffled : code.rows
const began = performance.now()
const cpu = process.cpuUsage()
const before = trainer.evaluate(code.heldOut)
console.log(
  `${form}, seed ${seed}: held out before ${before.loss.toFixed(3)} nats a digit, ${percent(before.accuracy)} right`,
)
let halvedAt: number | undefined
for (let i = 0; i < steps; i++) {
  const started = process.cpuUsage()
  const step = trainer.step(rows.slice(i * 8, i * 8 + 8))
  const cpuSeconds = secondsOf(process.cpuUsage(started))
  const line = `${step.step}\t${step.loss.toFixed(3)}\t${step.tokens} tokens\t${cpuSeconds.toFixed(1)} CPU-s\t${elapsed()} s`
  if ((i + 1) % 5 !== 0) {
    console.log(line)
    continue
  }
  const now = trainer.evaluate(code.heldOut)
  if (now.loss < before.loss / 2) halvedAt ??= Number(elapsed())
  console.log(`${line}\theld out ${now.loss.toFixed(3)}, ${percent(now.accuracy)} right`)
}
const halved = halvedAt === undefined ? 'not halved' : `halved after ${halvedAt} s`
console.log(
  `${halved}; ${elapsed()} s, ${secondsOf(process.cpuUsage(cpu)).toFixed(0)} CPU-s in all; state ${trainer.stateHash()}`,
)
dismissCrew(seat)

function elapsed(): string {
  return ((performance.now() - began) / 1000).toFixed(0)
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
