/** `weightless dispute …`: shows by one number that an answer is wrong, and judges what somebody else has shown. */
import { readFileSync } from 'node:fs'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { createNodeEnv } from '@weightless/env/node'
import type { Bundle } from '@weightless/receipt'
import {
  type Challenge,
  type Dispute,
  disputeWithProvider,
  type Judgement,
  judgeVerdict,
  type Slashing,
  type TrainingSlashing,
  type VerdictFile,
} from '@weightless/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
import { askedLine, describeFinding, placeOf, printRefused, printUnguilty } from '../disputeOutcome.ts'
import { disputeTrainingFile, judgeTrainingFile } from '../disputeTrainingFile.ts'
import { formatDuration, formatTokens, globalOptions, printResult, remark } from '../output.ts'
import { createProgressBar } from '../progressBar.ts'
import { isTraining, readAnyBundleFile, readBundleFile } from '../readBundleFile.ts'
import { keepVerdict, readAnyVerdict, verdictPath } from '../verdictFile.ts'
import { withModelFile } from '../withModelFile.ts'

type OpenOptions = { provider?: string; model?: string; adapter?: string; dataset?: string; out?: string }

export function addDisputeCommands(program: Command): void {
  const dispute = program.command('dispute').description('wrong answers, shown by one number that anybody recomputes')
  dispute
    .command('open <bundle>')
    .description(
      'execute an answer or a training again, ask its provider for the first number that differs, keep the verdict',
    )
    .option(
      '--provider <url>',
      'ask the provider there, as a stranger does; else your gateway passes the questions on',
      httpUrl,
    )
    .option('--model <file>', 'take the model from this file instead of the storage network; checked by root')
    .option('--adapter <file>', 'of an answer with an adapter: its file, beside --model; checked by root')
    .option('--dataset <file>', 'of a training: the plain lines that were trained on')
    .option('--out <file>', 'where the verdict goes; else into disputes/ of the data directory')
    .addHelpText(
      'after',
      '\nWith --provider and --model no network needs to be known. Exit code: 0 agreed, 1 anything else.',
    )
    .action(async (path: string, options: OpenOptions, command: Command) => {
      const bundle = readAnyBundleFile(path)
      if (isTraining(bundle)) return disputeTrainingFile(bundle, options, command)
      remark(`executing ${bundle.receipt.promptTokens + bundle.receipt.completionTokens} tokens again`)
      const outcome = await play(bundle, options, command)
      await printDispute(bundle, outcome, options.out, command)
      if (outcome.outcome !== 'agreed') process.exitCode = 1
    })
  dispute
    .command('judge <verdict>')
    .description('judge a verdict file again, asking nobody, and say guilty or what it does not show')
    .option('--model <file>', 'the model, as a file; else it comes from the storage network')
    .option('--dataset <file>', 'of a training: the plain lines, where the file is about the rows of a step')
    .addHelpText('after', '\nExit code: 0 judged as the file says, 1 refused.')
    .action(async (path: string, options: { model?: string; dataset?: string }, command: Command) => {
      const verdict = readAnyVerdict(path)
      if ('bundle' in verdict) return judgeTrainingFile(verdict, options, command)
      const { model } = options
      const startedMs = performance.now()
      const judgement = await judgeWith(verdict, model, command)
      printJudgement(verdict, judgement, performance.now() - startedMs, command)
      if (judgement.outcome !== 'guilty') process.exitCode = 1
    })
  dispute
    .command('challenge <bundle>')
    .description('dispute an answer on chain, for a bond: a provider that does not answer there in time loses stake')
    .option('--model <file>', 'the model, as a file; else it comes from the storage network')
    .option('--yes', 'do not ask before the bond is put up and transactions are sent')
    .addHelpText(
      'after',
      '\nEach question is a transaction, and the provider has its time for each. The bond comes back where the provider is shown wrong or silent, and is its own where nothing is shown. Exit code: 0 agreed, 1 anything else.',
    )
    .action(async (path: string, options: { model?: string; yes?: boolean }, command: Command) => {
      const bundle = readBundleFile(path)
      await askBeforeSpending(`Challenge ${bundle.receipt.provider} on chain? A bond is put up if it differs.`, options)
      const challenge = await challengeWith(bundle, options.model, command)
      printChallenge(bundle, challenge, command)
      if (challenge.dispute.outcome !== 'agreed') process.exitCode = 1
    })
  addSubmitCommand(dispute)
}

function addSubmitCommand(dispute: Command): void {
  dispute
    .command('submit <verdict>')
    .description('take a verdict to the chain: contracts compute the number again, and the provider loses stake')
    .option('--model <file>', 'the model, as a file; else it comes from the storage network')
    .option('--yes', 'do not ask before sending transactions')
    .addHelpText(
      'after',
      '\nWhere the chain does not know the model yet, its head is shown first, once for all: some 20 transactions for SmolLM2.',
    )
    .action(async (path: string, options: { model?: string; yes?: boolean }, command: Command) => {
      const verdict = readAnyVerdict(path)
      const { provider } = 'bundle' in verdict ? verdict.bundle.receipt : verdict.receipt
      await askBeforeSpending(`Take the case against ${provider} to the chain? The transactions cost gas.`, options)
      const slashing =
        'bundle' in verdict
          ? await submitTraining(verdict, options.model, command)
          : await submitWith(verdict, options.model, command)
      printSlashing(slashing, command)
    })
}

/** @throws {ReceiptUndisputableError} */
function play(bundle: Bundle, options: OpenOptions, command: Command): Promise<Dispute> {
  const { provider, model } = options
  const adapter = options.adapter === undefined ? {} : { adapter: new Uint8Array(readFileSync(options.adapter)) }
  if (model === undefined) {
    return withClient(command, (client) =>
      client.receipts.dispute(bundle, { ...(provider !== undefined && { providerUrl: provider }), ...adapter }),
    )
  }
  return withModelFile(model, async (weights) => {
    if (provider === undefined) {
      return withClient(command, (client) =>
        client.receipts.dispute(bundle, { loadWeights: async () => weights, ...adapter }),
      )
    }
    const env = createNodeEnv({ dataFolder: globalOptions(command).dataDir, log: 'silent', workersMax: 1 })
    try {
      return await disputeWithProvider(env, bundle, provider, weights, adapter)
    } finally {
      await env.close()
    }
  })
}

function judgeWith(verdict: VerdictFile, model: string | undefined, command: Command): Promise<Judgement> {
  if (model !== undefined) return withModelFile(model, (weights) => judgeVerdict(verdict, weights))
  return withClient(command, async (client) => {
    const bar = createProgressBar('model')
    const weights = await client.files
      .download(verdict.receipt.modelRoot, {
        isRaw: true,
        onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
      })
      .finally(() => bar.finish())
    return judgeVerdict(verdict, weights)
  })
}

function submitWith(verdict: VerdictFile, path: string | undefined, command: Command): Promise<Slashing> {
  const submit = (options: object) =>
    withClient(command, (client) => client.receipts.submitVerdict(verdict, { onPart: remarkPart, ...options }))
  return path === undefined ? submit({}) : withModelFile(path, (model) => submit({ model }))
}

function submitTraining(
  verdict: TrainingVerdictFile,
  path: string | undefined,
  command: Command,
): Promise<TrainingSlashing> {
  const submit = (options: object) =>
    withClient(command, (client) => client.fineTuning.submitVerdict(verdict, { onPart: remarkPart, ...options }))
  return path === undefined ? submit({}) : withModelFile(path, (model) => submit({ model }))
}

const remarkPart = (readBytes: number) => remark(`head of the model: ${readBytes} bytes shown to the chain`)

function printSlashing(slashing: Omit<Slashing, 'modelTransactions'>, command: Command): void {
  const { provider, jobNonce, slashedWei, toUserWei, toReporterWei, transactionHash, gasUsed } = slashing
  printResult(command, slashing, [
    `SLASHED   ${provider} for job ${jobNonce}`,
    `it lost ${formatTokens(slashedWei)}: ${formatTokens(toUserWei)} to the user, ${formatTokens(toReporterWei)} to you, the rest is burned`,
    `transaction ${transactionHash}, ${gasUsed} gas`,
  ])
}

function challengeWith(bundle: Bundle, path: string | undefined, command: Command): Promise<Challenge> {
  const onQuestion = ({ ask }: { ask: string }) => remark(`asked on chain: ${ask}`)
  const challenge = (options: object) =>
    withClient(command, (client) => client.receipts.challenge(bundle, { onQuestion, ...options }))
  return path === undefined ? challenge({}) : withModelFile(path, (model) => challenge({ model }))
}

function printChallenge(bundle: Bundle, { dispute, slashing, bond }: Challenge, command: Command): void {
  const { outcome, questions } = dispute
  const lines = [`${outcome.toUpperCase()}  ${questions} questions on chain, bond ${bond}`]
  if (dispute.outcome === 'guilty') lines.push(...describeFinding(placeIn(dispute.finding), dispute.finding))
  if (slashing) {
    const { provider, slashedWei, toReporterWei, transactionHash } = slashing
    lines.push(`${provider} lost ${formatTokens(slashedWei)}, ${formatTokens(toReporterWei)} of it are yours`)
    lines.push(`transaction ${transactionHash}`)
  }
  const finding = dispute.outcome === 'guilty' ? { finding: dispute.finding } : {}
  printResult(command, { outcome, questions, bond, slashing, ...finding, ...placeOf(bundle) }, lines)
}

async function printDispute(
  bundle: Bundle,
  outcome: Dispute,
  out: string | undefined,
  command: Command,
): Promise<void> {
  const about = placeOf(bundle)
  if (outcome.outcome === 'guilty') {
    const { verdict, finding, questions } = outcome
    const file = await keepVerdict(out ?? verdictPath(globalOptions(command).dataDir, verdict), verdict)
    const { guilty: _, ...shown } = finding
    const said = describeFinding(placeIn(shown), shown)
    const lines = [...said, `provider  ${about.provider}`, askedLine(questions), `verdict   ${file}`]
    printResult(command, { outcome: 'guilty', questions, ...about, finding: shown, file }, lines)
    return
  }
  printUnguilty(outcome, about, 'this machine computes the same: every operator at every position', command)
}

function printJudgement(verdict: VerdictFile, judgement: Judgement, tookMs: number, command: Command): void {
  const about = placeOf(verdict)
  if (judgement.outcome === 'refused') {
    printRefused(judgement, about, command)
    return
  }
  const { guilty: _, ...finding } = judgement.finding
  printResult(command, { outcome: 'guilty', ...about, finding }, [
    ...describeFinding(placeIn(finding), finding),
    `provider  ${about.provider}, by its signature`,
    `receipt   ${about.receipt}, chain ${about.chainId}`,
    `judged in ${formatDuration(tookMs)}, asking nobody`,
  ])
}

const placeIn = ({ operator, position }: Pick<VerdictFile['finding'], 'operator' | 'position'>): string =>
  `${operator} at position ${position}`

/** A commander reader: what is no address would otherwise be taken for a provider that is silent. */
function httpUrl(text: string): string {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('an http(s) address is needed.')
  return text
}
