/** `weightless receipt …`: the receipts that this user keeps, and fetching one from the gateway. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseBundle } from '@weightless/receipt'
import type { Client } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
import { formatTokens, globalOptions, printResult } from '../output.ts'
import { printable } from '../printable.ts'
import { readAnyBundleFile } from '../readBundleFile.ts'
import { keepBundle, receiptFile } from '../receiptFile.ts'

export function addReceiptCommands(program: Command): void {
  const receipt = program.command('receipt').description('the receipts of your answers')
  receipt
    .command('list')
    .description('list the bundles kept in the data directory')
    .action((_options: object, command: Command) => {
      const kept = listKept(globalOptions(command).dataDir)
      const lines = kept.map(
        ({ file, completionTokens, feeWei }) =>
          `${file}  ${completionTokens} tokens  ${formatTokens(BigInt(feeWei))} paid`,
      )
      printResult(
        command,
        { receipts: kept },
        lines.length > 0 ? lines : ['No receipts yet. Ask something with `weightless chat`.'],
      )
    })
  receipt
    .command('get <id>')
    .description('fetch receipt and opening from the gateway and keep them')
    .action((id: string, _options: object, command: Command) =>
      withClient(command, async (client) => {
        const bundle = await client.receipts.get(id)
        const file = keepBundle(receiptFile(globalOptions(command).dataDir, id), bundle)
        printResult(command, { file }, [file])
      }),
    )
  receipt
    .command('faults')
    .description('receipts that the gateway did not pay because they show a fault on chain')
    .action((_options: object, command: Command) =>
      withClient(command, async (client) => {
        const faults = await client.receipts.faults()
        const lines = faults.map(({ id, kind, provider }) => `${printable(id)}  ${printable(kind)}  ${provider}`)
        printResult(command, { faults }, lines.length > 0 ? lines : ['No provider has shown a fault to this key.'])
      }),
    )
  receipt
    .command('report <bundle> [other]')
    .description('show on chain what one bundle, or two of one job, prove against their provider; it loses stake')
    .option('--yes', 'do not ask before sending the transaction')
    .addHelpText(
      'after',
      '\nA bundle is a file, of an answer or of a training (`weightless finetune receipt`), or the id of one of `weightless receipt faults`.',
    )
    .action((bundle: string, other: string | undefined, options: { yes?: boolean }, command: Command) =>
      withClient(command, (client) => report(client, bundle, other, options, command)),
    )
}

async function report(
  client: Client,
  bundle: string,
  other: string | undefined,
  options: { yes?: boolean },
  command: Command,
): Promise<void> {
  const read = (name: string) =>
    existsSync(name) ? Promise.resolve(readAnyBundleFile(name)) : client.receipts.faultBundle(name)
  const [one, two] = [await read(bundle), other === undefined ? undefined : await read(other)]
  await askBeforeSpending(`Report provider ${one.receipt.provider}? The transaction costs gas.`, options)
  const shown = await client.receipts.report(one, two)
  printResult(command, shown, [
    `${shown.fault} of ${shown.provider}, job ${shown.jobNonce}`,
    `it lost ${formatTokens(shown.slashedWei)}: ${formatTokens(shown.toUserWei)} to the user, ${formatTokens(shown.toReporterWei)} to you, the rest is burned`,
    `transaction ${shown.transactionHash}`,
  ])
}

function listKept(dataFolder: string): { file: string; completionTokens: string; feeWei: string; provider: string }[] {
  const folder = join(dataFolder, 'receipts')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const verdict = parseBundle(readFileSync(join(folder, name), 'utf8'))
      if (!verdict.ok) return []
      const { completionTokens, fee, provider } = verdict.value.receipt
      return [{ file: join(folder, name), completionTokens: String(completionTokens), feeWei: String(fee), provider }]
    })
}
