/** The embedded trainer as a worker: a rule is learned, the same rows with shuffled answers are not; same job, same bits. Rules drawn at test time are learned in the peers suite. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { createEmbeddedWorker } from '@weightless/compute/finetune/embeddedWorker'
import type { TrainingExample } from '@weightless/compute/finetune/readDataset'
import { readTrainingParameters } from '@weightless/compute/finetune/trainingParameters'
import { TrainingFailedError, TrainingRefusedError } from '@weightless/compute/finetune/trainingWorker'
import { createNodeEnv } from '@weightless/env/node'

const model = new URL('../../packages/tensor/models/weightless-bard-1m.gguf', import.meta.url)
const modelRoot = `0x${'11'.repeat(32)}` as const

test('the embedded trainer learns a rule, and learns nothing where there is none', async (t) => {
  const env = createNodeEnv({ dataFolder: tmpdir(), log: 'silent' })
  t.after(() => env.close())
  const worker = createEmbeddedWorker({ env, loadWeights: async () => new Uint8Array(await readFile(model)) })
  const rule = writeRule()
  const open = (examples: readonly TrainingExample[], text = '{}') =>
    worker.open({ taskId: 't', modelRoot, examples, parameters: parametersOf(text) })

  async function train(examples: readonly TrainingExample[]) {
    const session = await open(examples)
    try {
      const losses: number[] = []
      const result = await session.train({ onPoint: ({ loss }) => losses.push(loss) })
      assert.equal(result.trainedTokens, session.plan.trainedTokens)
      assert.ok(losses.length > 1 && result.base && result.tuned)
      return { ...result, base: result.base, tuned: result.tuned }
    } finally {
      await session.close()
    }
  }

  const learned = await train(rule)
  const again = await train(rule)
  assert.deepEqual(learned.adapter, again.adapter)
  const change = `${learned.base.accuracy} → ${learned.tuned.accuracy}, loss ${learned.tuned.loss}`
  assert.ok(learned.base.accuracy < 0.2 && learned.tuned.accuracy > 0.9, change)
  const answers = rule.map(({ completion }) => completion)
  const shuffled = rule.map(({ prompt }, at) => ({ prompt, completion: answers[(at * 7 + 3) % answers.length]! }))
  const nothing = await train(shuffled)
  // The form of an answer can be learned from them, not which one.
  assert.ok(nothing.tuned.loss > learned.tuned.loss + 0.3, `${nothing.tuned.loss}, ${learned.tuned.loss}`)

  const long = [{ prompt: 'a'.repeat(3_000), completion: 'b' }]
  await assert.rejects(open(long, '{"max_seq_length":8}'), TrainingRefusedError)
  const broken = await open(rule)
  const training = broken.train({})
  training.catch(() => undefined)
  await broken.close()
  await assert.rejects(training, TrainingFailedError)
})

function parametersOf(text: string) {
  const given = {
    num_train_epochs: 20,
    validation_split: 0.25,
    per_device_train_batch_size: 8,
    learning_rate: 0.005,
    lora_r: 16,
    lora_alpha: 32,
  }
  const targets = { target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] }
  const read = readTrainingParameters(JSON.stringify({ ...given, ...targets, ...JSON.parse(text) }))
  assert.ok(read.ok)
  return read.value.parameters
}

/**
 * The answer is the image of the first of two letters, under a substitution: pairs that were never seen have it too.
 * Always the same one: this model learns three of four to the end in so few steps, and which ones does not change.
 */
function writeRule(): { prompt: string; completion: string }[] {
  const letters = [...'abcdefgh']
  const images = [...'fcahebgd']
  const pairs = letters.flatMap((first, at) => letters.map((second) => ({ first, second, image: images[at]! })))
  return pairs.map(({ first, second, image }) => ({ prompt: `${first} ${second} :`, completion: ` ${image}` }))
}
