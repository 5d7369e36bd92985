/** `weightless verify BUNDLE`: does the work of a receipt again, in this process, without the provider. */
import type { TrainingVerification } from '@weightless/compute/client'
import type { Verification } from '@weightless/receipt'
import type { Command } from 'commander'
import { formatDuration, printResult } from '../output.ts'
import { isTraining, readAnyBundleFile } from '../readBundleFile.ts'
import { type VerifyFileOptions, verifyBundleFile } from '../verifyBundleFile.ts'
import { type TrainingInputs, verifyTrainingFile } from '../verifyTrainingFile.ts'

export function addVerifyCommand(program: Command): void {
  program
    .command('verify <bundle>')
    .description('re-execute an answer from receipt and opening, and say accepted or what differs first')
    .option('--weights <file>', 'take the weights from this file instead of the storage network; checked by root')
    .option('--model <file>', 'the same')
    .option(
      '--response <file>',
      'for an answer with a fingerprint: its bytes, if not beside the bundle; with --request',
    )
    .option('--dataset <file>', 'for the receipt of a training: the plain examples, to train again on')
    .option('--request <file>', 'the body of the request: for embeddings, whose answer is made again, and fingerprints')
    .option('--encoder <folder>', 'with model.safetensors, config.json and tokenizer.json; else all-MiniLM-L6-v2')
    .action(async (path: string, options: TrainingInputs & VerifyFileOptions, command: Command) => {
      const bundle = readAnyBundleFile(path)
      const startedMs = performance.now()
      const outcome = isTraining(bundle)
        ? await verifyTrainingFile(bundle, options, command)
        : await verifyBundleFile(path, bundle, options, command)
      const took = formatDuration(performance.now() - startedMs)
      // An adapter is nothing to print.
      const { adapter: _, ...shown } = { adapter: undefined, ...outcome }
      printResult(command, shown, [describe(outcome), `checked in ${took}, without the provider`])
      if (!outcome.accepted) process.exitCode = 1
    })
}

function describe(outcome: Verification | TrainingVerification): string {
  if (outcome.accepted && 'fingerprint' in outcome && outcome.fingerprint) return `AGREES    ${outcome.note}`
  if (outcome.accepted && !outcome.reExecuted) return `SIGNED    ${outcome.note}`
  if (outcome.accepted && 'steps' in outcome)
    return `accepted  ${outcome.steps} steps on ${outcome.trainedTokens} tokens done again, the same adapter`
  if (outcome.accepted) return `accepted  ${outcome.promptTokens} + ${outcome.completionTokens} tokens, the same bits`
  const place = [outcome.token === undefined ? '' : `token ${outcome.token}`, outcome.operator ?? '']
    .filter(Boolean)
    .join(', ')
  return `REFUSED   ${outcome.detail}${place ? ` (${place})` : ''}`
}
