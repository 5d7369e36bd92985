/** A trainer that changed one word of one table and committed to that, whatever followed: for tests of disputes. */
import { concatBytes } from '@weightless/codec'
import { buildHashTree, hashLeaf, hashTreeRoot, sha256 } from '@weightless/crypto'
import { tableRoot } from './chunkDigests.ts'
import { chunkWords } from './stepTable.ts'
import type { StepTrace } from './traceStep.ts'
import type { TrainingRecord } from './trainingParty.ts'
import { pieceDigests, rootOfPieces } from './trainingState.ts'

/** The trace with the lowest bit of one word flipped; later tables are as they were. */
export function tamperTrace(trace: StepTrace, table: number, word: number): StepTrace {
  const wrong = Math.floor(word / chunkWords)
  const bytes = trace.chunk(table, wrong)!
  const changed = bytes.with((word % chunkWords) * 4, bytes[(word % chunkWords) * 4]! ^ 1)
  const list = trace.digests[table]!
  const digests = trace.digests.with(
    table,
    concatBytes([list.subarray(0, wrong * 32), sha256(changed), list.subarray(wrong * 32 + 32)]),
  )
  const tree = buildHashTree(digests.map((one) => hashLeaf(tableRoot(one))))
  const chunk = (at: number, number: number) => (at === table && number === wrong ? changed : trace.chunk(at, number))
  return { ...trace, digests, tree, root: hashTreeRoot(tree), chunk }
}

/** A record that is honest up to a step, has this trace of it, and from then on states that nothing leads to. */
export async function tamperRecord(record: TrainingRecord, step: number, trace: StepTrace): Promise<TrainingRecord> {
  const state = await record.stateAt(step)
  const after = { ...state, p: state.p.with(0, state.p[0]! + 1) }
  const reached = rootOfPieces(record.headAt(step + 1), pieceDigests(after))
  const states = record.states.map((root, at) => (at <= step ? root : at === step + 1 ? reached : sha256(root)))
  return {
    states,
    headAt: record.headAt,
    stateAt: async (at) => (at === step + 1 ? after : record.stateAt(at)),
    traceAt: async (at) => (at === step ? trace : record.traceAt(at)),
  }
}
