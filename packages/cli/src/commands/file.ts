/** `weightless file …`: what a file costs, storing it for good, encrypted unless public, fetching it with every segment proven. */
import { existsSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isHexOf, WeightlessError } from '@weightless/codec'
import type { Client } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
import { openSteadyFile } from '../openSteadyFile.ts'
import { formatBytes, formatTokens, printResult } from '../output.ts'
import { createProgressBar } from '../progressBar.ts'

export function addFileCommands(program: Command): void {
  const file = program.command('file').description('store and fetch files by their root')
  file
    .command('quote <path>')
    .description('say what storing a file costs')
    .action((path: string, _options: object, command: Command) =>
      withClient(command, async (client) => {
        const { feeWei, sizeBytes } = await client.files.quote(sizeOf(path))
        printResult(command, { path, sizeBytes, feeWei }, [
          `${path}: ${formatBytes(sizeBytes)} cost ${formatTokens(feeWei)} tokens`,
        ])
      }),
    )
  file
    .command('upload <path>')
    .description('store a file for good, encrypted for this account alone')
    .option('--public', 'do not encrypt: anyone who knows the root can read it')
    .option('--yes', 'do not ask before paying')
    .action((path: string, options: UploadFlags, command: Command) =>
      withClient(command, (client) => upload(client, path, options, command)),
    )
  file
    .command('download <root> <path>')
    .description('fetch a file, checking every segment against the root')
    .option('--force', 'replace an existing file')
    .action((root: string, path: string, options: { force?: boolean }, command: Command) =>
      withClient(command, (client) => download(client, root, path, options, command)),
    )
  file
    .command('renew <root>')
    .description('pay for more time')
    .option('--yes', 'do not ask before paying')
    .action((root: string, options: { yes?: boolean }, command: Command) =>
      withClient(command, (client) => renew(client, root, options, command)),
    )
  file
    .command('list')
    .description('list the files that the account has stored')
    .action((_options: object, command: Command) =>
      withClient(command, async (client) => {
        const files = await client.files.list(client.ledger.address)
        const lines = files.map(
          ({ root, sizeBytes, block }) => `${root}  ${formatBytes(sizeBytes).padStart(9)}  block ${block}`,
        )
        printResult(command, { files }, lines.length > 0 ? lines : ['No files yet.'])
      }),
    )
}

type UploadFlags = { public?: boolean; yes?: boolean }

async function upload(client: Client, path: string, options: UploadFlags, command: Command): Promise<void> {
  const { public: isPublic = false } = options
  const quote = await client.files.quote(sizeOf(path))
  const reader = isPublic ? 'readable by anyone with its root' : 'encrypted for this account alone'
  await askBeforeSpending(
    `Store ${path} (${formatBytes(quote.sizeBytes)}) for good, ${reader}, for ${formatTokens(quote.feeWei)} tokens?`,
    options,
  )
  const bar = createProgressBar('storing')
  const file = await openSteadyFile(path, quote.sizeBytes)
  try {
    const stored = await client.files
      .upload(file, {
        isPublic,
        onProgress: ({ phase, doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes, phase.padEnd(10)),
      })
      .catch(async (cause: unknown) => {
        throw await file.explain(cause)
      })
      .finally(() => bar.finish())
    printResult(command, { ...stored, isPrivate: !isPublic }, [
      `root  ${stored.root}`,
      `read  ${isPublic ? 'by anyone who knows the root' : 'by this account alone; it is stored encrypted'}`,
      `paid  ${formatTokens(stored.feeWei)} tokens${stored.txHash ? ` in ${stored.txHash}` : ' (it was stored already)'}`,
    ])
  } finally {
    await file.close()
  }
}

async function download(
  client: Client,
  root: string,
  path: string,
  options: { force?: boolean },
  command: Command,
): Promise<void> {
  if (!isHexOf(root, 32)) throw new RootInvalidError({ root })
  const target = resolve(path)
  if (!existsSync(dirname(target))) throw new FolderMissingError({ folder: dirname(target) })
  if (existsSync(target) && !options.force) throw new FileExistsError({ path: target })
  const bar = createProgressBar('fetching')
  const file = await client.files.open(root)
  let doneBytes = 0
  const count = (bytes: number): void => {
    doneBytes += bytes
    bar.update(doneBytes, file.sizeBytes)
  }
  await writeWhole(target, file.stream(), count).finally(() => bar.finish())
  printResult(command, { root, path: target, sizeBytes: file.sizeBytes, verified: true }, [
    `${target}: ${formatBytes(file.sizeBytes)}, every segment matches the root`,
  ])
}

/** Piece by piece, under another name first, so that a full disk or Ctrl-C leaves no half file under the right one. */
async function writeWhole(
  target: string,
  pieces: AsyncIterable<Uint8Array>,
  onWritten: (bytes: number) => void,
): Promise<void> {
  const partial = `${target}.${process.pid}.partial`
  const writing = <Value>(work: Promise<Value>): Promise<Value> =>
    work.catch((cause: unknown) => {
      throw new FileNotWrittenError({ path: target }, cause)
    })
  const handle = await writing(open(partial, 'wx'))
  try {
    for await (const piece of pieces) {
      await writing(handle.writeFile(piece))
      onWritten(piece.length)
    }
    await writing(handle.close())
    await writing(rename(partial, target))
  } catch (fault) {
    await handle.close().catch(() => undefined)
    await rm(partial, { force: true }).catch(() => undefined)
    throw fault
  }
}

async function renew(client: Client, root: string, options: { yes?: boolean }, command: Command): Promise<void> {
  if (!isHexOf(root, 32)) throw new RootInvalidError({ root })
  await askBeforeSpending(`Pay for more time of ${root}, as much as storing it cost?`, options)
  const { txHash, feeWei } = await client.files.renew(root)
  const { paidUntilMs } = await client.files.lifetime(root)
  const until = paidUntilMs === undefined ? 'for good' : `until ${new Date(paidUntilMs).toISOString()}`
  printResult(command, { root, txHash, feeWei, paidUntilMs }, [
    `${root}: paid ${until}, for ${formatTokens(feeWei)} tokens in ${txHash}`,
  ])
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new FileUnreadableError({ path, reason: 'There is no such file.' })
  if (!stat.isFile()) throw new FileUnreadableError({ path, reason: 'This is not a plain file.' })
  if (stat.size === 0) throw new FileEmptyError({ path })
  return stat.size
}

export class RootInvalidError extends WeightlessError {
  constructor(facts: { root: string }) {
    super('cli/root-invalid', 'A root is 0x and 64 hex digits.', facts, {
      hint: 'See yours with `weightless file list`.',
    })
  }
}

export class FileExistsError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/file-exists', 'This file is there already.', facts, {
      hint: 'Choose another name, or replace it with --force.',
    })
  }
}

export class FileUnreadableError extends WeightlessError {
  constructor({ path, reason }: { path: string; reason: string }) {
    super('cli/file-unreadable', reason, { path }, { hint: 'Name a file; pack a folder first (tar, zip).' })
  }
}

export class FileEmptyError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/file-empty', 'An empty file cannot be stored: it has no root.', facts, {
      hint: 'Check that the program that writes it has finished.',
    })
  }
}

export class FolderMissingError extends WeightlessError {
  constructor(facts: { folder: string }) {
    super('cli/folder-missing', 'The folder for the download does not exist.', facts, { hint: 'Make it first.' })
  }
}

export class FileNotWrittenError extends WeightlessError {
  constructor(facts: { path: string }, cause: unknown) {
    super('cli/file-not-written', 'The file could not be written; nothing was left behind.', facts, { cause })
  }
}
