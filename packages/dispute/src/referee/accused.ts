/** What an accuser has, and what it finds. Spec: spec/dispute.md §7.3. */
import type { ReadFile } from '../numbers/weightBlock.ts'
import type { Working } from '../working/evaluateWorking.ts'
import type { WorkingPlan } from '../working/rules.ts'
import type { Accusation } from './accusation.ts'

/** One's own execution of the job, fed with the tokens that the provider claims. */
export type Execution = {
  tokens: readonly number[]
  /** Operators' digests of each step. */
  operators: readonly Uint8Array[]
  /** What the sampler gave at a position (TENSOR §7); undefined where no token is chosen. */
  record(position: number): Uint8Array | undefined
  /** @throws what making it throws */
  work(plan: WorkingPlan): Promise<Working>
  /** Bytes of the model's file that words of the plan are made from. */
  file(plan: WorkingPlan): Promise<ReadFile>
}

export type Accused =
  | { found: 'accusation'; accusation: Accusation; workingRoot: Uint8Array | undefined }
  /** The traces are the same. */
  | { found: 'nothing' }
  /** It did not answer, or not with what it had committed to; `asked` says what. */
  | { found: 'silence'; asked: string }
  /** It differs in what no judge can look into: a prompt of other tokens. */
  | { found: 'unshown'; reason: string }

export function silent(asked: string): Accused {
  return { found: 'silence', asked }
}
