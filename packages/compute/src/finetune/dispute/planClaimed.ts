/** The tables of a step with rows that somebody claims it had. */
import { JobUndisputableError } from '@weightless/dispute'
import type { StepPlan } from '@weightless/dispute/training/stepPlan'
import type { TokenRow } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { checkRows, countTokens, TrainingRowsError } from '@weightless/tensor/train/checkRows'

/** Undefined where no training has such rows, or nobody traces such a step. */
export function planClaimed(graph: Graph, rows: readonly TokenRow[], plan: () => StepPlan): StepPlan | undefined {
  try {
    checkRows(graph, rows)
    countTokens(rows)
    return plan()
  } catch (fault) {
    if (fault instanceof TrainingRowsError || fault instanceof JobUndisputableError) return undefined
    throw fault
  }
}
