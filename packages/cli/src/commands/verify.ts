/** `weightless verify BUNDLE`: does the work of a receipt again, in this process, without the provider. */
import type { Verification } from '@weightless/receipt'
import type { Command } from 'commander'
import { formatDuration, printResult } from '../output.ts'
import { readBundleFile } from '../readBundleFile.ts'
import { verifyBundleFile } from '../verifyBundleFile.ts'

export function addVerifyCommand(program: Command): void {
  program
    .command('verify <bundle>')
    .description('re-execute an answer from receipt and opening, and say accepted or what differs first')
    .option('--weights <file>', 'take the weights from this file instead of the storage network; checked by root')
    .action(async (path: string, options: { weights?: string }, command: Command) => {
      const bundle = readBundleFile(path)
      const startedMs = performance.now()
      const outcome = await verifyBundleFile(bundle, options, command)
      const took = formatDuration(performance.now() - startedMs)
      printResult(command, outcome, [describe(outcome), `checked in ${took}, without the provider`])
      if (!outcome.accepted) process.exitCode = 1
    })
}

function describe(outcome: Verification): string {
  if (outcome.accepted && !outcome.reExecuted) return `SIGNED    ${outcome.note}`
  if (outcome.accepted) return `accepted  ${outcome.promptTokens} + ${outcome.completionTokens} tokens, the same bits`
  const place = [outcome.token === undefined ? '' : `token ${outcome.token}`, outcome.operator ?? '']
    .filter(Boolean)
    .join(', ')
  return `REFUSED   ${outcome.detail}${place ? ` (${place})` : ''}`
}
