/** `weightless finetune …`: hand a dataset to a provider, watch the loss fall, acknowledge, keep the adapter. */
import { readFile } from 'node:fs/promises'
import { type Hex, textToBytes, WeightlessError } from '@weightless/codec'
import { trainingBundleToJson } from '@weightless/receipt/training'
import type { Client, FineTuningProvider, FineTuningTask, TaskEvent, TrainableModel } from '@weightless/sdk'
import { type Command, Option } from 'commander'
import { parseEther } from 'viem'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { payingKey, withClient } from '../connect.ts'
import { drawLoss } from '../drawLoss.ts'
import { formatTokens, globalOptions, printResult, remark } from '../output.ts'
import { printable } from '../printable.ts'
import { decimalNumber, wholeNumber } from '../readNumber.ts'
import { writeWhole } from '../writeWhole.ts'

type StartFlags = {
  provider?: string
  model?: string
  method: 'lora' | 'full'
  epochs: number
  rank: number
  learningRate: number
  seed: number
  fund: string
  plain?: boolean
  detach?: boolean
  yes?: boolean
}

export function addFineTuneCommands(program: Command): void {
  const finetune = program.command('finetune').description('train an adapter for a model on your own examples')
  finetune
    .command('start <dataset>')
    .description('JSON lines of { messages } or { prompt, completion }; follows the task until it is delivered')
    .option('--provider <address>', 'who trains; the cheapest without it')
    .option('--model <name>', 'the base model; the first that the provider trains without it')
    .addOption(
      new Option('--method <what>', 'what learns: an adapter, or all weights of a small model (its result is a model)')
        .choices(['lora', 'full'])
        .default('lora'),
    )
    .option('--epochs <n>', 'times through the dataset', wholeNumber({ min: 1, max: 1_000 }), 3)
    .option('--rank <n>', 'rank of the adapter', wholeNumber({ min: 1, max: 256 }), 8)
    .option('--learning-rate <x>', 'of AdamW', decimalNumber({ min: 0, max: 1 }), 0.002)
    .option('--seed <n>', 'of order and beginning', wholeNumber({ min: 0, max: 0x7fffffff }), 42)
    .option('--fund <tokens>', 'move so much to the provider where less stands there', '1')
    .option('--plain', 'send the examples in the clear; without it they are sealed to the provider')
    .option('--detach', 'do not wait for the result')
    .option('--yes', 'do not ask before moving money')
    .action((file: string, flags: StartFlags, command: Command) =>
      withClient(command, (client) => start(client, file, flags, command)),
    )
  finetune
    .command('list')
    .description('your tasks with all providers')
    .action((_flags: object, command: Command) => withClient(command, (client) => list(client, command)))
  finetune
    .command('follow <task>')
    .description('the course of a task, from its beginning')
    .action((id: string, _flags: object, command: Command) =>
      withClient(command, async (client) => {
        const { trainer } = await findTask(client, id)
        await follow(client, trainer, id, command)
        printTask(command, await client.fineTuning.task(trainer, id))
      }),
    )
  finetune
    .command('cancel <task>')
    .description('take a task back that is not delivered yet; it costs nothing')
    .action((id: string, _flags: object, command: Command) =>
      withClient(command, async (client) => {
        const { trainer } = await findTask(client, id)
        await client.fineTuning.cancel(trainer, id)
        printResult(command, { id }, [`task ${id} is taken back`])
      }),
    )
  finetune
    .command('acknowledge <task>')
    .description('say on the chain that the delivery is there: pays the provider, who then hands out the key')
    .option('--yes', 'do not ask before paying')
    .action((id: string, flags: { yes?: boolean }, command: Command) =>
      withClient(command, async (client) => {
        const { trainer, task } = await findTask(client, id)
        await askBeforeSpending(`Pay ${formatTokens(task.feeWei)} tokens for task ${id}?`, flags)
        await client.fineTuning.acknowledge(trainer, id)
        await follow(client, trainer, id, command)
        printTask(command, await client.fineTuning.task(trainer, id))
      }),
    )
  addKeepCommands(finetune)
}

/** What is taken home of a finished task. */
function addKeepCommands(finetune: Command): void {
  finetune
    .command('receipt <task> <file>')
    .description('keep what the provider signed about the training; `weightless verify` trains again and compares')
    .action((id: string, file: string, _flags: object, command: Command) =>
      withClient(command, async (client) => {
        const { trainer } = await findTask(client, id)
        const bundle = await client.fineTuning.trainingReceipt(trainer, id)
        const json = textToBytes(`${JSON.stringify(trainingBundleToJson(bundle), undefined, 2)}\n`)
        await writeWhole(file, [json], () => undefined)
        printResult(command, { id, file }, [`receipt in ${file}; check it: weightless verify ${file} --dataset FILE`])
      }),
    )
  finetune
    .command('adapter <task> <file>')
    .description('fetch, check and decrypt the adapter (safetensors, as PEFT reads it)')
    .action((id: string, file: string, _flags: object, command: Command) =>
      withClient(command, async (client) => {
        const { trainer } = await findTask(client, id)
        const adapter = await client.fineTuning.adapter(trainer, id, payingKey(command))
        await writeWhole(file, [adapter], () => undefined)
        printResult(command, { id, file, sizeBytes: adapter.length }, [`${adapter.length} bytes in ${file}`])
      }),
    )
}

async function start(client: Client, file: string, flags: StartFlags, command: Command): Promise<void> {
  const { trainer, model } = await choose(client, flags)
  const dataset = new Uint8Array(await readFile(file))
  await fundIfShort(client, trainer, flags)
  const task = await client.fineTuning.start({
    ...{ trainer, modelRoot: model.root, dataset, ...(flags.plain && { isPlain: true }) },
    parameters: {
      num_train_epochs: flags.epochs,
      method: flags.method,
      lora_r: flags.rank,
      learning_rate: flags.learningRate,
      seed: flags.seed,
    },
  })
  remark(`task ${task.id}: ${model.name} with ${trainer.provider}`)
  if (flags.detach) return printTask(command, task)
  await follow(client, trainer, task.id, command)
  printTask(command, await client.fineTuning.task(trainer, task.id))
}

async function choose(
  client: Client,
  flags: StartFlags,
): Promise<{ trainer: FineTuningProvider; model: TrainableModel }> {
  const providers = await client.fineTuning.providers()
  const wanted = flags.provider?.toLowerCase()
  const candidates = providers
    .filter(({ provider }) => wanted === undefined || provider === wanted)
    .toSorted((a, b) => (a.weiPerToken < b.weiPerToken ? -1 : 1))
  for (const trainer of candidates) {
    const models = await client.fineTuning.models(trainer)
    const model = flags.model ? models.find(({ name }) => name === flags.model) : models[0]
    if (model) return { trainer, model }
  }
  throw new NobodyTrainsError({ provider: flags.provider, model: flags.model })
}

async function fundIfShort(client: Client, trainer: FineTuningProvider, flags: StartFlags): Promise<void> {
  const wantedWei = parseEther(flags.fund)
  const standsWei = await client.fineTuning.balance(trainer)
  if (standsWei !== undefined && standsWei >= wantedWei) return
  const missingWei = wantedWei - (standsWei ?? 0n)
  await askBeforeSpending(`Set ${formatTokens(missingWei)} tokens aside for ${trainer.provider}?`, flags)
  const { ledger } = await client.account.balance()
  if ((ledger?.availableWei ?? 0n) < missingWei) await client.account.deposit(missingWei)
  await client.fineTuning.fund(trainer, missingWei)
}

/** Until the task is over, or waits for its user. */
async function follow(client: Client, trainer: FineTuningProvider, id: string, command: Command): Promise<void> {
  const { json } = globalOptions(command)
  const stop = new AbortController()
  // By step: what comes again after a stop takes the place of what it repeats.
  const losses = new Map<number, number>()
  try {
    for await (const event of client.fineTuning.follow(trainer, id, stop.signal)) {
      if (json) process.stdout.write(`${JSON.stringify(event)}\n`)
      else remark(lineOf(event, losses))
      if (event.type === 'note' && event.text.startsWith('Delivered')) {
        const { progress } = await client.fineTuning.task(trainer, id)
        if (progress === 'Delivered') return
      }
    }
  } finally {
    stop.abort()
    if (!json && losses.size > 1) for (const line of drawLoss([...losses.values()])) remark(line)
  }
}

function lineOf(event: TaskEvent, losses: Map<number, number>): string {
  if (event.type === 'note') return printable(event.text)
  if (event.type === 'end') return event.progress
  losses.set(event.step, event.loss)
  const heldOut = event.heldOut ? `  held out ${event.heldOut.loss.toFixed(4)}` : ''
  return `step ${event.step}/${event.steps}  loss ${event.loss.toFixed(4)}${heldOut}  ${event.tokensPerSecond.toFixed(0)} tokens/s`
}

async function list(client: Client, command: Command): Promise<void> {
  const tasks: (FineTuningTask & { provider: Hex })[] = []
  for (const trainer of await client.fineTuning.providers()) {
    const own = await client.fineTuning.tasks(trainer)
    tasks.push(...own.map((task) => ({ ...task, provider: trainer.provider })))
  }
  const lines = tasks.map(({ id, progress, feeWei }) => `${id}  ${progress.padEnd(16)} ${formatTokens(feeWei)}`)
  printResult(command, { tasks }, lines.length > 0 ? lines : ['no tasks yet'])
}

async function findTask(client: Client, id: string): Promise<{ trainer: FineTuningProvider; task: FineTuningTask }> {
  for (const trainer of await client.fineTuning.providers()) {
    const task = (await client.fineTuning.tasks(trainer)).find((each) => each.id === id)
    if (task) return { trainer, task }
  }
  throw new TaskUnknownError({ task: id })
}

function printTask(command: Command, task: FineTuningTask): void {
  const { id, progress, feeWei, failure, base, tuned } = task
  const quality = base && tuned ? [`held out   ${base.loss.toFixed(4)} before, ${tuned.loss.toFixed(4)} after`] : []
  const next = progress === 'Delivered' ? [`next       weightless finetune acknowledge ${id}`] : []
  printResult(command, task, [
    `task       ${id}`,
    `progress   ${progress}${failure ? `: ${printable(failure)}` : ''}`,
    `fee        ${formatTokens(feeWei)}`,
    ...quality,
    ...next,
  ])
}

export class NobodyTrainsError extends WeightlessError {
  constructor(facts: { provider: string | undefined; model: string | undefined }) {
    super('cli/nobody-trains', 'No provider in the registry fine-tunes that.', facts, {
      hint: 'Start a devnet with fine-tuning, or leave --provider and --model out.',
    })
  }
}

export class TaskUnknownError extends WeightlessError {
  constructor(facts: { task: string }) {
    super('cli/task-unknown', 'No provider has this task of your account.', facts, {
      hint: 'See your tasks with `weightless finetune list`.',
    })
  }
}
