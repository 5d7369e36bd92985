/** `weightless reset`: removes the devnet's state, after asking. */
import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { confirm, isCancel } from '@clack/prompts'
import { WeightlessError } from '@weightless/codec'
import { lockDataFolder } from '@weightless/node/dataFolder'
import type { Command } from 'commander'
import { globalOptions, printResult } from '../output.ts'

export function addResetCommand(program: Command): void {
  program
    .command('reset')
    .description('remove all state of the devnet in the data directory (the model cache stays)')
    .option('--yes', 'do not ask')
    .action(async (options: { yes?: boolean }, command: Command) => {
      const folder = resolve(globalOptions(command).dataDir)
      if (!existsSync(folder))
        return printResult(command, { removed: false, folder }, [`There is nothing at ${folder}.`])
      if (!existsSync(join(folder, 'version.json'))) throw new NotADataFolderError({ folder })
      if (!options.yes) await ask(folder)
      lockDataFolder(folder).release()
      rmSync(folder, { recursive: true })
      printResult(command, { removed: true, folder }, [`Removed ${folder}.`])
    })
}

async function ask(folder: string): Promise<void> {
  if (!process.stdin.isTTY) throw new ConfirmationNeededError({ folder })
  const answer = await confirm({ message: `Remove ${folder} with its chain, files and receipts?`, initialValue: false })
  if (isCancel(answer) || !answer) throw new ConfirmationNeededError({ folder })
}

export class NotADataFolderError extends WeightlessError {
  constructor(facts: { folder: string }) {
    super('cli/not-a-data-folder', 'This folder was not made by Weightless; nothing was removed.', facts, {
      hint: 'Name the data directory with --data-dir.',
    })
  }
}

export class ConfirmationNeededError extends WeightlessError {
  constructor(facts: { folder: string }) {
    super('cli/confirmation-needed', 'Nothing was removed.', facts, { hint: 'Confirm with --yes.' })
  }
}
