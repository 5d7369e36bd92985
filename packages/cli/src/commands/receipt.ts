/** `weightless receipt …`: the receipts that this user keeps, and fetching one from the gateway. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseBundle } from '@weightless/receipt'
import type { Command } from 'commander'
import { withClient } from '../connect.ts'
import { formatTokens, globalOptions, printResult } from '../output.ts'
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
