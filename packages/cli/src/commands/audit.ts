/** `weightless audit …`: audit providers as a licensed auditor, and check what an auditor says it found. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { AuditorEvent } from '@weightless/node/auditor/runAuditor'
import { devnetFilePath } from '@weightless/node/devnetFile'
import type { Command } from 'commander'
import { globalOptions, printResult, remark } from '../output.ts'
import { readNetworkFile } from '../providerFlags.ts'
import { wholeNumber } from '../readNumber.ts'

type StartFlags = { network?: string; every: number; requests: number; gapSeconds: number }

export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('audit providers, and check what auditors say')
  audit
    .command('start')
    .description('enrol, audit who is drawn, and report; keys, reports and evidence are in --data-dir; Ctrl-C stops')
    .option('--network <file>', 'network file; default: devnet.json of the data directory')
    .option('--every <n>', 'enrol for one round in so many', wholeNumber({ min: 1, max: 10_000 }), 1)
    .option('--requests <n>', 'requests of an audit in which nothing is wrong', wholeNumber({ min: 1, max: 64 }), 1)
    .option('--gap-seconds <n>', 'mean time between two requests', wholeNumber({ min: 0, max: 600 }), 3)
    .addHelpText(
      'after',
      '\nIts account buys a licence, puts up a bond and pays for what it asks: send it tokens first. The address is shown at the start.',
    )
    .action(start)
  audit
    .command('check <evidence>')
    .description('make every answer of an evidence file again, and compare the prompts with those that were drawn')
    .option('--network <file>', 'network file; default: devnet.json of the data directory')
    .action(check)
}

const readNetwork = (flags: { network?: string }, dataDir: string) =>
  readNetworkFile(resolve(flags.network ?? devnetFilePath(dataDir)))

async function start(flags: StartFlags, command: Command): Promise<void> {
  const { json, dataDir } = globalOptions(command)
  const config = readNetwork(flags, dataDir)
  const { auditorAccount, runAuditor } = await import('@weightless/node/auditor/runAuditor')
  const { createModelShelf } = await import('@weightless/node/auditor/openModels')
  const { createNodeEnv } = await import('@weightless/env/node')
  const folder = join(resolve(dataDir), 'auditor')
  const account = auditorAccount(folder)
  const stop = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.resolve())
  if (!json) remark(`account ${account.address} audits (key in ${folder})`)
  const env = createNodeEnv({ dataFolder: folder, log: 'silent', workersMax: 1 })
  try {
    const auditor = await runAuditor({
      ...{ env, config, folder, disk: env.disk, account, settleDelaySeconds: 0 },
      ...{ firstRounds: 1, everyRounds: flags.every },
      models: (client) => createModelShelf({}, (root) => client.files.download(root, { isRaw: true })),
      pace: { requestsMin: flags.requests, requestsMax: flags.requests + 4, meanGapMs: flags.gapSeconds * 1000 },
      onEvent: json ? printEvent : (event) => remark(describe(event)),
    })
    if (json) process.stdout.write(`${JSON.stringify({ type: 'open', address: account.address })}\n`)
    await stop.promise
    await auditor.close()
  } finally {
    await env.close()
  }
}

const findings = ['', 'clean', 'faulty', 'unreachable', 'not come to']

function describe(event: AuditorEvent): string {
  if (event.type === 'fault') return `not gone on with: ${event.reason}`
  if (event.type !== 'found') return `round ${event.round}: ${event.type}`
  const { id, finding, outcomes } = event.found
  const wrong = outcomes.find(({ verdict }) => verdict === 'wrong')?.detail
  return `round ${event.round}: 0x${id.slice(26)} is ${findings[finding]}${wrong === undefined ? '' : `: ${wrong}`}`
}

function printEvent(event: AuditorEvent): void {
  const plain = event.type === 'found' ? { ...event, found: { ...event.found, outcomes: undefined } } : event
  process.stdout.write(`${JSON.stringify(plain, (_, value) => (typeof value === 'bigint' ? String(value) : value))}\n`)
}

async function check(file: string, flags: { network?: string }, command: Command): Promise<void> {
  const { dataDir } = globalOptions(command)
  const config = readNetwork(flags, dataDir)
  const { checkEvidenceFile } = await import('@weightless/node/auditor/checkEvidenceFile')
  const lines = await checkEvidenceFile(new Uint8Array(readFileSync(file)), { config, dataFolder: resolve(dataDir) })
  const isRight = lines.every(({ agrees }) => agrees)
  printResult(
    command,
    { agrees: isRight, lines },
    lines.map(
      ({ target, index, agrees, detail }) => `${agrees ? 'agrees ' : 'DIFFERS'}  ${target} ${index}: ${detail}`,
    ),
  )
  if (!isRight) process.exitCode = 1
}
