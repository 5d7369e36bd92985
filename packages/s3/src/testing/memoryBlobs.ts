/** Objects in memory, for tests of the protocol alone: the same roots and the same refusals as the network's. */
import type { Blobs, OpenedBlob } from '@weightless/blobs'
import { toBlobSource } from '@weightless/blobs'
import { bytesToHex, type Hex } from '@weightless/codec'
import { fileShape, fileTree } from '@weightless/crypto'

export type MemoryBlobs = Blobs & {
  contents: Map<Hex, Uint8Array>
  /** How often content was new. */
  paid(): number
  /** Thrown by the next put. */
  fail?: Error | undefined
  /** Awaited by every put. */
  gate?: Promise<void>
}

export function createMemoryBlobs(): MemoryBlobs {
  const contents = new Map<Hex, Uint8Array>()
  const memory: MemoryBlobs = {
    contents,
    paid: () => contents.size,
    async put(content) {
      const source = toBlobSource(content)
      fileShape(source.sizeBytes)
      const bytes = await source.read(0, source.sizeBytes)
      await memory.gate
      if (memory.fail) {
        const fault = memory.fail
        memory.fail = undefined
        throw fault
      }
      const root = bytesToHex(fileTree(bytes).root)
      contents.set(root, bytes.slice())
      return {
        root,
        txSeq: contents.size,
        txHash: undefined,
        sizeBytes: bytes.length,
        feeWei: 0n,
        stage: 'final',
        placement: undefined,
      }
    },
    get: (root) => Promise.resolve(contents.get(root)!),
    openBlob: (root) => Promise.resolve(openMemory(root, contents.get(root)!)),
    ...{ putMany: unasked, quote: unasked, lifetime: unasked, renew: unasked },
  }
  return memory
}

const unasked = () => Promise.reject(new Error('no test asks for it'))

function openMemory(root: Hex, bytes: Uint8Array): OpenedBlob {
  return {
    root,
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
    async *stream({ offset = 0 } = {}) {
      for (let at = offset; at < bytes.length; at += 262_144) yield bytes.slice(at, at + 262_144)
    },
  }
}
