/** Runs rows of tokens through the model in passes that fit memory, forward and backward. Spec: spec/training.md §3. */
import { gemmPanelBytes } from '../crew/callKernel.ts'
import type { EngineParts } from '../model/engineParts.ts'
import { runBackward } from './backwardPass.ts'
import { checkRows, countTokens, rowsMax } from './checkRows.ts'
import { runForward, type TokenRow } from './forwardPass.ts'
import type { Learning, TrainPass } from './linear.ts'
import { allocateLossRoom, type RowLoss, runLoss, sum } from './lossPass.ts'
import type { LossRoom } from './lossRoom.ts'
import { planPasses, type TrainLimits } from './planPasses.ts'
import { allocateTrainBuffers, type TrainBuffers } from './trainBuffers.ts'

export type PassRunner = {
  parts: EngineParts
  learning: Learning
  limits: TrainLimits
  panel: number
  room: LossRoom
  buffers: { room: TrainBuffers; longest: number } | undefined
}

export function createPassRunner(parts: EngineParts, learning: Learning, limits: TrainLimits): PassRunner {
  const panel = parts.arena.allocate(gemmPanelBytes * parts.members)
  return { parts, learning, limits, panel, room: allocateLossRoom(parts, learning), buffers: undefined }
}

/** The mean loss of the rows; their gradients are added to what there is. */
export function accumulateRows(runner: PassRunner, rows: readonly TokenRow[], counted: number): number {
  return sum(runRows(runner, rows, Math.fround(1 / counted)).map((row) => row.loss)) / counted
}

/** Loss and share of counted tokens that are the likeliest, without learning. @throws {TrainingRowsError} */
export function evaluateRows(
  runner: PassRunner,
  rows: readonly TokenRow[],
): { loss: number; accuracy: number; counted: number } {
  const counted = countTokens(rows)
  const losses: RowLoss[] = []
  for (let at = 0; at < rows.length; at += rowsMax) {
    const some = rows.slice(at, at + rowsMax)
    checkRows(runner.parts.graph, some)
    losses.push(...runRows(runner, some, undefined))
  }
  const correct = losses.reduce((total, row) => total + row.correct, 0)
  return { loss: sum(losses.map((row) => row.loss)) / counted, accuracy: correct / counted, counted }
}

/** Runs rows in passes; with a factor also backward, adding to the gradients row by row. */
function runRows(runner: PassRunner, rows: readonly TokenRow[], factor: number | undefined): RowLoss[] {
  const { parts, learning, panel, limits } = runner
  const losses: RowLoss[] = []
  for (const planned of planPasses(parts, rows, limits)) {
    const { spans, positions, longest, keepsAll } = planned
    const buffers = buffersFor(runner, positions, longest, keepsAll || factor === undefined)
    const pass: TrainPass = { parts, learning, panel, buffers, spans, positions }
    runForward(pass, planned.rows)
    losses.push(...runLoss(pass, runner.room, planned.rows, factor))
    if (factor !== undefined) runBackward(pass, planned.rows)
  }
  return losses
}

/** The buffers in use, or larger ones. */
function buffersFor(runner: PassRunner, positions: number, longest: number, keepsAll: boolean): TrainBuffers {
  const { buffers, parts, learning } = runner
  const fits =
    buffers !== undefined &&
    buffers.room.capacity >= positions &&
    buffers.longest >= longest &&
    buffers.room.keepsAll === keepsAll
  if (fits) return buffers.room
  buffers?.room.release()
  runner.buffers = undefined
  const same = buffers?.room.keepsAll === keepsAll
  const capacity = Math.max(positions, same ? buffers.room.capacity : 0)
  const length = Math.max(longest, buffers?.longest ?? 0)
  const rank = learning.what === 'adapter' ? learning.lora.paddedRank : 0
  const room = allocateTrainBuffers(parts, capacity, length, keepsAll, rank)
  runner.buffers = { room, longest: length }
  return room
}
