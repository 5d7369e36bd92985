/**
 * What an auditor knows, on its disk: where the tests of its targets stand, what it has seen of the round that it is in, the
 * report that it committed to, the cases that it waits for. Killed at any moment, it goes on as if it had not been.
 * Spec: spec/alignment.md 10.7
 */
import { bytesToText, type Hex, textToBytes } from '@weightless/codec'
import { targetKind } from '@weightless/contracts/drawTargets'
import type { Disk } from '@weightless/env'
import { type Change, type KeyValue, openKeyValue } from '@weightless/store'
import { readWholeFile, writeWholeFile } from '../wholeFile.ts'
import { exactTest } from './auditTarget.ts'
import { servingTest } from './chainNode/auditChainNode.ts'
import { encodeEvidence, evidenceBytesMax, type Outcome, readEvidence, type TargetEvidence } from './evidence.ts'
import { observeAll } from './goOnWithTest.ts'
import { type Sprt, type SprtState, sprtStart } from './sprt.ts'
import { holdingTest } from './storage/auditHolder.ts'

export type AuditedTarget = { id: Hex; kind: number }
/** By seed, since a round of another chain may have the same number. */
export type KeptReport = { round: bigint; seed: Hex; findings: Hex; evidence: Hex }
/** What the number of one round draws; what was seen under another is of another round. */
export type Drawn = { round: bigint; beta: Hex; auditor: Hex }

export type AuditMemory = Awaited<ReturnType<typeof openAuditMemory>>

/** Files of evidence that are kept, the newest; targets whose tests are kept; cases that are waited for. */
export const evidencesMax = 64
export const testsMax = 256
export const casesMax = 256
/** Outcomes of one target that are looked through; an audit has fewer. */
const seenMax = 64

const evidenceFolder = 'evidence'
const evidenceName = (round: bigint): string => `${evidenceFolder}/evidence-${round}.json`
const testKey = ({ kind, id }: AuditedTarget): string => `test/${kind}/${id}`
const suspectKey = ({ id }: AuditedTarget): string => `suspect/${id}`
const seenPrefix = ({ kind, id }: AuditedTarget): string => `seen/${kind}/${id}/`
const caseKey = (id: Hex): string => `case/${id}`
const roundKey = (round: bigint): string => `round/${String(round).padStart(20, '0')}`
/** Behind every key that begins with the prefix. */
const after = (prefix: string): string => `${prefix}~`

/** @throws {LogCorruptError} */
export async function openAuditMemory(disk: Disk) {
  const map = await openKeyValue(disk, 'memory')
  const keysOf = (prefix: string) => map.range(prefix, after(prefix)).map(({ key }) => key)
  return {
    testOf: (target: AuditedTarget): SprtState => testOf(map, target),
    /** A test found it faulty in a round whose report did not come to be. */
    isSuspect: (target: AuditedTarget): boolean => map.has(suspectKey(target)),

    /** Outcomes of this round from before a restart. */
    seenOf(target: AuditedTarget, beta: Hex): Pick<TargetEvidence, 'outcomes' | 'drawnFrom'> {
      const same = seenOf(map, target).filter((each) => each.beta === beta)
      const drawnFrom = same.at(-1)?.found.drawnFrom
      return { outcomes: same.flatMap(({ found }) => found.outcomes), ...(drawnFrom && { drawnFrom }) }
    },

    /** Durable when it resolves. */
    async keepOutcome(drawn: Drawn, found: Omit<TargetEvidence, 'outcomes'>, outcome: Outcome): Promise<void> {
      const key = `${seenPrefix(found)}${String(outcome.index).padStart(4, '0')}`
      await map.put(key, encodeEvidence({ ...drawn, targets: [{ ...found, outcomes: [outcome] }] }))
    },

    /** What was seen in rounds that ended without a report enters the tests, once. */
    async takeOver(beta: Hex, targets: readonly AuditedTarget[]): Promise<void> {
      const changes = targets.flatMap((target) => changesToTakeOver(map, target, beta))
      if (changes.length > 0) await map.batch(changes)
    },

    report(): KeptReport | undefined {
      const bytes = map.get('report')
      if (!bytes) return undefined
      const { round, ...rest } = JSON.parse(bytesToText(bytes)) as Omit<KeptReport, 'round'> & { round: string }
      return { round: BigInt(round), ...rest }
    },

    /** Report, evidence, and where the tests stand after it: all of it or nothing. */
    async finish(
      report: KeptReport,
      evidence: Uint8Array,
      tests: readonly { target: AuditedTarget; state: SprtState }[],
      isToPublish: boolean,
    ): Promise<void> {
      await writeWholeFile(disk, evidenceName(report.round), evidence)
      const changes: Change[] = [
        { key: 'report', value: json({ ...report, round: String(report.round) }) },
        { key: roundKey(report.round), value: json(isToPublish) },
        ...tests.flatMap(({ target, state }) => [
          testChange(target, state),
          { key: suspectKey(target), value: undefined },
        ]),
        ...keysOf('seen/').map((key) => ({ key, value: undefined })),
      ]
      const kept = new Set([...keysOf('test/'), ...tests.map(({ target }) => testKey(target))])
      const others = [...kept].filter((key) => !tests.some(({ target }) => testKey(target) === key))
      for (const key of others.slice(0, Math.max(0, kept.size - testsMax))) changes.push({ key, value: undefined })
      await map.batch(changes)
      for (const key of keysOf('round/').slice(0, -evidencesMax)) {
        await disk.remove(evidenceName(BigInt(key.slice('round/'.length))))
        await map.remove(key)
      }
    },

    /** The newest round whose evidence others need, and have not from here yet. */
    unpublished: (): bigint | undefined => {
      const key = keysOf('round/').findLast((each) => bytesToText(map.get(each)!) === 'true')
      return key === undefined ? undefined : BigInt(key.slice('round/'.length))
    },
    published: (round: bigint): Promise<void> => map.put(roundKey(round), json(false)),
    evidence: (round: bigint) => readWholeFile(disk, evidenceName(round), evidenceBytesMax),

    cases: (): Hex[] => keysOf('case/').map((key) => key.slice('case/'.length) as Hex),
    async addCase(id: Hex): Promise<void> {
      if (!map.has(caseKey(id)) && keysOf('case/').length < casesMax) await map.put(caseKey(id), json(true))
    },
    endCase: (id: Hex): Promise<void> => map.remove(caseKey(id)),
    close: () => map.close(),
  }
}

const json = (value: unknown): Uint8Array => textToBytes(JSON.stringify(value))

function testOf(map: KeyValue, target: AuditedTarget): SprtState {
  const bytes = map.get(testKey(target))
  return bytes ? (JSON.parse(bytesToText(bytes)) as SprtState) : sprtStart
}

/** What is to be changed so that a test stands there; the beginning is not kept. */
const testChange = (target: AuditedTarget, { ratio, samples }: SprtState): Change => ({
  key: testKey(target),
  value: samples === 0 ? undefined : json({ ratio, samples }),
})

/** One outcome each, by the number of the round that it is of. */
function seenOf(map: KeyValue, target: AuditedTarget): { key: string; beta: Hex; found: TargetEvidence }[] {
  const prefix = seenPrefix(target)
  return map.range(prefix, after(prefix), seenMax).flatMap(({ key, value }) => {
    const read = readEvidence(value)
    const found = read.ok ? read.value.targets[0] : undefined
    return read.ok && found ? [{ key, beta: read.value.beta, found }] : []
  })
}

function changesToTakeOver(map: KeyValue, target: AuditedTarget, beta: Hex): Change[] {
  const old = seenOf(map, target).filter((each) => each.beta !== beta)
  const test = testFor(target.kind)
  if (old.length === 0 || !test) return []
  const outcomes = old.flatMap(({ found }) => found.outcomes)
  const state = observeAll(test, testOf(map, target), outcomes)
  const decision = test.decide(state)
  return [
    testChange(target, decision === 'open' ? state : sprtStart),
    ...(decision === 'faulty' ? [{ key: suspectKey(target), value: json(true) }] : []),
    ...old.map(({ key }) => ({ key, value: undefined })),
  ]
}

/** The test by which targets of a kind are decided about; claims of hardware have none. */
function testFor(kind: number): Sprt | undefined {
  if (kind === targetKind.inference) return exactTest
  if (kind === targetKind.storage) return holdingTest
  return kind === targetKind.chain ? servingTest : undefined
}
