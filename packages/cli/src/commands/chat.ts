/** `weightless chat "…"`: asks a model, streams the answer, keeps receipt and opening for `weightless verify`. */
import { WeightlessError } from '@weightless/codec'
import { answersOf, type VerificationLevel, verificationSchema } from '@weightless/compute/wire'
import type { ChatRequest, Client } from '@weightless/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { commandLine, inQuotes } from '../commandLine.ts'
import { withClient } from '../connect.ts'
import { formatTokens, globalOptions, printResult, remark } from '../output.ts'
import { printable } from '../printable.ts'
import { decimalNumber, wholeNumber } from '../readNumber.ts'
import { keepBundle, keepExchange, receiptFile } from '../receiptFile.ts'

type ChatFlags = {
  model?: string
  system?: string
  maxTokens: number
  temperature: number
  topP: number
  seed?: number
  save?: string
  quote?: boolean
  private?: boolean
  attested?: boolean
  accepted?: boolean
  share?: boolean
  verification?: VerificationLevel
  fingerprint?: boolean
}

export function addChatCommand(program: Command): void {
  program
    .command('chat <question>')
    .description('ask a model; the answer comes with a receipt')
    .option('--model <id>', 'the model; the first that is served without it')
    .option('--system <text>', 'a system message')
    .option('--max-tokens <n>', 'tokens at most', wholeNumber({ min: 1, max: 8192 }), 256)
    .option('--temperature <t>', '0 is deterministic choice', decimalNumber({ min: 0, max: 2 }), 0.7)
    .option('--top-p <p>', 'nucleus', decimalNumber({ min: 0, max: 1 }), 0.9)
    .option('--seed <n>', 'repeat an answer', wholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER }))
    .option('--save <file>', 'where to keep receipt and opening')
    .option('--private', 'sealed end to end: only the provider reads it; the answer cannot be executed again')
    .option('--attested', 'with --private: only to a key that the chain knows to be in trusted hardware, up to date')
    .option('--accepted', 'only of a provider that accepts the job first, and answers for it with its stake')
    .option(
      '--verification <level>',
      'none, sampled:SHARE, refereed or full:COPIES; the answer comes when it is checked',
      readLevel,
    )
    .option('--share', 'auditors may see question and answer; what turns out wrong becomes public as evidence')
    .option('--fingerprint', 'ask for log-probabilities, and keep question and answer beside the receipt')
    .option('--quote', 'say what it may cost at most, and do not ask')
    .action((question: string, flags: ChatFlags, command: Command) =>
      withClient(command, (client) => chat(client, question, flags, command)),
    )
}

async function chat(client: Client, question: string, flags: ChatFlags, command: Command): Promise<void> {
  const models = await client.chat.models()
  const model = flags.model ? models.find(({ id }) => id === flags.model) : models[0]
  if (!model)
    throw new ModelNotServedError({ wanted: flags.model, served: models.map(({ id }) => id).join(', ') || 'none' })
  const request: ChatRequest = {
    model: model.id,
    messages: [
      ...(flags.system ? [{ role: 'system' as const, content: flags.system }] : []),
      { role: 'user', content: question },
    ],
    maxTokens: flags.maxTokens,
    temperature: flags.temperature,
    topP: flags.topP,
    ...(flags.seed !== undefined && { seed: flags.seed }),
    ...((flags.private || flags.attested) && { private: true }),
    ...(flags.attested && { attested: {} }),
    ...(flags.accepted && { accepted: true }),
    ...(flags.share && { shared: true }),
    ...(flags.fingerprint && { fingerprint: true }),
    ...(flags.verification && { verification: flags.verification }),
  }
  const prices = { input: model.inputWeiPerToken ?? 0n, output: model.outputWeiPerToken ?? 0n }
  if (flags.quote) {
    // A token is at least one byte of UTF-8; 64 covers the template around each message.
    const promptTokensMax = BigInt(
      request.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content) + 64, 0),
    )
    const one = promptTokensMax * prices.input + BigInt(flags.maxTokens) * prices.output
    const answers = answersOf(flags.verification ?? { level: 'none' })
    const feeMaxWei = one * BigInt(answers)
    const each = answers > 1 ? ` for ${answers} answers, at the price of the cheapest provider` : ''
    return printResult(command, { model: model.id, answers, feeMaxWei }, [
      `at most ${formatTokens(feeMaxWei)} tokens with ${model.id}${each}`,
    ])
  }
  await answer(client, request, flags, command)
}

async function answer(client: Client, request: ChatRequest, flags: ChatFlags, command: Command): Promise<void> {
  if (request.verification) return answerChecked(client, request, flags, command)
  const { json, dataDir } = globalOptions(command)
  let text = ''
  for await (const event of client.chat.stream(request)) {
    if (event.type === 'text') {
      text += event.text
      if (!json) process.stdout.write(printable(event.text))
    }
    if (event.type !== 'end') continue
    if (!json) process.stdout.write('\n')
    const bundle = event.receiptId ? await client.receipts.get(event.receiptId) : undefined
    const file =
      bundle && event.receiptId ? keepBundle(flags.save ?? receiptFile(dataDir, event.receiptId), bundle) : undefined
    if (file && event.exchange) keepExchange(file, event.exchange)
    const feeWei = bundle?.receipt.fee
    if (json)
      printResult(
        command,
        {
          model: request.model,
          text,
          finishReason: event.finishReason,
          usage: event.usage,
          receiptId: event.receiptId,
          feeWei,
          bundle: file,
        },
        [],
      )
    else
      remark(
        `\n${event.usage?.completionTokens ?? '?'} tokens, ${feeWei === undefined ? 'no receipt' : `${formatTokens(feeWei)} to pay`}${file ? `\ncheck it: ${commandLine(`verify ${inQuotes(file)}`, globalOptions(command).dataDir)}` : ''}`,
      )
  }
}

async function answerChecked(client: Client, request: ChatRequest, flags: ChatFlags, command: Command): Promise<void> {
  const { json, dataDir } = globalOptions(command)
  const { text, finishReason, usage, receiptId, bundle, check } = await client.chat.complete(request)
  const { level, outcome, detection, feeWei, bundles } = check
  const file = bundle && receiptId ? keepBundle(flags.save ?? receiptFile(dataDir, receiptId), bundle) : undefined
  const said = { model: request.model, text, finishReason, usage, receiptId, feeWei, bundle: file }
  if (json) printResult(command, { ...said, check: { level, outcome, detection, answers: bundles.length } }, [])
  else {
    process.stdout.write(`${printable(text)}\n`)
    remark(
      `\n${level}: ${outcome}, ${bundles.length} answers for ${formatTokens(feeWei)}; finds a wrong one with ${detection * 100} %`,
    )
  }
  if (outcome === 'differs') process.exitCode = 1
}

function readLevel(text: string): VerificationLevel {
  const [level, value] = text.split(':')
  const read = verificationSchema.safeParse({
    level,
    ...(value !== undefined && { [level === 'sampled' ? 'share' : 'copies']: Number(value) }),
  })
  if (read.success) return read.data
  throw new InvalidArgumentError('such as sampled:0.1, refereed or full:3.')
}

export class ModelNotServedError extends WeightlessError {
  constructor(facts: { wanted: string | undefined; served: string }) {
    super('cli/model-not-served', 'No provider serves this model now.', facts, {
      hint: 'See what is served with `weightless model list`; the weights may still be on their way.',
    })
  }
}
