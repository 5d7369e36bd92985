/**
 * What a data folder says about itself: its format, the chain id and the genesis block. A folder of a newer program or
 * of another chain is refused before anything in it is touched.
 */
import { bytesToHex, bytesToText, textToBytes, WeightlessError } from '@weightless/codec'
import type { Disk } from '@weightless/env'

export const dataFormat = 1
const fileName = 'chain.json'
const fileBytesMax = 4096

/**
 * @throws {DataFolderNewerError} written by a newer program
 * @throws {DataFolderForeignError} another chain id or genesis
 * @throws {DataFolderCorruptError} the file cannot be read
 */
export async function openDataFolder(disk: Disk, chainId: number, genesisHash: Uint8Array): Promise<void> {
  const wanted = { format: dataFormat, chainId, genesisHash: bytesToHex(genesisHash) }
  if (!(await disk.exists(fileName))) return await writeNote(disk, JSON.stringify(wanted))
  const note = await readNote(disk)
  if (note.format > dataFormat) throw new DataFolderNewerError({ format: note.format, supported: dataFormat })
  if (note.chainId !== chainId)
    throw new DataFolderForeignError({ stored: note.chainId, wanted: chainId, what: 'chain id' })
  if (note.genesisHash !== wanted.genesisHash) {
    throw new DataFolderForeignError({ stored: note.genesisHash, wanted: wanted.genesisHash, what: 'genesis block' })
  }
}

async function writeNote(disk: Disk, text: string): Promise<void> {
  const draft = `${fileName}.new`
  const file = await disk.open(draft, 'create')
  try {
    await file.truncate(0)
    await file.write(0, textToBytes(text))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(draft, fileName)
  await disk.syncFolder('')
}

async function readNote(disk: Disk): Promise<{ format: number; chainId: number; genesisHash: string }> {
  const file = await disk.open(fileName, 'read')
  try {
    const value: unknown = JSON.parse(bytesToText(await file.read(0, fileBytesMax)))
    if (isNote(value)) return value
    throw new DataFolderCorruptError({ file: fileName })
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new DataFolderCorruptError({ file: fileName }, cause)
    throw cause
  } finally {
    await file.close()
  }
}

function isNote(value: unknown): value is { format: number; chainId: number; genesisHash: string } {
  if (typeof value !== 'object' || value === null) return false
  const note = value as { format?: unknown; chainId?: unknown; genesisHash?: unknown }
  return typeof note.format === 'number' && typeof note.chainId === 'number' && typeof note.genesisHash === 'string'
}

export class DataFolderNewerError extends WeightlessError {
  constructor(facts: { format: number; supported: number }) {
    super('chain/data-newer', 'The chain data was written by a newer version.', facts, {
      hint: 'Update weightless, or start with another --data-dir.',
    })
  }
}

export class DataFolderForeignError extends WeightlessError {
  constructor(facts: { stored: string | number; wanted: string | number; what: string }) {
    super('chain/data-foreign', 'The chain data belongs to another chain.', facts, {
      hint: 'Start with another --data-dir, or run `weightless reset` to begin a new chain.',
    })
  }
}

export class DataFolderCorruptError extends WeightlessError {
  constructor(facts: { file: string; reason?: string }, cause?: unknown) {
    super('chain/data-corrupt', 'A file of the chain data is damaged.', facts, {
      cause,
      hint: 'Restore the file from a copy, or run `weightless reset` to begin a new chain.',
    })
  }
}
