/** Disputes a training from its bundle, and judges a file about one: files in, words out. */
import { readFile } from 'node:fs/promises'
import type { TrainingDispute } from '@weightless/compute/client'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { createNodeEnv } from '@weightless/env/node'
import type { TrainingBundle } from '@weightless/receipt/training'
import { disputeTraining, judgeTraining } from '@weightless/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { withClient } from './connect.ts'
import { askedLine, describeFinding, placeOf, printRefused, printUnguilty } from './disputeOutcome.ts'
import { globalOptions, printResult, remark } from './output.ts'
import { keepTrainingVerdict, trainingVerdictPath } from './verdictFile.ts'
import { withModelFile } from './withModelFile.ts'

export type TrainingDisputeInputs = { provider?: string; model?: string; dataset?: string; out?: string }

/** @throws {JobUndisputableError} */
export async function disputeTrainingFile(
  bundle: TrainingBundle,
  { provider, model, dataset, out }: TrainingDisputeInputs,
  command: Command,
): Promise<void> {
  if (dataset === undefined) {
    throw new InvalidArgumentError('a training is disputed with what was trained on: name it with --dataset FILE.')
  }
  const lines = new Uint8Array(await readFile(dataset))
  remark(`training again on ${bundle.receipt.promptTokens} tokens`)
  const weights = model === undefined ? undefined : new Uint8Array(await readFile(model))
  const outcome = await play(bundle, { dataset: lines, weights, provider }, command)
  await printDispute(bundle, outcome, out, command)
  if (outcome.outcome !== 'agreed') process.exitCode = 1
}

type Means = { dataset: Uint8Array; weights: Uint8Array | undefined; provider: string | undefined }

async function play(
  bundle: TrainingBundle,
  { dataset, weights, provider }: Means,
  command: Command,
): Promise<TrainingDispute> {
  const hooks = {
    onStep(step: number, steps: number) {
      if (step % Math.ceil(steps / 10) === 0) remark(`trained again: step ${step} of ${steps}`)
    },
    onQuestion: ({ ask }: { ask: string }) => remark(`asked: ${ask}`),
  }
  if (!weights || provider === undefined) {
    return withClient(command, (client) =>
      client.fineTuning.dispute(bundle, {
        dataset,
        ...(weights && { weights }),
        ...(provider !== undefined && { providerUrl: provider }),
        ...hooks,
      }),
    )
  }
  const env = createNodeEnv({ dataFolder: globalOptions(command).dataDir, log: 'silent', workersMax: 1 })
  try {
    return await disputeTraining(env, bundle, provider, { weights, dataset }, hooks)
  } finally {
    await env.close()
  }
}

async function printDispute(
  bundle: TrainingBundle,
  outcome: TrainingDispute,
  out: string | undefined,
  command: Command,
): Promise<void> {
  const about = placeOf(bundle)
  if (outcome.outcome === 'guilty') {
    const { verdict } = outcome
    const { guilty: _, ...finding } = verdict.finding
    const file = await keepTrainingVerdict(out ?? trainingVerdictPath(globalOptions(command).dataDir, verdict), verdict)
    const said = describeFinding(`step ${finding.step}`, finding)
    const lines = [...said, `provider  ${about.provider}`, askedLine(outcome.questions), `verdict   ${file}`]
    printResult(command, { outcome: 'guilty', questions: outcome.questions, ...about, finding, file }, lines)
    return
  }
  printUnguilty(outcome, about, 'this machine trains to the same state', command)
}

/** Judges a file again, asking nobody. */
export async function judgeTrainingFile(
  verdict: TrainingVerdictFile,
  { model, dataset }: { model?: string; dataset?: string },
  command: Command,
): Promise<void> {
  const lines = dataset === undefined ? undefined : new Uint8Array(await readFile(dataset))
  const judge = (weights: Parameters<typeof judgeTraining>[1]) => judgeTraining(verdict, weights, lines)
  const judgement =
    model === undefined
      ? await withClient(command, async (client) =>
          judge(await client.files.download(verdict.bundle.receipt.modelRoot, { isRaw: true })),
        )
      : await withModelFile(model, judge)
  const about = placeOf(verdict.bundle)
  if (judgement.outcome === 'refused') {
    printRefused(judgement, about, command)
    process.exitCode = 1
    return
  }
  const { guilty: _, ...finding } = judgement.finding
  printResult(command, { outcome: 'guilty', ...about, finding }, [
    ...describeFinding(`step ${finding.step}`, finding),
    `provider  ${about.provider}, by its signature`,
    `receipt   ${about.receipt}, chain ${about.chainId}`,
  ])
}
