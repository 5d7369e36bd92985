/** Decides how a token was chosen under a mask: no working says what was masked, so all logits are shown, and the choice is made again. Spec: spec/dispute.md §7.6 */
import { bytesEqual, bytesToHex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { GrammarStuckError } from '@weightless/tensor'
import type { TokenMask } from '@weightless/tensor/grammar/tokenMask'
import { bodyOperatorCount, operatorName } from '@weightless/tensor/model/describeGraph'
import { createAdjuster } from '@weightless/tensor/sampler/adjustLogits'
import { adjustmentsOf } from '../execution/commitJob.ts'
import { wordBytes } from '../numbers/words.ts'
import { createPlanner } from '../working/createPlanner.ts'
import { evaluateWorking, outputOf } from '../working/evaluateWorking.ts'
import { planSample } from '../working/planSample.ts'
import type { Draw } from '../working/rules.ts'
import type { Accusation, Finding } from './accusation.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { digestOf, NotShown, requireStep, tokenOf } from './stepOpening.ts'

/** @throws {NotShown} */
export function judgeChoice(
  job: JobCommitment,
  { step, said, logits }: Extract<Accusation, { kind: 'choice' }>,
): Finding {
  if (!job.mask) throw new NotShown('the request had no mask')
  requireStep(step, job)
  const { position } = step
  const first = job.promptTokens
  if (said.length !== position - first + 1) throw new NotShown('not all tokens of the answer so far are shown')
  for (const [i, each] of said.entries()) {
    requireStep(each, job)
    if (each.position !== first + i) throw new NotShown(`step ${each.position} is not in its place`)
  }
  const operator = bodyOperatorCount(job.graph.layerCount) + 2
  const given = digestOf(step, operator - 1)
  if (logits.length !== 4 * job.graph.vocabSize || given === undefined || !bytesEqual(sha256(logits), given)) {
    throw new NotShown('the logits are not those committed to')
  }
  const claimed = digestOf(step, operator)
  if (claimed === undefined) throw new NotShown(`the step has no operator ${operator}`)
  const values = new Float32Array(logits.slice().buffer)
  const tokens = said.map(({ token }) => token)
  const record = chooseMasked(values, tokens, { ...job.sampler, index: said.length }, job.mask())
  const expected = sha256(record)
  if (bytesEqual(expected, claimed)) return { guilty: false, reason: 'the token is the one that the mask leaves' }
  return {
    guilty: true,
    operator: operatorName(job.graph.layerCount, operator),
    position,
    what: 'choice',
    element: said.length,
    expected: `${bytesToHex(expected)} (token ${tokenOf(record)})`,
    claimed: bytesToHex(claimed),
  }
}

/** The record of 24 bytes of a choice (TENSOR §7), by the rules of §6 over logits of which the mask left some. */
function chooseMasked(logits: Float32Array, said: readonly number[], draw: Draw, mask: TokenMask): Uint8Array {
  const adjuster = createAdjuster({ floats: (_, length) => new Float32Array(length) }, 0, adjustmentsOf(draw.adjust))
  for (const token of said) {
    adjuster.push(token)
    mask.push(token)
  }
  const adjusted = adjuster.adjust(logits, allowedBy(mask))
  const { adjust: _, ...plain } = draw
  const planner = createPlanner()
  planSample(planner, logits.length, 0, 0, plain)
  const plan = { operator: 0, position: 0, tables: planner.tables, chunks: planner.chunks() }
  const words = new Uint32Array(adjusted.buffer, adjusted.byteOffset, adjusted.length)
  return wordBytes(
    outputOf(
      evaluateWorking(
        plan,
        () => words,
        () => new Uint8Array(),
      ),
    ),
  )
}

function allowedBy(mask: TokenMask): Uint32Array | undefined {
  try {
    return mask.allowed()
  } catch (error) {
    // A token before was not allowed: then its own choice is what is wrong.
    if (error instanceof GrammarStuckError) throw new NotShown('a token before is one that the mask did not leave')
    throw error
  }
}
