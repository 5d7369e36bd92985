/** `weightless file …`: what a file or a folder costs, storing it for good, encrypted unless public, fetching it with every segment proven. */
import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isHexOf, WeightlessError } from '@weightless/codec'
import { type Client, privateExtraBytes } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
import { downloadFolder, FolderMissingError, quoteFolder, uploadFolder } from '../folderTransfer.ts'
import { openSteadyFile } from '../openSteadyFile.ts'
import { formatBytes, formatTokens, printResult } from '../output.ts'
import { createProgressBar } from '../progressBar.ts'
import { createUploadProgress } from '../uploadProgress.ts'
import { writeWhole } from '../writeWhole.ts'

export function addFileCommands(program: Command): void {
  const file = program.command('file').description('store and fetch files and folders by their root')
  file
    .command('quote <path>')
    .description('say what storing a file or a folder costs, beside the gas of its transactions')
    .option('--public', 'without encryption, which adds a few bytes to each file')
    .action((path: string, options: { public?: boolean }, command: Command) =>
      withClient(command, (client) => (isFolder(path) ? quoteFolder : quoteFile)(client, path, options, command)),
    )
  file
    .command('upload <path>')
    .description('store a file, or all files of a folder under one root, for good, encrypted for this account alone')
    .option('--public', 'do not encrypt: anyone who knows the root can read it')
    .option('--yes', 'do not ask before paying')
    .action((path: string, options: UploadFlags, command: Command) =>
      withClient(command, (client) => (isFolder(path) ? uploadFolder : upload)(client, path, options, command)),
    )
  file
    .command('download <root> [path]')
    .description('fetch a file, or a folder with all its files, checking every segment against its root')
    .option('--out <path>', 'another way to say where to: a file, or for the root of a folder a folder')
    .option('--force', 'replace an existing file, or files in an existing folder')
    .action((root: string, path: string | undefined, options: DownloadFlags, command: Command) =>
      withClient(command, (client) => download(client, root, readTarget(path, options, command), options, command)),
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
type DownloadFlags = { out?: string; force?: boolean }

async function quoteFile(client: Client, path: string, options: { public?: boolean }, command: Command): Promise<void> {
  const sizeBytes = sizeOf(path)
  const { feeWei } = await client.files.quote(storedBytes(sizeBytes, options.public))
  printResult(command, { path, sizeBytes, feeWei }, [
    `${path}: ${formatBytes(sizeBytes)} cost ${formatTokens(feeWei)} tokens`,
  ])
}

async function upload(client: Client, path: string, options: UploadFlags, command: Command): Promise<void> {
  const { public: isPublic = false } = options
  const sizeBytes = sizeOf(path)
  const { feeWei } = await client.files.quote(storedBytes(sizeBytes, isPublic))
  const reader = isPublic ? 'readable by anyone with its root' : 'encrypted for this account alone'
  await askBeforeSpending(
    `Store ${path} (${formatBytes(sizeBytes)}) for good, ${reader}, for ${formatTokens(feeWei)} tokens?`,
    options,
  )
  const file = await openSteadyFile(path, sizeBytes)
  const progress = createUploadProgress(sizeBytes)
  try {
    const stored = await client.files
      .upload(progress.watch(file), { isPublic, onProgress: progress.onProgress })
      .catch(async (cause: unknown) => {
        throw await file.explain(cause)
      })
      .finally(() => progress.finish())
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
  if (await client.files.isFolder(root)) return downloadFolder(client, root, path, options, command)
  if (isFolder(target)) throw new FolderInTheWayError({ path: target })
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

function readTarget(path: string | undefined, { out }: DownloadFlags, command: Command): string {
  if ((path === undefined) === (out === undefined))
    command.error('error: say once where to: weightless file download ROOT PATH, or --out PATH')
  return (path ?? out)!
}

const storedBytes = (sizeBytes: number, isPublic = false): number => sizeBytes + (isPublic ? 0 : privateExtraBytes)

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new FileUnreadableError({ path, reason: 'There is no such file.' })
  if (!stat.isFile()) throw new FileUnreadableError({ path, reason: 'This is neither a plain file nor a folder.' })
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

class FolderInTheWayError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/folder-in-the-way', 'This root is of a file, and there is a folder under the name for it.', facts, {
      hint: 'Name the file, in this folder or elsewhere.',
    })
  }
}

export class FileUnreadableError extends WeightlessError {
  constructor({ path, reason }: { path: string; reason: string }) {
    super('cli/file-unreadable', reason, { path }, { hint: 'Name a file or a folder.' })
  }
}

export class FileEmptyError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/file-empty', 'An empty file cannot be stored: it has no root.', facts, {
      hint: 'Check that the program that writes it has finished.',
    })
  }
}
