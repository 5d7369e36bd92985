/** The bytes of a task: its dataset, its adapter as trained, and the encrypted file that is delivered. Spec: FINETUNING §3, §8. */
import type { Blobs } from '@weightless/blobs'
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { Disk, Random } from '@weightless/env'
import type { LocalAccount } from 'viem'
import { writeWholeFile } from '../wholeFile.ts'
import type { DatasetShelf } from './datasetShelf.ts'
import { encryptDelivery, sealKey } from './deliveryFile.ts'
import type { DatasetOpener } from './openDataset.ts'
import type { TrainingExample } from './readDataset.ts'
import type { FineTuningTask, TaskDelivery } from './task.ts'
import { TrainingRefusedError } from './trainingWorker.ts'

export type TaskFiles = {
  /** From what users sent here, else from the storage network. @throws {TrainingRefusedError} and the network's */
  dataset(task: FineTuningTask): Promise<TaskDataset>
  /** Durable when it resolves. */
  keepAdapter(task: FineTuningTask, adapter: Uint8Array): Promise<{ adapterRoot: Hex; adapterBytes: number }>
  adapter(task: FineTuningTask): Promise<Uint8Array>
  /** Hashes of all states of its training, for disputes; durable when it resolves. */
  keepStates(task: FineTuningTask, states: Uint8Array): Promise<void>
  /** Undefined where none were kept. */
  states(task: FineTuningTask): Promise<Uint8Array | undefined>
  /** Encrypts the adapter under a fresh key; the file is durable when it resolves. */
  seal(task: FineTuningTask): Promise<TaskDelivery>
  /** The key of the delivery for the task's user alone. */
  secretOf(task: FineTuningTask): Hex
  delivery(task: FineTuningTask): Promise<Uint8Array>
  /** Puts the delivered file into storage; sends nothing that is there already. */
  publish(task: FineTuningTask): Promise<void>
  remove(id: string): Promise<void>
}

export type TaskDataset = {
  examples: TrainingExample[]
  /** Storage root of the plain lines. */
  plainRoot: Hex
}

export type TaskFilesOptions = {
  disk: Disk
  random: Random
  folder: string
  shelf: DatasetShelf
  datasets: DatasetOpener
  blobs: Pick<Blobs, 'get' | 'put'>
  signer: LocalAccount
}

export function createTaskFiles(options: TaskFilesOptions): TaskFiles {
  const { disk, random, folder, shelf, datasets, blobs, signer } = options
  const pathOf = (id: string, name: string) => `${folder}/${id}/${name}`

  async function read(path: string): Promise<Uint8Array> {
    const file = await disk.open(path, 'read')
    try {
      return await file.read(0, await file.size())
    } finally {
      await file.close()
    }
  }

  const adapter = ({ id }: FineTuningTask) => read(pathOf(id, adapterName))
  const delivery = ({ id }: FineTuningTask) => read(pathOf(id, deliveryName))
  return {
    adapter,
    delivery,
    async dataset({ user, datasetRoot }) {
      const bytesMax = datasets.sentBytesMax
      const bytes = (await shelf.get(user, datasetRoot)) ?? (await blobs.get(datasetRoot, { bytesMax }))
      const dataset = await datasets.open(bytes, user)
      if (!dataset.ok) throw new TrainingRefusedError({ reason: dataset.detail ?? 'the dataset is malformed' })
      const { examples, plain } = dataset.value
      return { examples, plainRoot: bytesToHex(fileRoot(plain)) }
    },
    async keepAdapter({ id }, bytes) {
      await writeWholeFile(disk, pathOf(id, adapterName), bytes)
      return { adapterRoot: bytesToHex(fileRoot(bytes)), adapterBytes: bytes.length }
    },
    keepStates: ({ id }, states) => writeWholeFile(disk, pathOf(id, statesName), states),
    async states({ id }) {
      const path = pathOf(id, statesName)
      return (await disk.exists(path)) ? read(path) : undefined
    },
    async seal(task) {
      // A key that was used for a file that a crash forgot is never used again.
      const key = random.bytes(32)
      const sealed = await encryptDelivery(await adapter(task), { key, iv: random.bytes(12), signer })
      await writeWholeFile(disk, pathOf(task.id, deliveryName), sealed)
      return { key: bytesToHex(key), root: bytesToHex(fileRoot(sealed)), sizeBytes: sealed.length }
    },
    secretOf: ({ delivery, publicKey }) => sealKey(hexToBytes(delivery!.key), publicKey),
    publish: async (task) => void (await blobs.put(await delivery(task))),
    remove: (id) => disk.remove(`${folder}/${id}`),
  }
}

const adapterName = 'adapter.safetensors'
const statesName = 'states.bin'
const deliveryName = 'delivery.bin'
