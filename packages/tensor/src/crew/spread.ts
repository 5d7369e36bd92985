/** Cuts a kernel's work into calls that threads can take, and has rounds of calls made. */
import type { EngineParts } from '../model/loadModel.ts'
import type { KernelCall } from './callKernel.ts'
import { callsMax } from './crew.ts'

/** Below this many rows waking a thread costs more than it saves. */
const rowsMin = 4
/** Pieces per thread: more even out what threads do not get alike, each costs a microsecond. */
const piecesPerMember = 4

/** Threads that a pass of so many rows is spread over. */
function membersFor({ crew }: EngineParts, rows: number): number {
  return crew === undefined || rows < rowsMin ? 1 : crew.size()
}

/**
 * @param items - groups of weights, rows or the like; each call gets a run of them
 * @param rows - rows of the pass
 * @param callFor - the call for `count` items from `from`
 */
export function spread(
  parts: EngineParts,
  items: number,
  rows: number,
  callFor: (from: number, count: number) => KernelCall,
): KernelCall[] {
  const members = membersFor(parts, rows)
  const pieces = members === 1 ? 1 : Math.min(members * piecesPerMember, items)
  const edge = (piece: number) => Math.floor((items * piece) / pieces)
  return Array.from({ length: pieces }, (_, piece) => callFor(edge(piece), edge(piece + 1) - edge(piece)))
}

/** Has independent calls made, by the crew where the pass is worth it. */
export function runRound(parts: EngineParts, calls: readonly KernelCall[], rows: number): void {
  const { crew, caller } = parts
  if (crew === undefined || membersFor(parts, rows) === 1) for (const call of calls) caller.call(call, 0)
  else for (let at = 0; at < calls.length; at += callsMax) crew.run(calls.slice(at, at + callsMax))
}
