/** `weightless checkpoint …`: saves the files of a model under a name, of which only what is new is stored, and restores them anywhere. */
import { isHexOf, WeightlessError } from '@weightless/codec'
import type { Client } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { openCheckpointFiles, restoreInto } from '../checkpointFolder.ts'
import { withClient } from '../connect.ts'
import { formatBytes, formatTokens, printResult } from '../output.ts'
import { createProgressBar } from '../progressBar.ts'
import { wholeNumber } from '../readNumber.ts'

type OwnerFlag = { owner?: string }

export function addCheckpointCommands(program: Command): void {
  const checkpoint = program.command('checkpoint').description('save and restore model checkpoints by name')
  checkpoint
    .command('save <name> <path>')
    .description(
      'store a file, or all files of a folder; of what the last save under this name had, nothing is sent again',
    )
    .option('--yes', 'do not ask before paying')
    .action((name: string, path: string, options: { yes?: boolean }, command: Command) =>
      withClient(command, (client) => save(client, name, path, options, command)),
    )
  checkpoint
    .command('restore <name> <folder>')
    .description('fetch the files of a checkpoint; what is in the folder already is not fetched again')
    .option('--owner <address>', 'whose checkpoint; default: the account’s own')
    .option(
      '--at <version>',
      'an earlier save under this name, by the version that save said',
      wholeNumber({ min: 0, max: 2 ** 53 - 1 }),
    )
    .action((name: string, folder: string, options: OwnerFlag & { at?: number }, command: Command) =>
      withClient(command, (client) => restore(client, name, folder, options, command)),
    )
  checkpoint
    .command('list')
    .description('list checkpoints by name')
    .option('--owner <address>', 'whose checkpoints; default: the account’s own')
    .action((options: OwnerFlag, command: Command) =>
      withClient(command, async (client) => {
        const found = await Array.fromAsync(client.checkpoints().list(readOwner(options.owner)))
        const lines = found.map(
          ({ name, sizeBytes, version, savedMs }) =>
            `${name}  ${formatBytes(sizeBytes).padStart(9)}  version ${version}  ${new Date(savedMs).toISOString()}`,
        )
        printResult(command, { checkpoints: found }, lines.length > 0 ? lines : ['No checkpoints yet.'])
      }),
    )
}

async function save(
  client: Client,
  name: string,
  path: string,
  options: { yes?: boolean },
  command: Command,
): Promise<void> {
  const files = await openCheckpointFiles(path)
  const bar = createProgressBar('saving')
  try {
    const quote = await client.files.quote(Math.max(1, files.sizeBytes))
    await askBeforeSpending(
      `Store ${path} (${formatBytes(files.sizeBytes)}) as checkpoint ${name} for good, readable by anyone, for at most about ${formatTokens(quote.feeWei)} tokens?`,
      options,
    )
    const saved = await client.checkpoints().save({
      ...{ name, files: files.list },
      onProgress: ({ doneBytes, totalBytes, newBytes, uploadedBytes }) => {
        const settledBytes = doneBytes - newBytes + uploadedBytes
        if (settledBytes < totalBytes) bar.update(settledBytes, totalBytes, `saving, ${formatBytes(newBytes)} new`)
        else bar.update(0, 0, 'writing the name')
      },
    })
    bar.finish()
    printResult(command, saved, [
      `saved    ${name}, version ${saved.version}: ${formatBytes(saved.sizeBytes)}, of which ${formatBytes(saved.newBytes)} are new`,
      `paid     ${formatTokens(saved.feeWei)} tokens`,
      `restore  weightless checkpoint restore ${JSON.stringify(name)} FOLDER --owner ${client.ledger.address}`,
    ])
  } finally {
    bar.finish()
    await files.close()
  }
}

async function restore(
  client: Client,
  name: string,
  folder: string,
  { owner, at: version }: OwnerFlag & { at?: number },
  command: Command,
): Promise<void> {
  const bar = createProgressBar('restoring')
  const whose = readOwner(owner)
  const restored = await client
    .checkpoints()
    .restore({
      ...{ name, target: restoreInto(folder), ...(whose && { owner: whose }) },
      ...(version === undefined ? {} : { version }),
      onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
    })
    .finally(() => bar.finish())
  printResult(command, { ...restored, folder }, [
    `${folder}: ${restored.files} files, ${formatBytes(restored.sizeBytes)}, of which ${formatBytes(restored.fetchedBytes)} were fetched; every chunk checked`,
  ])
}

function readOwner(owner: string | undefined): `0x${string}` | undefined {
  if (owner === undefined) return undefined
  if (!isHexOf(owner, 20)) throw new OwnerInvalidError({ owner })
  return owner
}

class OwnerInvalidError extends WeightlessError {
  constructor(facts: { owner: string }) {
    super('cli/owner-invalid', 'An owner is an address: 0x and 40 hex digits.', facts, {
      hint: 'A save says it: its last line is the command that restores.',
    })
  }
}
