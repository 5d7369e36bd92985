/** Writes a fetched file piece by piece, under another name first, so that a full disk or Ctrl-C leaves no half file under the right one. */
import { open, rename, rm } from 'node:fs/promises'
import { WeightlessError } from '@weightless/codec'

/** @throws {FileNotWrittenError}, and whatever `pieces` throw */
export async function writeWhole(
  target: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
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

class FileNotWrittenError extends WeightlessError {
  constructor(facts: { path: string }, cause: unknown) {
    super('cli/file-not-written', 'The file could not be written; nothing was left behind.', facts, { cause })
  }
}
