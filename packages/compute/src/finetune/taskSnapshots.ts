/**
 * The last saved state of a training: one file a task, replaced whole or not at all, so that a killed training goes on from it.
 * Saving never holds a training up: what comes while a save is under way, or too soon, is let go. Spec: FINETUNING §2.5.
 */
import { bytesEqual, bytesToText, concatBytes, readUint32, textToBytes, uintToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { Clock, Disk, Log } from '@weightless/env'
import { z } from 'zod'
import { readWholeFile, writeWholeFile } from '../wholeFile.ts'
import type { TrainingSnapshot } from './trainingWorker.ts'

export type TaskSnapshots = {
  /** Undefined when there is none, or none that is whole. */
  last(id: string): Promise<TrainingSnapshot | undefined>
  /** Returns at once. */
  save(id: string, snapshot: TrainingSnapshot): void
  /** A fault of the disk is logged: the next start tries again. */
  remove(id: string): Promise<void>
}

export type SnapshotOptions = {
  disk: Disk
  folder: string
  log: Log
  clock: Pick<Clock, 'monotonicMs'>
  /** Between the ends of two saves. */
  everyMs: number
  /** Of one file; larger trainings are not saved, and begin anew. */
  bytesMax: number
}

export function createTaskSnapshots(options: SnapshotOptions): TaskSnapshots {
  const { disk, folder, log, clock, everyMs, bytesMax } = options
  const pathOf = (id: string) => `${folder}/${id}/snapshot.bin`
  let saving: Promise<void> | undefined
  let notBeforeMs = 0
  let tooLarge = ''

  async function write(id: string, snapshot: TrainingSnapshot): Promise<void> {
    try {
      await writeWholeFile(disk, pathOf(id), encodeSnapshot(snapshot))
    } catch (fault) {
      // A full disk must not end a training that goes well.
      log.warn('training not saved', { task: id, reason: fault instanceof Error ? fault.message : String(fault) })
    } finally {
      saving = undefined
      notBeforeMs = clock.monotonicMs() + everyMs
    }
  }

  return {
    save(id, snapshot) {
      if (saving || clock.monotonicMs() < notBeforeMs) return
      const { length } = snapshot.state
      if (length + headBytesMax > bytesMax) {
        if (tooLarge !== id) log.warn('training too large to be saved', { task: id, stateBytes: length, bytesMax })
        tooLarge = id
        return
      }
      saving = write(id, snapshot)
    },
    async last(id) {
      await saving
      const bytes = await readWholeFile(disk, pathOf(id), bytesMax)
      const snapshot = bytes && decodeSnapshot(bytes)
      if (bytes && !snapshot) log.warn('saved training is damaged', { task: id })
      return snapshot
    },
    async remove(id) {
      await saving
      try {
        await disk.remove(pathOf(id))
        await disk.remove(`${pathOf(id)}.new`)
      } catch (fault) {
        log.warn('saved training not removed', { task: id, reason: String(fault) })
      }
    },
  }
}

const magic = textToBytes('WLS1')
const headBytesMax = 4_096
const quality = z.object({ loss: z.number(), accuracy: z.number() })
const head = z.object({ step: z.int().min(1), trainedTokens: z.int().min(0), base: quality.optional() })

/** `WLS1`, SHA-256 of what follows, u32 length of the head, head (JSON), state. */
function encodeSnapshot({ state, ...rest }: TrainingSnapshot): Uint8Array {
  const text = textToBytes(JSON.stringify(rest))
  const body = concatBytes([uintToBytes(BigInt(text.length), 4), text, state])
  return concatBytes([magic, sha256(body), body])
}

function decodeSnapshot(bytes: Uint8Array): TrainingSnapshot | undefined {
  const start = magic.length + 32
  if (bytes.length < start + 4 || !bytesEqual(bytes.subarray(0, magic.length), magic)) return undefined
  const body = bytes.subarray(start)
  if (!bytesEqual(bytes.subarray(magic.length, start), sha256(body))) return undefined
  const headBytes = readUint32(body, 0)
  if (headBytes > headBytesMax || 4 + headBytes > body.length) return undefined
  const read = head.safeParse(JSON.parse(bytesToText(body.subarray(4, 4 + headBytes))))
  if (!read.success) return undefined
  const { step, trainedTokens, base } = read.data
  return { step, trainedTokens, ...(base && { base }), state: body.slice(4 + headBytes) }
}
