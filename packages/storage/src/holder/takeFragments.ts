/**
 * Takes fragments as they arrive: each is checked alone, before anything is acknowledged, and the answer comes when all are
 * durable. Spec: storage §10.
 */
import { bytesEqual, type Hex, hexToBytes, reject, type Verdict } from '@weightless/codec'
import { stripeCommitment } from '@weightless/coder'
import type { Clock } from '@weightless/env'
import { isPlanted } from '@weightless/store'
import type { BufferRoom } from '../node/bufferRoom.ts'
import { checkFragment, decodeFragmentFrame, type FragmentFault, type FragmentFrame } from '../wire/index.ts'
import type { SubmissionWatch } from './awaitSubmission.ts'
import { describeFrame, type FragmentStore, isSameRow } from './fragmentStore.ts'
import type { PlacementKeeper } from './keepPlacements.ts'
import { readFrames } from './readFrames.ts'

export type TakeParts = {
  clock: Clock
  fragments: FragmentStore
  submissions: SubmissionWatch
  placements: Pick<PlacementKeeper, 'isPlaced'>
  room: BufferRoom
  /** How long an unplaced row keeps others of the same file away after its last fragment. */
  takenMs: number
}

export type TakeFault = FragmentFault | 'submission-unknown' | 'row-taken' | 'disk-full'

/** @returns how many are stored, those counted that were here before; or why the first one that was refused was */
export async function takeFragments(
  parts: TakeParts,
  root: Hex,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Verdict<number, TakeFault>> {
  const writes: Promise<boolean>[] = []
  let fault: Verdict<number, TakeFault> | undefined
  for await (const arrived of readFrames(body, parts.room, signal)) {
    if (!arrived) {
      fault = reject('fragment-malformed', 'the body is not a row of frames')
      break
    }
    const taken = await takeOne(parts, root, arrived.bytes, signal).catch((cause: unknown) => {
      arrived.free()
      throw cause
    })
    if (taken.ok) writes.push(taken.value.finally(arrived.free))
    else {
      arrived.free()
      fault = taken
      break
    }
  }
  const stored = await Promise.all(writes)
  if (fault) return fault
  return stored.every((isStored) => isStored) ? { ok: true, value: stored.length } : reject('disk-full')
}

/** Checked when it returns; the promise inside settles when it is durable. */
async function takeOne(
  parts: TakeParts,
  root: Hex,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<Verdict<Promise<boolean>, TakeFault>> {
  const { fragments, submissions, clock } = parts
  const decoded = decodeFragmentFrame(bytes)
  if (!decoded.ok) return reject('fragment-malformed', decoded.detail)
  const frame = decoded.value
  const submission = await submissions.find(root, frame.sizeBytes, signal)
  if (!submission?.shape) return reject('submission-unknown', `stripe ${frame.stripe}`)
  const { fileKey } = submission
  const here = await compareWithStored(parts, fileKey, frame)
  if (here) return here
  const checked = checkFragment(hexToBytes(root), submission.shape, frame)
  if (!checked.ok && !isPlanted('skip-fragment-check'))
    return reject(checked.code, `stripe ${frame.stripe}, row ${frame.row}: ${checked.detail ?? ''}`)
  const known = fragments.file(fileKey)
  if (known && isSameRow(known, frame)) fragments.touch(fileKey)
  else void fragments.assign(describeFrame(hexToBytes(root), frame, clock.nowMs()))
  const adding = fragments.add(fileKey, frame.stripe, bytes)
  fragments.recent.note(fileKey, frame.stripe, stripeCommitment(frame))
  return { ok: true, value: adding }
}

/** A verdict where the fragment need not be stored, or may not be. */
async function compareWithStored(
  { fragments, placements, clock, takenMs }: TakeParts,
  fileKey: string,
  frame: FragmentFrame,
): Promise<Verdict<Promise<boolean>, 'row-taken'> | undefined> {
  const known = fragments.file(fileKey)
  if (!known) return undefined
  const isFixed = placements.isPlaced(known) || clock.nowMs() - known.lastMs < takenMs
  if (!isSameRow(known, frame)) {
    const taken = `row ${known.row} of ${known.dataRows}+${known.parityRows} is here`
    return isFixed ? reject('row-taken', taken) : undefined
  }
  const writing = fragments.records.writing(fileKey, frame.stripe)
  if (writing) return { ok: true, value: writing }
  if (!fragments.has(fileKey, frame.stripe)) return undefined
  const stored = await fragments.read(fileKey, frame.stripe, frame.sizeBytes)
  const old = stored && decodeFragmentFrame(stored)
  if (!old?.ok) return undefined
  // A writer that coded the stripe wrongly must not keep the right one out; one whose file is final is right.
  const isSame = bytesEqual(old.value.rowRoot, frame.rowRoot)
  return isSame || placements.isPlaced(known) ? { ok: true, value: Promise.resolve(true) } : undefined
}
