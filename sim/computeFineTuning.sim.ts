/** A fine-tuning provider's tasks under power cuts at every write, lost answers and users who do what they like. FINETUNING §2 */
import { bytesEqual, bytesToHex, concatBytes, type Hex, textToBytes } from '@weightless/codec'
import { fineTuningLimitsSchema } from '@weightless/compute/finetune/fineTuningOptions'
import { runTasks } from '@weightless/compute/finetune/runTasks'
import { type FineTuningTask, isOver } from '@weightless/compute/finetune/task'
import type { TaskContext } from '@weightless/compute/finetune/taskContext'
import { createTaskJournal } from '@weightless/compute/finetune/taskJournal'
import { createTaskSnapshots } from '@weightless/compute/finetune/taskSnapshots'
import { openTaskStore, type TaskStore } from '@weightless/compute/finetune/taskStore'
import { createTrainingReceipts } from '@weightless/compute/finetune/trainingReceipts'
import { TrainingFailedError, type TrainingWorker } from '@weightless/compute/finetune/trainingWorker'
import { sha256 } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { privateKeyToAccount } from 'viem/accounts'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { createModelContract, type ModelContract } from './finetune/modelContract.ts'
import { claim, type Scenario } from './scenario.ts'

export const computeFineTuning: Scenario = {
  name: 'compute/fineTuning',
  claim:
    'No task that was taken is lost, none is paid twice or above its price, a paid one has its key out, all come to an end, and a ' +
    'training that was killed goes on from no earlier step than before, to the adapter that an undisturbed one gives.',
  plants: ['skip-fsync'],
  fires: crashFaults,
  run: async (seed, onSim) => {
    const world: World = {
      contract: createModelContract(),
      told: new Map(),
      resumed: new Map(),
      broken: [],
      nonce: 0n,
      rounds: 0,
    }
    for (const user of users) world.contract.balances.set(user, 2_000n)
    await runCrashRounds(seed, onSim, { work: (env, sim) => workOnTasks(env, sim, world) })
    claim(world.rounds === roundsOfCrashes, `${world.rounds} rounds came to their end`)
  },
}

/** What the outside has heard of. */
type World = {
  contract: ModelContract
  told: Map<string, FineTuningTask>
  /** Step behind which each training last went on. */
  resumed: Map<string, number>
  /** What a worker saw that must not be. */
  broken: string[]
  nonce: bigint
  rounds: number
}

/** Only the last round, without faults, must come to its end. */
const roundsOfCrashes = 1
const account = privateKeyToAccount(`0x${'77'.repeat(32)}`)
const users: readonly Hex[] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`, `0x${'cc'.repeat(20)}`]
const weiPerToken = 2n
const plannedTokens = 50
const plannedSteps = 12
const limits = fineTuningLimitsSchema.parse({
  lookMs: 20,
  retryMs: 30,
  acknowledgeMsMax: 2_000,
  attemptsMax: 20,
  saveMs: 60,
})

async function workOnTasks(env: Env, sim: Sim, world: World): Promise<void> {
  try {
    const store = await openTaskStore({ disk: env.disk, folder: 'tasks', log: env.log, rememberedMax: 1_000 })
    compare(store, world)
    const isCalm = sim.faults.diskErrorChance === 0 && sim.faults.diskFullChance === 0
    const context = createContext(env, sim, world, store)
    const runner = runTasks(context)
    for (let step = 0; step < 6; step++) {
      await addTask(env, sim, world, store)
      runner.wake()
      await env.clock.sleep(20 + sim.random.integer(150))
      await actAsUser(sim, world, store, runner)
    }
    for (let waits = 0; waits < 2_000 && store.list().some((task) => !isOver(task)); waits++) {
      await env.clock.sleep(50)
      if (sim.random.chance(0.3)) await actAsUser(sim, world, store, runner)
    }
    await runner.close()
    compare(store, world)
    if (isCalm)
      claim(
        store.list().every(isOver),
        `tasks that never end: ${store
          .list()
          .filter((task) => !isOver(task))
          .map(({ progress }) => progress)}`,
      )
    await context.journal.close()
    await store.close()
    world.rounds = roundsOfCrashes
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

function createContext(env: Env, sim: Sim, world: World, store: TaskStore): TaskContext {
  const journal = createTaskJournal({
    ...{ disk: env.disk, folder: 'journals', log: env.log, nowMs: () => env.clock.nowMs() },
    isOver: (id) => isOver(store.get(id)!),
  })
  const chain = world.contract.seenFrom(env.clock, () => sim.random.chance(0.1))
  return {
    ...{ env, limits, store, journal, chain, worker: createFlakyWorker(env, sim, world) },
    snapshots: createTaskSnapshots({
      ...{ disk: env.disk, folder: 'journals', log: env.log, clock: env.clock },
      ...{ everyMs: limits.saveMs, bytesMax: limits.saveBytesMax },
    }),
    receipts: createTrainingReceipts({
      ...{ disk: env.disk, folder: 'journals', random: env.random, account, chainId: 1 },
      ...{ fineTuningServing: `0x${'33'.repeat(20)}`, nameOf: () => 'model' },
    }),
    files: {
      dataset: async () => ({ examples: [{ prompt: 'a', completion: 'b' }], plainRoot: `0x${'22'.repeat(32)}` }),
      keepStates: async () => undefined,
      keepAdapter: async (_, bytes) => ({ adapterRoot: bytesToHex(bytes), adapterBytes: bytes.length }),
      seal: async () => ({
        key: bytesToHex(sim.random.bytes(32)),
        root: bytesToHex(sim.random.bytes(32)),
        sizeBytes: 9,
      }),
      secretOf: ({ delivery }) => delivery!.key,
      publish: () => env.clock.sleep(sim.random.integer(20)),
    },
  }
}

/** Its state after each step is a hash over all steps before, so that a step left out, doubled or of another task shows. */
function createFlakyWorker(env: Env, sim: Sim, world: World): TrainingWorker {
  return {
    name: 'flaky',
    async open({ taskId }) {
      let closed = false
      return {
        plan: { rows: 9, heldOutRows: 1, steps: plannedSteps, trainedTokens: plannedTokens },
        async train({ onPoint, onBegin, onSnapshot, resume }) {
          const begun = resume?.step ?? 0
          const before = world.resumed.get(taskId) ?? 0
          if (begun < before) world.broken.push(`${taskId} went back from step ${before} to ${begun}`)
          if (resume && !bytesEqual(resume.state, stateAfter(taskId, begun)))
            world.broken.push(`${taskId}: another state`)
          world.resumed.set(taskId, begun)
          onBegin?.(begun)
          let state = resume?.state ?? stateAfter(taskId, 0)
          for (let step = begun + 1; step <= plannedSteps; step++) {
            await env.clock.sleep(1 + sim.random.integer(20))
            if (closed || sim.random.chance(0.02)) throw new TrainingFailedError({ reason: 'broken' })
            state = stepOn(state, step)
            onPoint?.({ step, steps: plannedSteps, loss: 1 / step, trainedTokens: step, tokensPerSecond: 1 })
            if (step < plannedSteps) onSnapshot?.({ step, trainedTokens: step, state })
          }
          const quality = { loss: 1, accuracy: 0 }
          const trainedTokens = plannedTokens - sim.random.integer(5)
          return { adapter: state, trainedTokens, base: quality, tuned: quality }
        },
        async close() {
          closed = true
        },
      }
    },
  }
}

const stepOn = (state: Uint8Array, step: number): Uint8Array => sha256(concatBytes([state, textToBytes(`${step}`)]))

function stateAfter(taskId: string, steps: number): Uint8Array {
  let state = sha256(textToBytes(taskId))
  for (let step = 1; step <= steps; step++) state = stepOn(state, step)
  return state
}

async function addTask(env: Env, sim: Sim, world: World, store: TaskStore): Promise<void> {
  const user = users[sim.random.integer(users.length)]!
  const id = `task-${world.nonce}`
  const root: Hex = `0x${'11'.repeat(32)}`
  const nowMs = env.clock.nowMs()
  const task: FineTuningTask = {
    ...{
      id,
      user,
      modelRoot: root,
      datasetRoot: root,
      trainingParams: '{"seed":7}',
      nonce: ++world.nonce,
      publicKey: root,
    },
    ...{ weiPerToken, createdAtMs: nowMs, updatedAtMs: nowMs, progress: 'Init', attempts: 0 },
  }
  if (await store.add(task, () => true)) world.told.set(id, task)
}

/** Acknowledges, takes back, or does nothing, for ever. */
async function actAsUser(
  sim: Sim,
  { contract }: World,
  store: TaskStore,
  runner: ReturnType<typeof runTasks>,
): Promise<void> {
  for (const task of store.list()) {
    if (isOver(task)) continue
    if (sim.random.chance(0.5) && task.progress === 'Delivered') contract.acknowledge(task.user, task.id)
    else if (sim.random.chance(0.05)) await runner.cancel(task)
  }
}

function compare(store: TaskStore, { contract, told, broken }: World): void {
  claim(broken.length === 0, broken.join('; '))
  for (const [id] of told) claim(store.get(id) !== undefined, `task ${id} is lost`)
  for (const { id, result } of store.list()) {
    const expected = bytesToHex(stateAfter(id, plannedSteps))
    claim(!result || result.adapterRoot === expected, `${id} has another adapter than an undisturbed training gives`)
  }
  let paid = 0n
  for (const [user, items] of contract.items) {
    for (const item of items) {
      paid += item.paid
      const task = store.get(item.id)
      claim(task !== undefined, `${item.id} is on the chain, and the provider knows nothing of it`)
      claim(item.payments <= 1, `${item.id} was paid ${item.payments} times`)
      claim(item.paid <= weiPerToken * BigInt(plannedTokens), `${item.id} cost ${item.paid}`)
      claim(task.user === user && task.delivery?.root === item.root, `${item.id} on the chain is another delivery`)
      if (item.payments > 0 && item.acknowledged)
        claim(item.secret === task.delivery?.key, `${item.id} is paid without its key`)
      if (!item.acknowledged) claim(item.secret === '0x', `${item.id} has its key out unpaid`)
      if (item.payments > 0 && item.acknowledged)
        claim(task.progress !== 'Failed', `${item.id} is paid in full, and failed`)
      claim(!/refuses/.test(task.failure ?? ''), `${item.id}: ${task.failure}, though nobody else delivers`)
      if (task.progress === 'Finished') claim(item.settled && item.payments === 1, `${item.id} is finished, not paid`)
    }
  }
  const left = [...contract.balances.values()].reduce((sum, balance) => sum + balance, 0n)
  claim(left + paid === 2_000n * BigInt(users.length), 'money came or went')
}
