/**
 * Finds what can be shown against a provider whose trace differs from one's own execution: the first operator that differs,
 * in it the first chunk, in it the first unit. Every answer of the provider is checked. Spec: spec/dispute.md §7.3, §8.
 */
import { bytesEqual } from '@weightless/codec'
import { buildHashTree, hashLeaf } from '@weightless/crypto'
import { stepDigest } from '@weightless/tensor/trace/recordSteps'
import type { ReadFile } from '../numbers/weightBlock.ts'
import { digestBytes, wordBytes, wordsOf } from '../numbers/words.ts'
import { findFirstDifference, type KnownTree } from '../tree/firstDifference.ts'
import { computeUnit, unitWords } from '../working/computeWord.ts'
import { OperatorUnknownError } from '../working/createPlanner.ts'
import { chunkBytes, type Working, workingTree } from '../working/evaluateWorking.ts'
import { chunksOf, chunkWords, type Rule, statesOf, tableOf, tokenOfStep, type WorkingPlan } from '../working/rules.ts'
import type { ReadWords } from '../working/wordReader.ts'
import type { OpenedChunk, WorkingOpening } from './accusation.ts'
import { accuseChoice } from './accuseChoice.ts'
import { type Accused, type Execution, silent } from './accused.ts'
import type { Defender } from './defender.ts'
import type { JobCommitment } from './jobCommitment.ts'
import { operatorsOf, planStep } from './judge.ts'
import { digestOf, isStepOf, type StepOpening, tokenOf } from './stepOpening.ts'

export async function accuse(job: JobCommitment, own: Execution, defender: Defender): Promise<Accused> {
  const trace = buildHashTree(own.operators.map((digests, t) => hashLeaf(stepDigest(t, own.tokens[t]!, digests))))
  const step = await findFirstDifference(job.traceRoot, trace, (level, index) => defender.traceHashes(level, index))
  if (step.found === 'silence') return silent('the trace')
  const ask = async (position: number) => {
    const opening = await defender.step(position)
    return opening && opening.position === position && isStepOf(opening, job.traceRoot, job.steps) ? opening : undefined
  }
  if (step.found === 'nothing') {
    const position = firstUnchosen(job, own, job.steps - 1)
    return position === undefined ? { found: 'nothing' } : accuseUnchosen(job, own, position, ask)
  }
  const unchosen = firstUnchosen(job, own, step.leaf)
  if (unchosen !== undefined) return accuseUnchosen(job, own, unchosen, ask)
  const opening = await ask(step.leaf)
  if (opening === undefined) return silent(`step ${step.leaf}`)
  if (opening.token !== own.tokens[step.leaf]) return accuseToken(job, own, opening, ask)
  if (opening.operators.length / 32 !== operatorsOf(job, step.leaf)) {
    return { found: 'accusation', accusation: { kind: 'count', step: opening }, workingRoot: undefined }
  }
  const operator = firstDifferent(opening.operators, own.operators[step.leaf]!)
  if (job.mask && operator === operatorsOf(job, job.steps) - 1) return accuseChoice(job, own, opening, ask)
  try {
    return await accuseOperator({ job, own, defender, ask }, opening, operator)
  } catch (error) {
    if (error instanceof OperatorUnknownError) return { found: 'unshown', reason: error.message }
    throw error
  }
}

type Case = {
  job: JobCommitment
  own: Execution
  defender: Defender
  ask(position: number): Promise<StepOpening | undefined>
}

/** The first step up to `last` that goes on with a token that neither chose, where all before it is agreed. */
function firstUnchosen(job: JobCommitment, own: Execution, last: number): number | undefined {
  for (let position = job.promptTokens; position <= last; position++) {
    const record = own.record(position - 1)
    if (record !== undefined && tokenOf(record) !== own.tokens[position]) return position
  }
  return undefined
}

async function accuseUnchosen(
  job: JobCommitment,
  own: Execution,
  position: number,
  ask: Case['ask'],
): Promise<Accused> {
  const next = await ask(position)
  return next === undefined ? silent(`step ${position}`) : accuseToken(job, own, next, ask)
}

async function accuseToken(job: JobCommitment, own: Execution, next: StepOpening, ask: Case['ask']): Promise<Accused> {
  if (next.position < job.promptTokens) return { found: 'unshown', reason: `prompt token ${next.position} is another` }
  const step = await ask(next.position - 1)
  if (step === undefined) return silent(`step ${next.position - 1}`)
  const record = own.record(step.position)
  if (record === undefined) return { found: 'unshown', reason: `nothing was chosen at ${step.position}` }
  return { found: 'accusation', accusation: { kind: 'token', step, next, record }, workingRoot: undefined }
}

async function accuseOperator(c: Case, step: StepOpening, operator: number): Promise<Accused> {
  const plan = planStep(c.job, operator, step.position, step.token)
  const [mine, file] = [await c.own.work(plan), await c.own.file(plan)]
  const root = await c.defender.workingRoot(step.position, operator)
  if (root?.length !== 32) return silent(`the working of operator ${operator} at ${step.position}`)
  const tree = workingTree(mine)
  const difference = await findFirstDifference(root, tree, (level, index) =>
    c.defender.hashes(step.position, operator, level, index),
  )
  if (difference.found === 'silence') return silent('the tree of the working')
  const theirs = createTheirs(c, mine, step, operator, root, difference.theirs)
  const last = plan.tables.length - 1
  if (difference.found === 'nothing') return accuseBound(plan, last, 0, step, theirs)
  const table = tableOf(plan, difference.leaf)
  if (!(await theirs.learn([difference.leaf]))) return silent(`chunk ${difference.leaf}`)
  const { rule } = plan.tables[table]!
  if (rule.kind === 'source') return accuseSource({ ...c, plan, theirs, file }, rule, table, difference.leaf)
  const index = firstWrongUnit(mine, theirs.words, table, difference.leaf)
  return accuseUnit({ plan, theirs, file }, table, index)
}

type Theirs = ReturnType<typeof createTheirs>

/** A unit whose inputs are agreed: the chunks that it and its rule's reads are in. */
async function accuseUnit(
  { plan, theirs, file }: { plan: WorkingPlan; theirs: Theirs; file: ReadFile },
  table: number,
  index: number,
): Promise<Accused> {
  const chunks = new Set<number>()
  const note: ReadWords = (of, from, count) => {
    for (const chunk of chunksOfWords(plan, of, from, count)) chunks.add(chunk)
    return theirs.words(of, from, count)
  }
  note(table, index, unitWords(plan.tables[table]!.rule))
  computeUnit(plan.tables, table, index, { words: note, file })
  const working = await theirs.open([...chunks].sort((a, b) => a - b))
  if (working === undefined) return silent('chunks beside the wrong word')
  return { found: 'accusation', accusation: { kind: 'word', working, table, index }, workingRoot: theirs.root }
}

/** Their inputs differ: either the chain over them does not follow, or it ends in another digest than the step has. */
async function accuseSource(
  c: Case & { plan: WorkingPlan; theirs: Theirs; file: ReadFile },
  rule: Extract<Rule, { kind: 'source' }>,
  table: number,
  chunk: number,
): Promise<Accused> {
  const { plan, theirs } = c
  if (rule.operator === tokenOfStep) return accuseSaid(c, rule.first, table, chunk)
  const row = Math.floor(((chunk - plan.tables[table]!.chunk) * chunkWords) / rule.rowWords)
  // A chunk may hold the end of one row and the beginning of the next.
  const rows = [row, row + 1].filter((at) => at * rule.rowWords < plan.tables[table]!.words)
  const states = statesOf(rule.rowWords)
  const needed = rows.flatMap((at) => [
    ...chunksOfWords(plan, table, at * rule.rowWords, rule.rowWords),
    ...chunksOfWords(plan, table + 1, at * states * 8, states * 8),
  ])
  if (!(await theirs.learn([...new Set(needed)]))) return silent('an input and its chain')
  for (const at of rows) {
    for (let state = at * states; state < (at + 1) * states; state++) {
      const claimed = theirs.words(table + 1, state * 8, 8)
      const expected = computeUnit(plan.tables, table + 1, state * 8, { words: theirs.words, file: c.file })
      if (claimed.some((word, i) => word !== expected[i])) return accuseUnit(c, table + 1, state * 8)
    }
    const bound = await c.ask(rule.first + at)
    if (bound === undefined) return silent(`step ${rule.first + at}`)
    const end = digestBytes(theirs.words(table + 1, ((at + 1) * states - 1) * 8, 8))
    if (!bytesEqual(end, digestOf(bound, rule.operator)!)) return accuseBound(plan, table + 1, at, bound, theirs)
  }
  return { found: 'unshown', reason: 'two inputs have one digest' }
}

/** A token of the answer that is another than its step's. */
async function accuseSaid(
  c: Case & { plan: WorkingPlan; theirs: Theirs },
  first: number,
  table: number,
  chunk: number,
): Promise<Accused> {
  const { plan, theirs, own } = c
  const from = (chunk - plan.tables[table]!.chunk) * chunkWords
  const said = theirs.words(table, from, Math.min(chunkWords, plan.tables[table]!.words - from))
  const row = from + said.findIndex((token, i) => token !== own.tokens[first + from + i])
  const bound = await c.ask(first + row)
  if (bound === undefined) return silent(`step ${first + row}`)
  const working = await theirs.open(chunksOfWords(plan, table, row, 1))
  if (working === undefined) return silent('a token of the answer')
  return { found: 'accusation', accusation: { kind: 'bound', working, table, row, bound }, workingRoot: theirs.root }
}

async function accuseBound(
  plan: WorkingPlan,
  table: number,
  row: number,
  bound: StepOpening,
  theirs: Theirs,
): Promise<Accused> {
  const rule = plan.tables[table]!.rule as Extract<Rule, { kind: 'chain' }>
  const working = await theirs.open(chunksOfWords(plan, table, ((row + 1) * statesOf(rule.rowWords) - 1) * 8, 8))
  if (working === undefined) return silent('the end of a chain')
  return { found: 'accusation', accusation: { kind: 'bound', working, table, row, bound }, workingRoot: theirs.root }
}

/** Their words: shown by them where they were asked for, else one's own, which are the same. */
function createTheirs(c: Case, mine: Working, step: StepOpening, operator: number, root: Uint8Array, tree: KnownTree) {
  const shown = new Map<number, Uint32Array>()
  const bytesOf = (chunk: number) => {
    const words = shown.get(chunk)
    return words ? wordBytes(words) : chunkBytes(mine, chunk)
  }
  async function learnOne(chunk: number): Promise<boolean> {
    if (!(await tree.learn(chunk))) return false
    const own = chunkBytes(mine, chunk)
    const hash = tree.leafOf(chunk)!
    if (bytesEqual(hashLeaf(own), hash)) return true
    const bytes = await c.defender.chunk(step.position, operator, chunk)
    if (bytes?.length !== own.length || !bytesEqual(hashLeaf(bytes), hash)) return false
    shown.set(chunk, wordsOf(bytes))
    return true
  }
  async function learn(chunks: readonly number[]): Promise<boolean> {
    for (const chunk of chunks) if (!(await learnOne(chunk))) return false
    return true
  }
  return {
    root,
    learn,
    words(table: number, from: number, count: number): Uint32Array {
      const words = mine.tables[table]!.slice(from, from + count)
      for (let i = 0; i < count; i++) {
        const chunk = mine.plan.tables[table]!.chunk + Math.floor((from + i) / chunkWords)
        words[i] = shown.get(chunk)?.[(from + i) % chunkWords] ?? words[i]!
      }
      return words
    },
    async open(chunks: readonly number[]): Promise<WorkingOpening | undefined> {
      if (!(await learn(chunks))) return undefined
      const opened = chunks.map((chunk): OpenedChunk => ({ chunk, bytes: bytesOf(chunk), path: tree.pathOf(chunk)! }))
      return { step, operator, chunks: opened }
    },
  }
}

function firstWrongUnit(mine: Working, theirs: ReadWords, table: number, chunk: number): number {
  const from = (chunk - mine.plan.tables[table]!.chunk) * chunkWords
  const own = mine.tables[table]!.subarray(from, from + chunkWords)
  const other = theirs(table, from, own.length)
  const unit = unitWords(mine.plan.tables[table]!.rule)
  const wrong = own.findIndex((word, i) => word !== other[i])
  return from + Math.floor(wrong / unit) * unit
}

function chunksOfWords(plan: WorkingPlan, table: number, from: number, count: number): number[] {
  const { chunk, words } = plan.tables[table]!
  const [first, last] = [Math.floor(from / chunkWords), Math.floor((from + count - 1) / chunkWords)]
  if (first < 0 || last >= chunksOf(words)) return []
  return Array.from({ length: last - first + 1 }, (_, i) => chunk + first + i)
}

function firstDifferent(theirs: Uint8Array, own: Uint8Array): number {
  let at = 0
  while (at < own.length && bytesEqual(theirs.subarray(at, at + 32), own.subarray(at, at + 32))) at += 32
  return at / 32
}
