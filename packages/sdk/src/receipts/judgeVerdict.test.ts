/** A verdict file convicts whom it says, of what it says, after a round trip through JSON; with anything in it changed it convicts nobody. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { parseVerdictFile, type VerdictFile, verdictFileToJson } from '@weightless/compute/wire'
import { fileTree, openProven, type ProvenSource } from '@weightless/crypto'
import { openAdapted } from '@weightless/dispute/referee/probeJob.cases'
import { inputHash } from '@weightless/receipt'
import { shapedRequestHash } from '@weightless/receipt/commitments'
import { bytesSource } from '@weightless/tensor'
import { judgeVerdict } from './judgeVerdict.ts'
import { changedTensor, type Plant, type Planted, plantFault, shape, signAgain } from './plantedFault.cases.ts'
import { playDispute } from './playDispute.ts'

type Json = { [name: string]: Json } | Json[] | string | number

const read = (json: unknown): VerdictFile => {
  const verdict = parseVerdictFile(JSON.stringify(json))
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.detail)
  return verdict.value
}

const play = ({ bundle, weights, send }: Planted, adapter?: Uint8Array) =>
  playDispute(bundle, { send, loadWeights: async () => weights, expected: {}, ...(adapter && { adapter }) })

/** Every value of a JSON tree once, changed a little; and every list without its last. */
function* changedOnce(json: Json, path: string): Generator<{ path: string; changed: Json }> {
  if (typeof json === 'number') yield { path, changed: json + 1 }
  else if (typeof json === 'string') yield { path, changed: changeText(json) }
  else if (Array.isArray(json)) {
    if (json.length > 0) yield { path: `${path} short`, changed: json.slice(0, -1) }
    for (const [i, item] of json.entries()) {
      for (const one of changedOnce(item, `${path}.${i}`)) yield { ...one, changed: json.with(i, one.changed) }
    }
  } else {
    for (const [name, item] of Object.entries(json)) {
      const { [name]: _, ...without } = json
      yield { path: `${path}.${name} absent`, changed: without }
      for (const one of changedOnce(item, `${path}.${name}`))
        yield { ...one, changed: { ...json, [name]: one.changed } }
    }
  }
}

/** Another digit at the end, where bytes and numbers stay such. */
function changeText(text: string): string {
  const last = text.at(-1) ?? ''
  return (
    text.slice(0, -1) + (/[0-8]/.test(last) ? String(Number(last) + 1) : last === '9' ? '8' : last === 'a' ? 'b' : 'a')
  )
}

const biased = { presencePenalty: 1, frequencyPenalty: -0.5, logitBias: [[7, 2]] as const }

describe('a verdict file', () => {
  const planted = {} as Record<Plant, Planted>
  const files = {} as Record<string, Json>
  before(async () => {
    for (const plant of ['nothing', 'weight', 'covering', 'operators', 'token', 'choice'] as const) {
      planted[plant] = await plantFault(plant, {}, plant === 'choice' ? shape : undefined)
      const outcome = await play(planted[plant])
      if (plant === 'nothing') {
        assert.deepEqual(outcome, { outcome: 'agreed', questions: 0 })
        continue
      }
      assert.ok(outcome.outcome === 'guilty', `${plant}: ${outcome.outcome}`)
      files[plant] = JSON.parse(JSON.stringify(verdictFileToJson(outcome.verdict)))
    }
  })

  test('is judged guilty from the model alone, of each kind of accusation', async () => {
    const kinds = { weight: 'word', covering: 'bound', operators: 'count', token: 'token', choice: 'choice' } as const
    for (const [plant, kind] of Object.entries(kinds)) {
      const file = read(files[plant])
      assert.equal(file.accusation.kind, kind)
      const judged = await judgeVerdict(file, planted.weight.weights)
      assert.ok(judged.outcome === 'guilty', `${plant}: ${JSON.stringify(judged)}`)
      assert.deepEqual(judged.finding, file.finding)
      assert.deepEqual(await judgeVerdict(file, bytesSource(planted.weight.weights)), judged)
    }
    const { finding } = read(files.weight)
    assert.equal(finding.operator, `layer ${changedTensor.split('.')[1]} ffn.gate`)
    assert.equal(finding.what, 'term')
  })

  test('tells neither question nor answer', () => {
    const { opening } = planted.weight.bundle
    const text = JSON.stringify(files.weight)
    assert.equal(text.includes(opening.salt.slice(2)), false)
    assert.equal(text.includes('Hello'), false)
  })

  test('with any one thing changed convicts nobody', async () => {
    for (const [plant, file] of Object.entries(files)) {
      let count = 0
      let judged = 0
      for (const { path, changed } of changedOnce(file, plant)) {
        count++
        const form = parseVerdictFile(JSON.stringify(changed))
        if (!form.ok) continue
        judged++
        const { outcome } = await judgeVerdict(form.value, planted.weight.weights)
        assert.equal(outcome, 'refused', path)
      }
      assert.ok(count > 60 && judged > 30, `${plant}: ${judged} of ${count} changes had the form`)
    }
  })

  test('is judged from the parts that it needs, of a model that proves what it reads', async () => {
    const { weights } = planted.weight
    const { root, tree, shape } = fileTree(weights)
    let readBytes = 0
    const source = openProven(bytesToHex(root), tree.levels[0]!.slice(0, 32 * shape.segments), {
      sizeBytes: weights.length,
      read: async (offset, length) => {
        readBytes += length
        return weights.subarray(offset, offset + length)
      },
    })
    assert.equal((await judgeVerdict(read(files.weight), source)).outcome, 'guilty')
    // A segment holds the whole of this small model; it is read once for everything.
    assert.equal(readBytes, weights.length)
    const other: ProvenSource = { ...source, root: `0x${'00'.repeat(32)}` }
    const judged = await judgeVerdict(read(files.weight), other)
    assert.match(judged.outcome === 'refused' ? judged.reason : '', /not the weights/)
  })

  test('is judged by the receipt’s own model', async () => {
    const { weights } = planted.weight
    const other = weights.slice()
    other[other.length - 1]! ^= 1
    for (const model of [other, weights.subarray(1), new Uint8Array()]) {
      const judged = await judgeVerdict(read(files.weight), model)
      assert.match(judged.outcome === 'refused' ? judged.reason : '', /not the weights/)
    }
  })

  test('a working of another job, of a stranger, or of a request with other biases convicts nobody', async () => {
    const [one, two] = [read(files.weight), read(files.covering)]
    const { weights } = planted.weight
    assert.equal((await judgeVerdict({ ...one, root: two.root }, weights)).outcome, 'refused')
    assert.equal((await judgeVerdict({ ...one, accusation: two.accusation }, weights)).outcome, 'refused')
    assert.equal((await judgeVerdict({ ...one, root: undefined }, weights)).outcome, 'refused')
    assert.equal((await play(await plantFault('nothing', biased))).outcome, 'agreed')
    const outcome = await play(await plantFault('weight', biased))
    assert.ok(outcome.outcome === 'guilty', outcome.outcome)
    const file = JSON.parse(JSON.stringify(verdictFileToJson(outcome.verdict)))
    const judged = await judgeVerdict(read(file), planted.weight.weights)
    assert.equal(judged.outcome, 'guilty')
    for (const changed of [{ presencePenalty: 0.5 }, { logitBias: [[7, 3]] }, { presencePenalty: undefined }]) {
      const other = { ...file, sampler: { ...file.sampler, ...changed } }
      const refused = await judgeVerdict(read(other), planted.weight.weights)
      assert.match(refused.outcome === 'refused' ? refused.reason : '', /the sampler is not the one/)
    }
  })

  test('of a choice under a schema tells what was asked for, and convicts of no other', async () => {
    const { weights } = planted.choice
    const file = read(files.choice)
    assert.ok(file.accusation.kind === 'choice' && file.request)
    // Both schemas begin alike; the third token is where they part.
    assert.deepEqual([file.finding.operator, file.finding.what, file.finding.element], ['sample', 'choice', 2])
    assert.deepEqual(file.request.shape, shape)
    assert.equal(JSON.stringify(files.choice).includes('Hello'), false)
    const reasonOf = async (change: Partial<VerdictFile>) => {
      const judged = await judgeVerdict({ ...file, ...change }, weights)
      return judged.outcome === 'refused' ? judged.reason : judged.outcome
    }
    const { accusation, request } = file
    const { said, step } = accusation
    assert.match(await reasonOf({ accusation: { ...accusation, said: said.toReversed() } }), /not in its place/)
    assert.match(await reasonOf({ accusation: { ...accusation, said: said.slice(1) } }), /not all tokens/)
    assert.match(await reasonOf({ accusation: { ...accusation, step: said[0]! } }), /not all tokens/)
    const logits = accusation.logits.with(0, accusation.logits[0]! ^ 1)
    assert.match(await reasonOf({ accusation: { ...accusation, logits } }), /not those committed to/)
    assert.match(await reasonOf({ accusation: { ...accusation, step: { ...step, token: 0 } } }), /not of the trace/)
    assert.match(await reasonOf({ request: { ...request, salt: request.request } }), /not the one of the receipt/)
    /** As if the provider had been asked for something else. */
    const askedFor = async (other: Partial<typeof shape>) => {
      const opened = { ...request, shape: { ...shape, ...other } }
      const hash = inputHash(shapedRequestHash(opened.request, opened.shape), opened.salt)
      const receipt = { ...file.receipt, inputHash: hash }
      return reasonOf({ receipt, signature: await signAgain(receipt), request: opened })
    }
    assert.match(await askedFor({ schema: shape.schema.replaceAll('"a"', '"b"') }), /the one that the mask leaves/)
    assert.match(await askedFor({ schema: '[]' }), /no mask: /)
    assert.match(await askedFor({ schema: '' }), /had no mask/)
    assert.match(await askedFor({ schema: '{"type":"integer"}' }), /one that the mask did not leave/)
    // With a schema, what is wrong before the choice is found as ever; who keeps to it has nothing to fear.
    assert.deepEqual(await play(await plantFault('nothing', biased, shape)), { outcome: 'agreed', questions: 0 })
    const changed = await play(await plantFault('weight', {}, shape))
    assert.ok(changed.outcome === 'guilty' && changed.finding.what === 'term')
    const unchosen = await play(await plantFault('token', {}, shape))
    assert.ok(unchosen.outcome === 'guilty' && unchosen.finding.what === 'token')
  })

  test('of an answer with an adapter shows as much of it as judging reads, by its root', async () => {
    const adapter = (await openAdapted()).adapter!
    const { weights } = planted.weight
    assert.deepEqual(await play(await plantFault('nothing', {}, undefined, adapter), adapter), {
      outcome: 'agreed',
      questions: 0,
    })
    const outcome = await play(await plantFault('adapter', {}, undefined, adapter), adapter)
    assert.ok(outcome.outcome === 'guilty', outcome.outcome)
    assert.deepEqual([outcome.finding.operator, outcome.finding.what], ['layer 1 ffn.residual', 'high'])
    const file = read(JSON.parse(JSON.stringify(verdictFileToJson(outcome.verdict))))
    assert.deepEqual(await judgeVerdict(file, weights), { outcome: 'guilty', finding: outcome.finding })
    const shown = file.adapter!
    const reasonOf = async (change: Partial<typeof shown>) => {
      const judged = await judgeVerdict({ ...file, adapter: { ...shown, ...change } }, weights)
      return judged.outcome === 'refused' ? judged.reason : judged.outcome
    }
    const [segment] = shown.segments
    const bytes = segment!.bytes.with(shown.sizeBytes - 1, 1)
    assert.match(await reasonOf({ segments: [{ ...segment!, bytes }] }), /not of its root/)
    assert.match(await reasonOf({ segments: [{ ...segment!, bytes: bytes.subarray(1) }] }), /another size/)
    assert.match(await reasonOf({ segments: [{ ...segment!, segment: 1 }] }), /another size/)
    assert.match(await reasonOf({ segments: [] }), /no adapter of the model/)
    assert.match(await reasonOf({ segmentRoots: shown.segmentRoots.with(0, 1) }), /not of its root/)
    assert.match(await reasonOf({ base: shown.root }), /no such adapter/)
    assert.match(await reasonOf({ root: shown.base }), /no such adapter/)
    const without = await judgeVerdict({ ...file, adapter: undefined }, weights)
    assert.match(without.outcome === 'refused' ? without.reason : '', /not the weights/)
    const changed = await play(await plantFault('weight', {}, undefined, adapter), adapter)
    assert.ok(changed.outcome === 'guilty' && changed.finding.what === 'term')
    const other = adapter.with(adapter.length - 1, 1)
    await assert.rejects(play(await plantFault('nothing', {}, undefined, adapter), other), /not the weights/)
    await assert.rejects(play(await plantFault('nothing', {}, undefined, adapter)), /not the weights/)
  })

  test('of a receipt that its provider did sign, but that promises no such run, convicts nobody', async () => {
    const file = read(files.operators)
    const judgeAs = async (change: Partial<VerdictFile['receipt']>) => {
      const receipt = { ...file.receipt, ...change }
      const judged = await judgeVerdict(
        { ...file, receipt, signature: await signAgain(receipt) },
        planted.weight.weights,
      )
      return judged.outcome === 'refused' ? judged.reason : judged.outcome
    }
    assert.equal(await judgeAs({}), 'guilty')
    assert.match(await judgeAs({ programId: file.receipt.modelRoot }), /another program/)
    assert.match(await judgeAs({ check: 0 }), /no answer that can be executed/)
    assert.match(await judgeAs({ completionTokens: 0n }), /no step/)
    assert.match(await judgeAs({ promptTokens: 1n << 40n }), /no step/)
    assert.match(await judgeAs({ promptTokens: 1n }), /not of the trace/)
  })

  test('of any other form is told from one', () => {
    for (const text of ['', '{', '[]', 'null', '{"version":1}', ' '.repeat(13 * 1024 * 1024)])
      assert.equal(parseVerdictFile(text).ok, false)
    const long = { ...(files.weight as object), more: 1 }
    assert.equal(parseVerdictFile(JSON.stringify(long)).ok, false)
  })
})
