/**
 * Private files: encrypted before they leave, under a key that only the owner's account can make again, and marked on chain
 * so that the owner's other devices know how to read them. Spec: storage §14.
 */
import { type BlobSource, encryptSource, recipeFor } from '@weightless/blobs'
import { bytesToHex, concatBytes, type Hex, hexToBytes, textToBytes, WeightlessError } from '@weightless/codec'
import { privateFileKey, privateFileMessage, sha256 } from '@weightless/crypto'
import type { LedgerAccount } from '@weightless/ledger'
import { signRaw } from '../account/signRaw.ts'

/** Tags of a private file's submission: this marker, then 32 bytes by which the owner recognises the right key. */
const marker = bytesToHex(sha256(textToBytes('weightless/private-file/1')))

/** What encryption adds to a file. */
export const privateExtraBytes = 17

export type FileKeys = {
  /** The wallet is asked once. @throws {PrivateKeyRefusedError} {SignerMissingError} */
  key(): Promise<Uint8Array>
}

export function createFileKeys(account: LedgerAccount | undefined): FileKeys {
  let made: Promise<Uint8Array> | undefined
  return {
    key() {
      if (!account) return Promise.reject(new SignerMissingError())
      made ??= makeKey(account).catch((fault: unknown) => {
        made = undefined
        throw fault
      })
      return made
    },
  }
}

/** The encrypted file, and the tags for its submission. The same file of the same account is always the same. */
export async function sealFile(
  source: BlobSource,
  key: Uint8Array,
  signal?: AbortSignal,
): Promise<{ source: BlobSource; tags: Hex }> {
  const recipe = await recipeFor(source, key, signal)
  if (!('key' in recipe)) throw new SignerMissingError()
  return { source: encryptSource(source, recipe), tags: `${marker}${bytesToHex(checkOf(key, recipe.nonce)).slice(2)}` }
}

/** Whether tags mark a private file. */
export function isPrivateTag(tags: Hex): boolean {
  return tags.length === 130 && tags.startsWith(marker)
}

/** Whether `key` is the one that the file was encrypted with; `nonce` is the 16 bytes after the file's first. */
export function isKeyOf(tags: Hex, key: Uint8Array, nonce: Uint8Array): boolean {
  return isPrivateTag(tags) && bytesToHex(checkOf(key, nonce)) === `0x${tags.slice(66)}`
}

/** The nonce follows from key and content, so this tells nothing that the encrypted file does not. */
function checkOf(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  return sha256(concatBytes([textToBytes('weightless/private-file-check/1'), key, nonce]))
}

async function makeKey(account: LedgerAccount): Promise<Uint8Array> {
  try {
    return privateFileKey(hexToBytes(await signRaw(account, bytesToHex(textToBytes(privateFileMessage)))))
  } catch (cause) {
    throw new PrivateKeyRefusedError(cause)
  }
}

export class PrivateKeyRefusedError extends WeightlessError {
  constructor(cause: unknown) {
    super(
      'sdk/private-key-refused',
      'The wallet did not sign, so there is no key for private files.',
      {},
      {
        cause,
        hint: 'Sign the message in the wallet; it costs nothing. Or handle the file as public.',
      },
    )
  }
}

export class SignerMissingError extends WeightlessError {
  constructor() {
    super(
      'sdk/signer-missing',
      'A private file needs an account: its key is made of a signature.',
      {},
      {
        hint: 'Give createClient an account, or store the file with `isPublic: true`.',
      },
    )
  }
}
