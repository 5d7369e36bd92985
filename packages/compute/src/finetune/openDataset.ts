/** A dataset as its user sent it or put it into storage: sealed to this provider, or plain. Spec: FINETUNING §3, §3.1 */
import { accept, bytesToHex, type Hex, reject, type Verdict } from '@weightless/codec'
import {
  EnvelopeInvalidError,
  type EnvelopeKey,
  isSealedFile,
  openSealedFile,
  sealedExtraBytes,
} from '@weightless/envelope'
import type { LocalAccount } from 'viem'
import { deriveEnvelopeKey } from '../provider/sealed/openSealed.ts'
import { datasetKeyText } from '../wire/datasetKey.ts'
import { readDataset, type TrainingExample } from './readDataset.ts'

export type DatasetOpener = {
  /** X25519, for users, and the account's signature over it. */
  publicKey: Hex
  signature: Hex
  /** Bytes of a dataset as it is sent; sealing makes it a little larger. */
  sentBytesMax: number
  open(bytes: Uint8Array, user: Hex): Promise<Verdict<OpenedDataset, 'invalid_dataset'>>
}

export type OpenedDataset = { examples: TrainingExample[]; plain: Uint8Array }

export type DatasetOpenerOptions = { account: LocalAccount; chainId: number; datasetBytesMax: number }

export async function createDatasetOpener(options: DatasetOpenerOptions): Promise<DatasetOpener> {
  const { account, chainId, datasetBytesMax } = options
  const key = await deriveEnvelopeKey(account)
  const publicKey = bytesToHex(key.publicKey)
  const provider = account.address
  const signature = await account.signMessage({ message: datasetKeyText({ chainId, provider, key: publicKey }) })
  return {
    publicKey,
    signature,
    sentBytesMax: datasetBytesMax + sealedExtraBytes(datasetBytesMax),
    async open(bytes, user) {
      const plain = isSealedFile(bytes) ? await unseal(bytes, key, { provider, user }) : accept(bytes)
      if (!plain.ok) return plain
      if (plain.value.length > datasetBytesMax)
        return reject('invalid_dataset', `the dataset has more than ${datasetBytesMax} bytes`)
      const read = readDataset(plain.value)
      return read.ok ? accept({ examples: read.value, plain: plain.value }) : read
    },
  }
}

async function unseal(
  bytes: Uint8Array,
  key: EnvelopeKey,
  parties: { provider: Hex; user: Hex },
): Promise<Verdict<Uint8Array, 'invalid_dataset'>> {
  try {
    return accept(await openSealedFile(bytes, key, parties))
  } catch (fault) {
    if (!(fault instanceof EnvelopeInvalidError)) throw fault
    return reject('invalid_dataset', `the sealed dataset cannot be opened: ${fault.facts.reason}`)
  }
}
