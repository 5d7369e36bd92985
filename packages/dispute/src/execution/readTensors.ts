/** The bytes of a model's file that the words of a working are made from: its tensors, and none of the others. */
import { WeightlessError } from '@weightless/codec'
import type { ByteSource, GgufTensor } from '@weightless/tensor'
import type { ReadFile } from '../numbers/weightBlock.ts'
import type { WorkingPlan } from '../working/rules.ts'

/** @throws {BytesNotReadError} from the reader, when a rule asks for bytes of other tensors */
export async function readTensors(plan: WorkingPlan, file: ByteSource): Promise<ReadFile> {
  const tensors = new Set<Pick<GgufTensor, 'offset' | 'sizeBytes'>>()
  for (const { rule } of plan.tables) {
    if ('matrix' in rule) tensors.add(rule.matrix)
    if (rule.kind === 'bias') for (const part of rule.parts) tensors.add(part)
    if (rule.kind === 'headNorm') tensors.add(rule.query).add(rule.key)
    if ('weight' in rule) tensors.add(rule.weight)
    if ('part' in rule) tensors.add(rule.part)
    if ('factors' in rule && rule.factors) tensors.add(rule.factors)
  }
  const ranges = await Promise.all(
    [...tensors].map(async ({ offset, sizeBytes }) => ({ offset, bytes: await file.read(offset, sizeBytes) })),
  )
  return (from, count) => {
    for (const { offset, bytes } of ranges) {
      if (from >= offset && from + count <= offset + bytes.length)
        return bytes.subarray(from - offset, from - offset + count)
    }
    throw new BytesNotReadError({ from, count })
  }
}

class BytesNotReadError extends WeightlessError {
  constructor(facts: { from: number; count: number }) {
    super('dispute/bytes-not-read', 'A rule asked for bytes of the file that were not read for it.', facts)
  }
}
