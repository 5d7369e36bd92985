// PyTorch with PEFT as a training worker: it learns a rule drawn now, on the model in the repository, and its adapter has the
// names that the embedded trainer's has. Killed in the middle and begun again from what it saved, it makes the same adapter. Says so and passes where there is no PyTorch (WEIGHTLESS_PEFT_PYTHON names one).
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createProcessWorker } from '../../packages/compute/src/finetune/processWorker.ts'
import { readTrainingParameters } from '../../packages/compute/src/finetune/trainingParameters.ts'
import type { TrainingSnapshot } from '../../packages/compute/src/finetune/trainingWorker.ts'
import { startLineProcess } from '../../packages/node/src/finetune/startLineProcess.ts'

const root = join(import.meta.dirname, '../..')
const python = process.env.WEIGHTLESS_PEFT_PYTHON ?? 'python3'
// A small model on a busy machine: more threads wait for each other longer than they work.
process.env.OMP_NUM_THREADS ??= '1'
process.env.WEIGHTLESS_PEFT_SAVE_SECONDS = '0'
const found = spawnSync(python, ['-c', 'import torch, transformers, peft, gguf'], {
  encoding: 'utf8',
  timeout: 300_000,
})
if (found.status !== 0) {
  console.log(`not run: ${python} has no PyTorch, transformers, PEFT and gguf (workers/peft/requirements.txt)`)
  process.exit(0)
}

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }
const modelRoot = `0x${'11'.repeat(32)}` as const
const worker = createProcessWorker({
  name: 'PyTorch, PEFT',
  start: () => startLineProcess(python, [join(root, 'workers/peft/worker.py')], silent),
  modelPathOf: () => join(root, 'packages/tensor/models/weightless-bard-1m.gguf'),
})
const given = { num_train_epochs: 10, per_device_train_batch_size: 8, learning_rate: 0.005, lora_r: 16, lora_alpha: 32 }
const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
const read = readTrainingParameters(JSON.stringify({ ...given, target_modules: targets, validation_split: 0.25 }))
assert.ok(read.ok)
const letters = [...'abcdefgh']
const images = [...letters].sort(() => Math.random() - 0.5)
const examples = letters.flatMap((first, at) =>
  letters.map((second) => ({ prompt: `${first} ${second} :`, completion: ` ${images[at]}` })),
)
const job = { taskId: 't', modelRoot, examples, parameters: read.value.parameters }
const session = await worker.open(job)
const points: number[] = []
const result = await session.train({ onPoint: ({ loss }) => points.push(loss) })
await session.close()
assert.ok(points.length > 1 && result.base && result.tuned)
assert.equal(result.trainedTokens, session.plan.trainedTokens)
assert.ok(result.tuned.accuracy > result.base.accuracy + 0.4, JSON.stringify(result.tuned))
const head = JSON.parse(Buffer.from(result.adapter.subarray(8, headEndOf(result.adapter))).toString('utf8'))
assert.ok(head['base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'], Object.keys(head).slice(0, 3).join())
assert.equal(JSON.parse(head.__metadata__.adapter_config).r, 16)
console.log(
  `PyTorch: held-out loss ${result.base.loss.toFixed(3)} → ${result.tuned.loss.toFixed(3)}, accuracy ${result.base.accuracy.toFixed(2)} → ${result.tuned.accuracy.toFixed(2)}`,
)

const killed = await worker.open(job)
const half = Math.floor(killed.plan.steps / 2)
const saved = await new Promise<TrainingSnapshot>((resolve) => {
  const onSnapshot = (snapshot: TrainingSnapshot) => void (snapshot.step === half && resolve(snapshot))
  killed.train({ onSnapshot }).catch(() => undefined)
})
await killed.close()
const [behind, same] = await goOn(saved)
assert.equal(behind, half)
assert.ok(tensorsOf(same).equals(tensorsOf(result.adapter)), 'another adapter than without the stop')
const damaged = { ...saved, state: saved.state.map((byte, at) => (at < 100 ? byte ^ 1 : byte)) }
const [anew, again] = await goOn(damaged)
assert.equal(anew, 0)
assert.ok(tensorsOf(again).equals(tensorsOf(result.adapter)), 'another adapter from the beginning')
assert.equal((await goOn(saved, { ...job, examples: examples.toReversed() }))[0], 0)
console.log(`PyTorch: killed behind step ${half} of ${killed.plan.steps} and resumed, the same tensors to the bit`)

/** The step that it began behind, and the adapter. */
async function goOn(resume: TrainingSnapshot, from = job): Promise<[number | undefined, Uint8Array]> {
  const session = await worker.open(from)
  let begun: number | undefined
  const { adapter } = await session.train({
    resume,
    onBegin: (step) => {
      begun = step
    },
  })
  await session.close()
  return [begun, adapter]
}

function headEndOf(adapter: Uint8Array): number {
  return 8 + Number(Buffer.from(adapter.subarray(0, 8)).readBigUInt64LE())
}

/** Without the head, whose metadata the library writes in an order that changes from run to run. */
function tensorsOf(adapter: Uint8Array): Buffer {
  return Buffer.from(adapter.subarray(headEndOf(adapter)))
}
