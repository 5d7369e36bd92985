/** The gateway's encryption key: 32 random bytes in a file of its data folder, made once, never replaced. */
import { bytesToHex, bytesToText, hexToBytes, isHexOf, textToBytes, WeightlessError } from '@weightless/codec'
import type { Disk, Random } from '@weightless/env'

const keyFile = 'encryption.key'

/** @throws {KeyUnreadableError} rather than make another key, with which nothing could be read any more */
export async function loadKey(disk: Disk, random: Random): Promise<Uint8Array> {
  if (!(await disk.exists(keyFile))) await makeKey(disk, random)
  const file = await disk.open(keyFile, 'read')
  try {
    const text = bytesToText(await file.read(0, 128)).trim()
    if (!isHexOf(text, 32)) throw new KeyUnreadableError({ file: keyFile })
    return hexToBytes(text)
  } finally {
    await file.close()
  }
}

async function makeKey(disk: Disk, random: Random): Promise<void> {
  const fresh = `${keyFile}.new`
  await disk.remove(fresh)
  const file = await disk.open(fresh, 'create')
  await file.write(0, textToBytes(`${bytesToHex(random.bytes(32))}\n`))
  await file.sync()
  await file.close()
  await disk.rename(fresh, keyFile)
  await disk.syncFolder('')
}

export class KeyUnreadableError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('s3/key-unreadable', 'The file of the encryption key does not hold a key.', facts, {
      hint: 'Put the right file back: without it the encrypted objects cannot be read.',
    })
  }
}
