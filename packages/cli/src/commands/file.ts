/** `weightless file …`: what a file costs, storing it for good, fetching it with every segment proven. */
import { existsSync, statSync } from 'node:fs'
import { open, rename, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isHexOf, WeightlessError } from '@weightless/codec'
import type { Client } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
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
    .description('store a file for good; anyone who knows the root can read it')
    .option('--yes', 'do not ask before paying')
    .action((path: string, options: { yes?: boolean }, command: Command) =>
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

async function upload(client: Client, path: string, options: { yes?: boolean }, command: Command): Promise<void> {
  const quote = await client.files.quote(sizeOf(path))
  await askBeforeSpending(
    `Store ${path} (${formatBytes(quote.sizeBytes)}) for good, readable by anyone with its root, for ${formatTokens(quote.feeWei)} tokens?`,
    options,
  )
  const bar = createProgressBar('storing')
  const handle = await open(path, 'r')
  try {
    const source = {
      sizeBytes: quote.sizeBytes,
      read: async (offset: number, length: number) => {
        const bytes = new Uint8Array(length)
        const { bytesRead } = await handle.read(bytes, 0, length, offset)
        return bytes.subarray(0, bytesRead)
      },
    }
    const stored = await client.files.upload(source, {
      onProgress: ({ phase, doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes, phase.padEnd(10)),
    })
    bar.finish()
    printResult(command, stored, [
      `root  ${stored.root}`,
      `paid  ${formatTokens(stored.feeWei)} tokens${stored.txHash ? ` in ${stored.txHash}` : ' (it was stored already)'}`,
    ])
  } finally {
    await handle.close()
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
  if (existsSync(target) && !options.force) throw new FileExistsError({ path: target })
  const bar = createProgressBar('fetching')
  const bytes = await client.files.download(root, {
    onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
  })
  bar.finish()
  await writeFile(`${target}.partial`, bytes)
  await rename(`${target}.partial`, target)
  printResult(command, { root, path: target, sizeBytes: bytes.length, verified: true }, [
    `${target}: ${formatBytes(bytes.length)}, every segment matches the root`,
  ])
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) throw new FileUnreadableError({ path })
  if (stat.size === 0) throw new FileEmptyError({ path })
  return stat.size
}

export class RootInvalidError extends WeightlessError {
  constructor(facts: { root: string }) {
    super('cli/root-invalid', 'A root is 0x and 64 hex digits.', facts)
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
  constructor(facts: { path: string }) {
    super('cli/file-unreadable', 'There is no such file.', facts)
  }
}

export class FileEmptyError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('cli/file-empty', 'An empty file cannot be stored: it has no root.', facts)
  }
}
