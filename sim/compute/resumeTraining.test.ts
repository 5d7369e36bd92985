/** A provider killed with SIGKILL in the middle of a training goes on from what it had saved, to the very same adapter or model. FINETUNING §2.5 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import type { FineTuningProvider } from '@weightless/sdk'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tokens } from './computeNet.ts'

const model = new URL('../../packages/tensor/models/weightless-bard-1m.gguf', import.meta.url).pathname
const program = new URL('./trainingProcess.cases.ts', import.meta.url).pathname
const dataset = textToBytes(
  Array.from({ length: 24 }, (_, at) => `{"prompt":"Door ${at} is","completion":" number ${at * 7}"}`).join('\n'),
)
const trainings = {
  adapter: { num_train_epochs: 25, per_device_train_batch_size: 8, lora_r: 4 },
  model: { method: 'full', num_train_epochs: 25, per_device_train_batch_size: 4, max_seq_length: 12 },
}

for (const [what, parameters] of Object.entries(trainings)) {
  const name = `a training that was killed twice ends in the ${what} of an undisturbed one, and its saved state is gone`
  test(name, (t) => killTwice(t, parameters))
}

async function killTwice(t: TestContext, parameters: { [name: string]: number | string }): Promise<void> {
  const net = await startComputeNet()
  const folder = join(net.folder, 'trainer')
  let running: ChildProcess | undefined
  t.after(async () => {
    running?.kill('SIGKILL')
    await net.close()
  })
  const start = async () => {
    running = spawn(process.execPath, [program, folder, net.rpcUrl, model], { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: running.stdout! })) return line
    throw new Error('the provider ended')
  }
  const kill = async () => {
    const gone = new Promise((resolve) => running!.once('exit', resolve))
    running!.kill('SIGKILL')
    await gone
  }

  await start()
  await acknowledgeTrainer(net, net.accountOf(1).address)
  const client = clientOf(net, 3)
  const { fineTuning } = client
  const trainerOf = async (): Promise<FineTuningProvider> => (await fineTuning.providers())[0]!
  const trainer = await trainerOf()
  await client.account.deposit(tokens(5))
  await fineTuning.fund(trainer, tokens(1))
  const modelRoot = (await fineTuning.models(trainer))[0]!.root
  const { id } = await fineTuning.start({ trainer, modelRoot, dataset, parameters })
  const snapshot = join(folder, 'finetuning/tasks', id, 'snapshot.bin')
  for (const least of [10, 40]) {
    const at = await trainerOf()
    for await (const event of fineTuning.follow(at, id)) {
      if (event.type === 'point' && event.step >= least && existsSync(snapshot)) break
    }
    await kill()
    await start()
  }
  const resumedSteps = await untilTrained(await trainerOf(), id)
  assert.equal(resumedSteps.length, 2)
  assert.ok(resumedSteps[0]! > 0 && resumedSteps[1]! >= resumedSteps[0]!, resumedSteps.join())
  const killed = await fineTuning.task(await trainerOf(), id)
  const second = await fineTuning.start({ trainer: await trainerOf(), modelRoot, dataset, parameters })
  assert.deepEqual(await untilTrained(await trainerOf(), second.id), [])
  const whole = await fineTuning.task(await trainerOf(), second.id)
  assert.match(whole.adapterRoot!, /^0x[0-9a-f]{64}$/)
  assert.equal(killed.adapterRoot, whole.adapterRoot)
  assert.deepEqual([killed.base, killed.tuned, killed.feeWei], [whole.base, whole.tuned, whole.feeWei])
  assert.equal(existsSync(snapshot), false)

  /** Steps that the training went on behind. */
  async function untilTrained(at: FineTuningProvider, task: string): Promise<number[]> {
    const steps: number[] = []
    for await (const event of fineTuning.follow(at, task)) {
      if (event.type !== 'note') continue
      const step = /goes on behind step (\d+)/.exec(event.text)?.[1]
      if (step) steps.push(Number(step))
      // Behind `Trained` the saved state goes.
      if (event.text.startsWith('Delivering')) return steps
    }
    throw new Error('the task ended before it was trained')
  }
}
