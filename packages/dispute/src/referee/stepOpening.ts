/** One step of a trace with everything that leads it to the receipt's trace root. Spec: spec/dispute.md §7. */
import { bytesEqual } from '@weightless/codec'
import { hashLeaf } from '@weightless/crypto'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import { type Path, rootFrom } from '../tree/rootFrom.ts'

export type StepOpening = {
  position: number
  /** That went in. */
  token: number
  /** Digests of the operators, 32 bytes each. */
  operators: Uint8Array
  path: Path
}

/** @param steps - how many the trace has */
export function isStepOf(opening: StepOpening, traceRoot: Uint8Array, steps: number): boolean {
  const { position, token, operators, path } = opening
  if (!isU32(position) || !isU32(token) || operators.length % 32 !== 0) return false
  const root = rootFrom(hashLeaf(stepDigest(position, token, operators)), position, steps, path)
  return root !== undefined && bytesEqual(root, traceRoot)
}

/** @throws {NotShown} */
export function requireStep(step: StepOpening, { traceRoot, steps }: { traceRoot: Uint8Array; steps: number }): void {
  if (!isStepOf(step, traceRoot, steps)) throw new NotShown(`step ${step.position} is not of the trace`)
}

/** Digest of operator `operator`; nothing where the step has no such one. */
export function digestOf(opening: StepOpening, operator: number): Uint8Array | undefined {
  const digest = opening.operators.subarray(operator * 32, operator * 32 + 32)
  return digest.length === 32 ? digest : undefined
}

/** The token that a sampler's record of 24 bytes names (TENSOR §7). */
export function tokenOf(record: Uint8Array): number {
  return new DataView(record.buffer, record.byteOffset).getUint32(0, true)
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32
}

/** The accusation lacks a part, or a part is not what it is said to be. Not a fault of the program: an answer. */
export class NotShown extends Error {}
