/**
 * Reads everything again, slowly and for ever, so that bit rot is found while there are enough other rows to repair it: a
 * record that no longer matches its checksum is taken out, and rebuilt. Spec: storage §13.
 */
import { type Hex, hexToBytes } from '@weightless/codec'
import { fileShape } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { checkFragment, decodeFragmentFrame } from '../../wire/index.ts'
import type { FragmentStore, HeldFile } from '../fragmentStore.ts'
import { keyOf } from '../sendFragments.ts'
import { createByteRate } from './byteRate.ts'

export type ScrubParts = {
  env: Pick<Env, 'clock' | 'log'>
  fragments: FragmentStore
  bytesPerSecond: number
  /** Rest between two rounds. */
  pauseMs: number
  /** A fragment is damaged and has been taken out. */
  onDamaged(file: HeldFile): void
}

const filesMax = 256
const stripesMax = 256

/** Resolves after `signal`. */
export async function scrubFragments(parts: ScrubParts, signal: AbortSignal): Promise<void> {
  const { env, fragments, bytesPerSecond, pauseMs } = parts
  const rate = createByteRate(env.clock, bytesPerSecond)
  while (!signal.aborted) {
    await env.clock.sleep(pauseMs, signal).catch(() => undefined)
    try {
      for (let after: string | undefined; !signal.aborted; ) {
        const files = fragments.files(filesMax, after)
        for (const file of files) await scrubFile(file)
        after = files.at(-1)?.fileKey
        if (files.length < filesMax) break
      }
    } catch (fault) {
      if (!signal.aborted) env.log.warn('reading fragments again failed', { reason: String(fault) })
    }
  }

  async function scrubFile(file: HeldFile): Promise<void> {
    for (let from = 0; !signal.aborted; ) {
      const stripes = fragments.records.list(file.fileKey, from, stripesMax)
      for (const stripe of stripes) {
        await rate.take(262_144, signal)
        // The checksum is looked at; that a record has gone is told by whoever reads it.
        await fragments.records.read(file.fileKey, stripe)
      }
      if (stripes.length < stripesMax) return
      from = stripes.at(-1)! + 1
    }
  }
}

/** Looks at one fragment in full, because a reader says that it is wrong. */
export async function examineFragment(
  { fragments, onDamaged }: Pick<ScrubParts, 'fragments' | 'onDamaged'>,
  root: Hex,
  sizeBytes: number,
  stripe: number,
): Promise<'fine' | 'absent' | 'damaged'> {
  const fileKey = keyOf(root, sizeBytes)
  const file = fileKey === undefined ? undefined : fragments.file(fileKey)
  if (!file) return 'absent'
  const bytes = await fragments.read(file.fileKey, stripe, sizeBytes)
  const frame = bytes && decodeFragmentFrame(bytes)
  if (frame?.ok && checkFragment(hexToBytes(root), fileShape(sizeBytes), frame.value).ok) return 'fine'
  if (bytes) await fragments.records.remove(file.fileKey, stripe)
  onDamaged(file)
  return 'damaged'
}
