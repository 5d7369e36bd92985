/** Splits a kernel's work between the threads of the crew, or does all of it here. */
import type { EngineParts } from '../model/loadModel.ts'
import { callKernel, type SharedKernel } from './crew.ts'

/** Below this many positions waking a thread costs more than it saves. */
const positionsMin = 8

/**
 * @param items - rows, positions or the like; each thread gets a run of them
 * @param callFor - arguments of the kernel for `count` items from `from`, as done by thread `member`
 */
export function shareOut(
  { crew, arena }: EngineParts,
  kernel: SharedKernel,
  items: number,
  positions: number,
  callFor: (from: number, count: number, member: number) => readonly number[],
): void {
  const members = crew === undefined || positions < positionsMin ? 1 : Math.min(crew.size(), items)
  if (crew === undefined || members === 1) return callKernel(arena.kernels, kernel, callFor(0, items, 0))
  const edge = (member: number) => Math.floor((items * member) / members)
  const calls = Array.from({ length: members }, (_, member) =>
    callFor(edge(member), edge(member + 1) - edge(member), member),
  )
  crew.run(kernel, calls)
}
