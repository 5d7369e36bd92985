/** Accuses a provider of a word that is right, with all shown that it could be asked for: what no judge may call guilty. */
import { buildHashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { unitWords } from '../working/computeWord.ts'
import { chunkBytes, workingTree } from '../working/evaluateWorking.ts'
import type { Finding, OpenedChunk } from './accusation.ts'
import type { Execution } from './accused.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { judge, planStep } from './judge.ts'
import type { Fault } from './probeJob.cases.ts'

/** @returns findings about the word, about the end of the operator's output, and about the number of its operators */
export async function accuseFalsely(
  job: JobCommitment,
  honest: Pick<Execution, 'tokens' | 'operators' | 'work'>,
  file: ReadFile,
  { position, operator, table, word }: Omit<Fault, 'flip'>,
): Promise<Finding[]> {
  const token = honest.tokens[position]!
  const working = await honest.work(planStep(job, operator, position, token))
  const tree = workingTree(working)
  const chunks = Array.from({ length: working.plan.chunks }, (_, chunk): OpenedChunk => {
    return { chunk, bytes: chunkBytes(working, chunk), path: hashTreePath(tree, chunk) }
  })
  const leaves = honest.operators.map((digests, at) => hashLeaf(stepDigest(at, honest.tokens[at]!, digests)))
  const path = hashTreePath(buildHashTree(leaves), position)
  const step = { position, token, operators: honest.operators[position]!, path }
  const opening = { step, operator, chunks }
  const unit = unitWords(working.plan.tables[table]!.rule)
  const index = Math.floor(word / unit) * unit
  const evidence = { file, workingRoot: hashTreeRoot(tree) }
  const last = working.plan.tables.length - 1
  return [
    judge(job, { kind: 'word', working: opening, table, index }, evidence),
    judge(job, { kind: 'bound', working: opening, table: last, row: 0, bound: step }, evidence),
    judge(job, { kind: 'count', step }, evidence),
  ]
}
