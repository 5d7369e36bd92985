/** Folders by command: stored file by file under one root, fetched below a folder of this machine. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Client, StoredFolder } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from './askBeforeSpending.ts'
import { makePlaceFor } from './makePlaceFor.ts'
import { formatBytes, formatTokens, printResult } from './output.ts'
import { printable } from './printable.ts'
import { createProgressBar } from './progressBar.ts'
import { type ReadFolder, readFolder } from './readFolder.ts'
import { createUploadProgress } from './uploadProgress.ts'
import { writeWhole } from './writeWhole.ts'

export async function quoteFolder(
  client: Client,
  path: string,
  options: { public?: boolean },
  command: Command,
): Promise<void> {
  const folder = await readFolder(path)
  const { feeWei } = await quoteOf(client, path, folder, options.public === true)
  const { sizeBytes, leftOut } = folder
  printResult(command, { path, files: folder.files.length, sizeBytes, feeWei, leftOut }, [
    `${path}: ${describe(folder)} cost at most ${formatTokens(feeWei)} tokens`,
  ])
}

export async function uploadFolder(
  client: Client,
  path: string,
  options: { public?: boolean; yes?: boolean },
  command: Command,
): Promise<void> {
  const { public: isPublic = false } = options
  const folder = await readFolder(path)
  const { feeWei } = await quoteOf(client, path, folder, isPublic)
  const reader = isPublic ? 'readable by anyone with its root' : 'encrypted for this account alone'
  await askBeforeSpending(
    `Store the folder ${path} (${describe(folder)}) for good, ${reader}, for at most ${formatTokens(feeWei)} tokens?`,
    options,
  )
  const { files, emptyFolders, leftOut } = folder
  const progress = createUploadProgress(folder.sizeBytes)
  const watched = files.map((file) => ({ ...file, source: progress.watch(file.source) }))
  const stored = await client.files
    .uploadFolder(nameOf(path), watched, { isPublic, emptyFolders, onProgress: progress.onProgress })
    .finally(() => progress.finish())
  printResult(command, { ...stored, leftOut }, describeStored(stored, leftOut))
}

/** Refuses before anything is fetched or written: a folder may only be added to where that is wished. */
export async function downloadFolder(
  client: Client,
  root: Hex,
  path: string,
  options: { force?: boolean },
  command: Command,
): Promise<void> {
  const target = resolve(path)
  if (!existsSync(dirname(target))) throw new FolderMissingError({ folder: dirname(target) })
  if (!options.force && isOccupied(target)) throw new FolderNotEmptyError({ path: target })
  const { emptyFolders, sizeBytes: totalBytes } = await client.files.openFolder(root)
  await mkdir(target, { recursive: true })
  for (const empty of emptyFolders) await mkdir(await makePlaceFor(target, empty), { recursive: true })
  const bar = createProgressBar('fetching')
  let doneBytes = 0
  const count = (bytes: number): void => {
    doneBytes += bytes
    bar.update(doneBytes, totalBytes)
  }
  const { files } = await client.files
    .downloadFolder(root, {
      onFile: async (file, blob) => {
        if (blob && blob.sizeBytes !== file.sizeBytes) throw new FileSizeWrongError({ path: file.path })
        await writeWhole(await makePlaceFor(target, file.path), blob?.stream() ?? [], count)
      },
    })
    .finally(() => bar.finish())
  const sizeBytes = totalBytes
  printResult(command, { root, path: target, files: files.length, sizeBytes, verified: true }, [
    `${target}: ${countFiles(files.length)}, ${formatBytes(sizeBytes)}, every segment matches its root`,
  ])
}

function quoteOf(client: Client, path: string, { files, emptyFolders }: ReadFolder, isPublic: boolean) {
  const sizes = files.map((file) => ({ path: file.path, sizeBytes: file.source.sizeBytes }))
  return client.files.quoteFolder(nameOf(path), sizes, { isPublic, emptyFolders })
}

const nameOf = (path: string): string => basename(resolve(path))
const countFiles = (count: number): string => (count === 1 ? '1 file' : `${count} files`)

function describe({ files, sizeBytes, leftOut }: ReadFolder): string {
  const without = leftOut.length > 0 ? `, without ${describeLeftOut(leftOut)}` : ''
  return `${countFiles(files.length)}, ${formatBytes(sizeBytes)}${without}`
}

function describeLeftOut(paths: readonly string[]): string {
  const what = paths.length === 1 ? 'the link or special file' : `${paths.length} links or special files,`
  return printable(`${what} ${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ' …' : ''}`)
}

function describeStored(stored: StoredFolder, leftOut: readonly string[]): string[] {
  return [
    `root  ${stored.root}`,
    `read  ${stored.isPrivate ? 'by this account alone; it is stored encrypted' : 'by anyone who knows the root'}`,
    `paid  ${formatTokens(stored.feeWei)} tokens for ${countFiles(stored.files)}${stored.feeWei === 0n ? ' (all was stored already)' : ''}`,
    ...(leftOut.length > 0 ? [`left  out: ${describeLeftOut(leftOut)}`] : []),
    `get   weightless file download ${stored.root} --out FOLDER`,
  ]
}

function isOccupied(target: string): boolean {
  try {
    return readdirSync(target).length > 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

export class FolderMissingError extends WeightlessError {
  constructor(facts: { folder: string }) {
    super('cli/folder-missing', 'The folder for the download does not exist.', facts, { hint: 'Make it first.' })
  }
}

class FolderNotEmptyError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/folder-not-empty', 'The folder is put into a new or an empty folder; there is something here.', facts, {
      hint: 'Choose another name, or add to it and replace files of the same names with --force.',
    })
  }
}

class FileSizeWrongError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/file-size-wrong', 'A file of this folder is not as long as the folder says.', facts, {
      hint: 'Whoever stored the folder named a wrong root for it.',
    })
  }
}
