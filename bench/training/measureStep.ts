/**
 * A step of training a small llama whole, ours beside rivals on one thread, steps interleaved, medians of CPU seconds.
 * `node measureStep.ts [rounds=15] [python=python3]`. Ours includes the commitment of every step, whose share is given too. Rivals that are not there are left out.
 */
import '@weightless/env/node'
import { type ChildProcess, spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { drawModel, openCorpus, openFullTrainer } from '@weightless/tensor'
import { byteCharacters } from '@weightless/tensor/tokenizer/byteAlphabet'

/** 930,944 weights. */
const shape = {
  width: 128,
  layers: 4,
  heads: 4,
  keyHeads: 4,
  hiddenWidth: 384,
  contextLength: 1024,
  vocabSize: 608,
  tied: true,
}
const [rowTokens, batchRows] = [128, 8]
const [roundsText = '15', python = 'python3'] = process.argv.slice(2)
const numbers = [shape.vocabSize, shape.width, shape.layers, shape.heads, shape.hiddenWidth, rowTokens, batchRows].map(
  String,
)

type Runner = { name: string; step(): Promise<number>; end(): void }

/** CPU seconds of commitments, one for each round. */
const commitments: number[] = []

const ours = await openOurs()
const opened = [
  await openRival('PyTorch', python, ['torchStep.py', ...numbers]),
  await openRival('jax-js', process.execPath, ['jaxStep.ts', ...numbers]),
  await openRival('tfjs-wasm', process.execPath, ['tfjsStep.ts', ...numbers]),
]
const rivals = opened.filter((rival) => rival !== undefined)
const all: Runner[] = [ours, ...rivals]
for (const { step } of all) for (let i = 0; i < 3; i++) await step()
const seconds = new Map<string, number[]>(all.map(({ name }) => [name, []]))
for (let round = 0; round < Number(roundsText); round++) {
  for (const { name, step } of all) seconds.get(name)!.push(await step())
  commitments.push(ours.commit())
}
const own = median(seconds.get(ours.name)!)
for (const [name, list] of seconds) {
  const value = median(list)
  console.log(`${name}: ${(value * 1000).toFixed(1)} ms, ours is ${(value / own).toFixed(2)} times as fast`)
}
console.log(
  `commitment: ${((100 * median(commitments)) / own).toFixed(1)} % of our step; load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}`,
)
for (const { end } of all) end()

async function openOurs(): Promise<Runner & { commit(): number }> {
  const tokens = [...byteCharacters, 'th', ...Array.from({ length: shape.vocabSize - 257 }, (_, i) => `<|${i}|>`)]
  const tokenizer = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.merges': ['t h'],
    'tokenizer.ggml.eos_token_id': shape.vocabSize - 1,
  }
  const seed32 = new Uint8Array(32)
  const data = Uint16Array.from({ length: 400_001 }, (_, i) => (i * 7919 + (i >> 5) * 31) % shape.vocabSize)
  const corpus = openCorpus(new Uint8Array(data.buffer), rowTokens)
  const trainer = await openFullTrainer(drawModel(shape, tokenizer, seed32), corpus, { seed32, batchRows })
  return {
    name: 'ours',
    step: async () => cpuSeconds(() => trainer.step()),
    commit: () => cpuSeconds(() => trainer.stateHash()),
    end: () => trainer.close(),
  }
}

function cpuSeconds(act: () => unknown): number {
  const before = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** A rival's program: its first line tells what it is, then each line asked for is a step. */
async function openRival(name: string, command: string, parameters: string[]): Promise<Runner | undefined> {
  const child: ChildProcess = spawn(command, parameters, {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  })
  child.on('error', () => console.log(`${name}: ${command} is not there`))
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done) return undefined
  console.log(`${name}: ${first.value}`)
  return {
    name,
    async step() {
      child.stdin!.write('step\n')
      return Number((await lines.next()).value)
    },
    end: () => child.stdin!.end(),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
