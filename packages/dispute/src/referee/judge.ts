/**
 * Decides an accusation by one number: looks whether what is shown belongs to the provider's commitments, computes the unit
 * accused, and compares. The same function in Node and in a browser; a contract does the same. Spec: spec/dispute.md §7.
 */
import { bytesEqual, bytesToHex } from '@weightless/codec'
import { hashLeaf, sha256 } from '@weightless/crypto'
import { bodyOperatorCount, headOperators, operatorName } from '@weightless/tensor/model/describeGraph'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { digestBytes, wordsOf } from '../numbers/words.ts'
import { rootFrom } from '../tree/rootFrom.ts'
import { computeUnit, unitWords } from '../working/computeWord.ts'
import { OperatorUnknownError } from '../working/createPlanner.ts'
import { areFinite } from '../working/finite.ts'
import { planOperator } from '../working/planOperator.ts'
import { chunkWords, type Rule, statesOf, type Table, tokenOfStep, type WorkingPlan } from '../working/rules.ts'
import type { ReadWords } from '../working/wordReader.ts'
import type { Accusation, Finding, WorkingOpening } from './accusation.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { judgeChoice } from './judgeChoice.ts'
import { digestOf, NotShown, requireStep, type StepOpening, tokenOf } from './stepOpening.ts'

/** What a judge has from elsewhere than the accuser. */
export type Evidence = {
  /** Bytes of the model's file, each proved against the model root. */
  file: ReadFile
  /** The root that the provider gave, by signature or transaction, for the working in question; none if it gave none. */
  workingRoot: Uint8Array | undefined
}

export function judge(job: JobCommitment, accusation: Accusation, evidence: Evidence): Finding {
  try {
    if (accusation.kind === 'token') return judgeToken(job, accusation)
    if (accusation.kind === 'count') return judgeCount(job, accusation)
    if (accusation.kind === 'choice') return judgeChoice(job, accusation)
    const opened = openWorking(job, accusation.working, evidence.workingRoot)
    return accusation.kind === 'word'
      ? judgeWord(job, accusation, opened, evidence.file)
      : judgeBound(job, accusation, opened)
  } catch (error) {
    if (error instanceof NotShown || error instanceof OperatorUnknownError)
      return { guilty: false, reason: error.message }
    throw error
  }
}

/** The plan of a working whose token and draw the job fixes. */
export function planStep(job: JobCommitment, operator: number, position: number, token: number): WorkingPlan {
  const index = position - job.promptTokens + 1
  const draw = index < 0 ? undefined : { ...job.sampler, index }
  return planOperator(job.graph, operator, position, token, draw)
}

type Opened = { plan: WorkingPlan; words: ReadWords }

function openWorking(job: JobCommitment, working: WorkingOpening, given: Uint8Array | undefined): Opened {
  if (given === undefined) throw new NotShown('the provider gave no root of the working')
  requireStep(working.step, job)
  const { position, token } = working.step
  const plan = planStep(job, working.operator, position, token)
  const chunks = new Map<number, Uint32Array>()
  for (const { chunk, bytes, path } of working.chunks) {
    const root = rootFrom(hashLeaf(bytes), chunk, plan.chunks, path)
    if (root === undefined || !bytesEqual(root, given)) throw new NotShown(`chunk ${chunk} is not of the working`)
    if (bytes.length % 4 !== 0) throw new NotShown('a chunk is not whole words')
    chunks.set(chunk, wordsOf(bytes))
  }
  return { plan, words: (table, from, count) => readChunks(plan.tables[table]!, chunks, from, count) }
}

function readChunks(table: Table, chunks: ReadonlyMap<number, Uint32Array>, from: number, count: number): Uint32Array {
  // A word that the provider claims may say which run is read: one behind the table's end has less than no words.
  if (from < 0 || count < 0 || from + count > table.words)
    throw new NotShown(`${table.name} has no words ${from} to ${from + count}`)
  const words = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const chunk = table.chunk + Math.floor((from + i) / chunkWords)
    const opened = chunks.get(chunk)
    if (opened === undefined) throw new NotShown(`chunk ${chunk}, which ${table.name} has, is not opened`)
    const length = Math.min(chunkWords, table.words - (chunk - table.chunk) * chunkWords)
    if (opened.length !== length) throw new NotShown(`chunk ${chunk} has not ${length} words`)
    words[i] = opened[(from + i) % chunkWords]!
  }
  return words
}

function judgeWord(
  job: JobCommitment,
  { working, table, index }: Extract<Accusation, { kind: 'word' }>,
  { plan, words }: Opened,
  file: ReadFile,
): Finding {
  const accused = plan.tables[table]
  if (accused === undefined || accused.rule.kind === 'source') throw new NotShown(`table ${table} is not computed`)
  const unit = unitWords(accused.rule)
  if (!Number.isInteger(index) || index % unit !== 0) throw new NotShown(`no unit begins at word ${index}`)
  const claimed = words(table, index, unit)
  const expected = computeUnit(plan.tables, table, index, { words: finiteWords(plan, accused.rule, words), file })
  if (!areFinite(accused.rule, expected, index)) throw new NotShown(`${accused.name} ${index} would not be finite`)
  const wrong = expected.findIndex((word, i) => word !== claimed[i])
  if (wrong < 0) return { guilty: false, reason: `${accused.name} ${index} is right` }
  return {
    guilty: true,
    operator: operatorName(job.graph.layerCount, working.operator),
    position: working.step.position,
    what: accused.name,
    element: index / unit,
    expected: showWords(expected, accused.rule),
    claimed: showWords(claimed, accused.rule),
  }
}

/** What a rule reads: where it finds a number that is infinite or NaN, nothing follows. A chain reads bytes. */
function finiteWords(plan: WorkingPlan, accused: Rule, words: ReadWords): ReadWords {
  if (accused.kind === 'chain') return words
  return (table, from, count) => {
    const read = words(table, from, count)
    const { name, rule } = plan.tables[table]!
    if (!areFinite(rule, read, from)) throw new NotShown(`${name} has a word that is not finite`)
    return read
  }
}

function judgeBound(
  job: JobCommitment,
  { working, table, row, bound }: Extract<Accusation, { kind: 'bound' }>,
  { plan, words }: Opened,
): Finding {
  const chain = plan.tables[table]
  if (chain?.rule.kind === 'source' && chain.rule.operator === tokenOfStep) {
    return judgeSaid(job, row, chain.rule.first, words(table, row, 1)[0]!, bound)
  }
  if (chain?.rule.kind !== 'chain') throw new NotShown(`table ${table} is no chain`)
  requireStep(bound, job)
  const of = plan.tables[chain.rule.of]!.rule
  const [position, operator] =
    of.kind === 'source' ? [of.first + row, of.operator] : [working.step.position, working.operator]
  if (bound.position !== position) throw new NotShown(`row ${row} is of position ${position}`)
  const digest = digestOf(bound, operator)
  if (digest === undefined) throw new NotShown(`the step has no operator ${operator}`)
  const state = digestBytes(words(table, ((row + 1) * statesOf(chain.rule.rowWords) - 1) * 8, 8))
  if (bytesEqual(state, digest)) return { guilty: false, reason: `${chain.name} ends in the digest of its operator` }
  return {
    guilty: true,
    operator: operatorName(job.graph.layerCount, operator),
    position,
    what: chain.name,
    element: row,
    expected: bytesToHex(digest),
    claimed: bytesToHex(state),
  }
}

/** Whether a token that a choice was told of is the one that the answer's step consumed. */
function judgeSaid(job: JobCommitment, row: number, first: number, claimed: number, bound: StepOpening): Finding {
  requireStep(bound, job)
  if (bound.position !== first + row) throw new NotShown(`row ${row} is of position ${first + row}`)
  if (claimed === bound.token) return { guilty: false, reason: 'the token is the one of its step' }
  return {
    guilty: true,
    operator: operatorName(job.graph.layerCount, bodyOperatorCount(job.graph.layerCount) + 2),
    position: bound.position,
    what: 'said',
    element: row,
    expected: String(bound.token),
    claimed: String(claimed),
  }
}

function judgeToken(job: JobCommitment, { step, next, record }: Extract<Accusation, { kind: 'token' }>): Finding {
  requireStep(step, job)
  requireStep(next, job)
  if (next.position !== step.position + 1) throw new NotShown('the steps do not follow one another')
  if (step.position < job.promptTokens - 1) throw new NotShown('no token is chosen in the prompt')
  const sample = bodyOperatorCount(job.graph.layerCount) + 2
  const digest = digestOf(step, sample)
  if (record.length !== 24 || digest === undefined || !bytesEqual(sha256(record), digest)) {
    throw new NotShown('the record is not the one committed to')
  }
  const chosen = tokenOf(record)
  if (chosen === next.token) return { guilty: false, reason: 'the next step has the token that was chosen' }
  return {
    guilty: true,
    operator: operatorName(job.graph.layerCount, sample),
    position: next.position,
    what: 'token',
    element: 0,
    expected: String(chosen),
    claimed: String(next.token),
  }
}

/** Operators of a step: those of the head only where a token is chosen. */
export function operatorsOf(job: JobCommitment, position: number): number {
  return bodyOperatorCount(job.graph.layerCount) + (position < job.promptTokens - 1 ? 0 : headOperators.length)
}

function judgeCount(job: JobCommitment, { step }: Extract<Accusation, { kind: 'count' }>): Finding {
  requireStep(step, job)
  const [expected, claimed] = [operatorsOf(job, step.position), step.operators.length / 32]
  if (expected === claimed) return { guilty: false, reason: 'the step has the operators of the model' }
  return {
    guilty: true,
    operator: operatorName(job.graph.layerCount, Math.min(expected, claimed)),
    position: step.position,
    what: 'operators',
    element: 0,
    expected: String(expected),
    claimed: String(claimed),
  }
}

const integers: readonly Rule['kind'][] = ['quantise', 'sum', 'times', 'best', 'draw', 'weight', 'cut', 'kept', 'keep']

/** Single words also as what they stand for. */
function showWords(words: Uint32Array, { kind }: Rule): string {
  const hex = [...words].map((word) => `0x${word.toString(16).padStart(8, '0')}`).join(' ')
  if (words.length > 1) return hex
  if (!integers.includes(kind)) return `${hex} (${new Float32Array(words.slice().buffer)[0]} as f32)`
  return `${hex} (${kind === 'quantise' || kind === 'sum' ? words[0]! | 0 : words[0]})`
}
