import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Bundle } from '@weightless/receipt'
import { type AuditTools, auditProvider } from './auditTarget.ts'
import { encodeEvidence, evidenceBytesMax, readEvidence } from './evidence.ts'
import type { Judgement } from './judgeAnswer.ts'
import { judgeEvidence } from './judgeEvidence.ts'
import { sprtStart } from './sprt.ts'

const beta: Hex = `0x${'11'.repeat(32)}`
const id: Hex = `0x${'00'.repeat(12)}${'22'.repeat(20)}`
const right: Judgement = { verdict: 'right', reExecuted: true }
const wrong: Judgement = { verdict: 'wrong', detail: 'layer 2' }
const pace = { requestsMin: 1, requestsMax: 4, meanGapMs: 0 }
const env = { clock: { sleep: async () => undefined } } as unknown as AuditTools['env']
/** Only what a juror looks at before it judges. */
const bundleOf = (jobNonce: bigint) => ({ receipt: { user: '0xAA', jobNonce } }) as unknown as Bundle

/** Answers with these judgements one after the other; undefined is no answer. */
function toolsOf(judgements: readonly (Judgement | undefined)[]) {
  const asked: number[] = []
  const tools: AuditTools = {
    ...{ env, pace },
    ask: async () => {
      asked.push(asked.length)
      return judgements[asked.length - 1] ? bundleOf(BigInt(asked.length)) : undefined
    },
    judge: async () => judgements[asked.length - 1]!,
  }
  return { tools, asked }
}

const audit = (tools: AuditTools, signal = new AbortController().signal) =>
  auditProvider(tools, { id, beta, before: sprtStart }, signal)

describe('Audit of a provider', () => {
  it('ends with one right answer, and goes on with the test in the next round', async () => {
    const { tools, asked } = toolsOf([right])
    const { found, after } = await audit(tools)
    assert.equal(found.finding, 1)
    assert.equal(asked.length, 1)
    assert.equal(after.samples, 1)
  })

  it('finds two wrong answers, and one is not enough', async () => {
    assert.equal((await audit(toolsOf([wrong, wrong]).tools)).found.finding, 2)
    assert.equal((await audit(toolsOf([wrong, right, right, right]).tools)).found.finding, 1)
  })

  it('asks on where a wrong answer is known, and does not count it', async () => {
    const { tools, asked } = toolsOf([right, right, right, right])
    const options = { id, beta, before: sprtStart, isSuspect: true }
    const { found } = await auditProvider(tools, options, new AbortController().signal)
    assert.deepEqual([found.finding, asked.length], [1, pace.requestsMax])
  })

  it('calls whom it cannot reach so, and says nothing of whom it had no time for', async () => {
    assert.equal((await audit(toolsOf([]).tools)).found.finding, 3)
    const late = new AbortController()
    late.abort()
    assert.equal((await audit(toolsOf([]).tools, late.signal)).found.finding, 4)
    const failing: AuditTools = { ...toolsOf([]).tools, ask: () => Promise.reject(new Error('refused')) }
    const { found } = await audit(failing)
    assert.equal(found.outcomes[0]?.detail, 'refused')
  })
})

describe('Jury', () => {
  const evidenceOf = (...jobs: bigint[]) => ({
    ...{ round: 1n, auditor: id, beta },
    targets: [
      {
        ...{ id, kind: 1, finding: 2 },
        outcomes: jobs.map((job, index) => ({ index, verdict: 'wrong' as const, detail: '', bundle: bundleOf(job) })),
      },
    ],
  })

  it('counts each signed job once, and only what the accused can be held to', async () => {
    const wrongAll = async () => wrong
    assert.equal((await judgeEvidence(wrongAll, id, [evidenceOf(1n, 2n)])).finding, 2)
    assert.equal((await judgeEvidence(wrongAll, id, [evidenceOf(1n), evidenceOf(1n)])).finding, 1)
    const voidAll = async (): Promise<Judgement> => ({ verdict: 'void', detail: 'not signed' })
    assert.equal((await judgeEvidence(voidAll, id, [evidenceOf(1n, 2n)])).finding, 1)
    assert.equal((await judgeEvidence(wrongAll, id, [])).finding, 1)
    // What users handed over could be chosen.
    const chosen = evidenceOf(1n, 2n)
    const outcomes = chosen.targets[0]!.outcomes.map((outcome) => ({ ...outcome, isShared: true }))
    const shown = { ...chosen, targets: [{ ...chosen.targets[0]!, outcomes }] }
    assert.equal((await judgeEvidence(wrongAll, id, [shown])).finding, 1)
  })
})

describe('Evidence', () => {
  const written = encodeEvidence({
    ...{ round: 7n, auditor: `0x${'33'.repeat(20)}` as Hex, beta },
    targets: [{ id, kind: 1, finding: 3, outcomes: [{ index: 0, verdict: 'void', detail: 'x'.repeat(900) }] }],
  })

  it('comes back as it was written, with bounded words', () => {
    const read = readEvidence(written)
    assert.ok(read.ok)
    assert.equal(read.value.round, 7n)
    assert.equal(read.value.targets[0]!.outcomes[0]!.detail.length, 300)
  })

  it('is refused in any other form, whoever wrote it', () => {
    assert.equal(readEvidence(new Uint8Array(evidenceBytesMax + 1)).ok, false)
    assert.equal(readEvidence(new Uint8Array([0xff])).ok, false)
    assert.equal(readEvidence(new TextEncoder().encode('{}')).ok, false)
    const text = new TextDecoder().decode(written)
    for (const [from, to] of [
      ['"version":1', '"version":2'],
      [bytesToHex(new Uint8Array(32).fill(0x11)), '0x11'],
      ['"finding":3', '"finding":9'],
      ['"void"', '"fine"'],
      ['"index":0', '"index":0,"bundle":{}'],
    ] as const) {
      assert.ok(text.includes(from))
      assert.equal(readEvidence(new TextEncoder().encode(text.replace(from, to))).ok, false, to)
    }
  })
})
