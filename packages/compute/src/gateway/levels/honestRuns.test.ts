/**
 * Honest providers are never found wrong: drawn chats, alone and in batches, each answered, executed again, compared with a
 * second provider's answer, and disputed by an accuser who is mistaken at a drawn place and by one who accuses a right number.
 * With WEIGHTLESS_HEAVY=1 10,000 on the small model and 20 on SmolLM2 (an hour of one processor).
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { accuse, commitJob, createDefender, executeJob, judge, planStep } from '@weightless/dispute'
import { changeExecution } from '@weightless/dispute/execution/changedExecution.cases'
import { accuseFalsely } from '@weightless/dispute/referee/falseAccusation.cases'
import { seeded } from '@weightless/dispute/referee/probeJob.cases'
import { type Bundle, type ChatOpening, compareAnswers, verifyWithModel } from '@weightless/receipt'
import { type AskedChat, jobOf, signChat } from '@weightless/receipt/signedChat.cases'
import { bytesSource, type ChatRun, createChatBatch, loadModel, type Model, runChat } from '@weightless/tensor'
import { smolLm2 } from '@weightless/tensor/weights.cases'
import { drawPrompt } from '../../audit/drawPrompts.ts'

const isHeavy = process.env.WEIGHTLESS_HEAVY === '1'
const bard = new URL('../../../../tensor/models/weightless-bard-1m.gguf', import.meta.url)
const together = 6

type Served = { model: Model; root: Hex; bytes: Uint8Array }

async function serve(bytes: Uint8Array): Promise<Served> {
  return { model: await loadModel(bytes.slice()), root: bytesToHex(fileRoot(bytes)), bytes }
}

/** Prompts as people ask, under any sampler; a fourth of them greedy. */
function drawChat(number: number): AskedChat {
  const random = seeded(`honest run ${number}`)
  const { messages } = drawPrompt(`0x${'3c'.repeat(32)}`, `0x${'d0'.repeat(32)}`, number, 0)
  const temperature = random() < 0.25 ? 0 : Math.round(20 + 130 * random()) / 100
  const topP = random() < 0.5 ? 1 : Math.round(20 + 80 * random()) / 100
  return { number, messages, sampler: { temperature, topP, maxTokens: 1 + Math.floor(8 * random()) } }
}

/** Among others, which come and go while it is answered. */
async function answerTogether({ model }: Served, chats: readonly AskedChat[]): Promise<ChatRun[]> {
  const limits = { sessionsMax: together - 1, positionsMax: 4_096, waitingMax: together }
  const batch = createChatBatch(model, limits)
  const seats = chats.map((asked) => batch.add(jobOf(asked), { trace: 'operators' }))
  while (batch.step());
  return Promise.all(seats.map(({ result }) => result))
}

async function checkRun(served: Served, asked: AskedChat, made: ChatRun): Promise<void> {
  const { model, root } = served
  const label = JSON.stringify(asked)
  const bundle = await signChat(model, root, asked, made)
  const verdict = await verifyWithModel(bundle, model)
  assert.ok(verdict.accepted && verdict.reExecuted, `${label}: ${JSON.stringify(verdict)}`)
  const alone = await runChat(model, jobOf(asked), { trace: 'operators' })
  assert.equal(compareAnswers(bundle, await signChat(model, root, asked, alone)), undefined, label)
  await disputeRun(served, bundle)
}

/** The provider defends what its receipt says by executing it again. */
async function disputeRun({ model, bytes }: Served, { opening, receipt }: Bundle<ChatOpening>): Promise<void> {
  const { seed, traceRoot, jobNonce } = receipt
  const { job, tokens } = commitJob(model, { ...opening, seed, traceRoot })
  const own = await executeJob(model, job, tokens, bytesSource(bytes))
  const random = seeded(`dispute ${jobNonce}`)
  const position = Math.floor(random() * tokens.length)
  const operator = Math.floor((random() * own.operators[position]!.length) / 32)
  const plan = planStep(job, operator, position, tokens[position]!)
  const working = await own.work(plan)
  const honest = { ...own, job, work: async () => working }
  const defender = createDefender(honest)
  assert.deepEqual(await accuse(job, own, defender), { found: 'nothing' })
  const table = Math.floor(random() * plan.tables.length)
  const word = Math.floor(random() * plan.tables[table]!.words)
  const place = { position, operator, table, word, flip: 1 << Math.floor(random() * 16) }
  const file = (from: number, count: number) => bytes.subarray(from, from + count)
  const label = JSON.stringify({ jobNonce: Number(jobNonce), place })
  for (const finding of await accuseFalsely(job, honest, file, place)) assert.ok(!finding.guilty, label)
  const mistaken = changeExecution(own, [place], working, file)
  if (mistaken === undefined) return
  const accused = await accuse(job, mistaken, defender)
  // Who misread an input has nothing to show.
  if (accused.found === 'unshown') return
  assert.ok(accused.found === 'accusation', `${label}: ${accused.found}`)
  const finding = judge(job, accused.accusation, { file, workingRoot: accused.workingRoot })
  assert.ok(!finding.guilty, label)
}

async function runAll(served: Served, from: number, count: number): Promise<number> {
  const random = seeded(`groups from ${from}`)
  let batched = 0
  for (let at = from; at < from + count; ) {
    const size = Math.min(from + count - at, 1 + Math.floor(random() * together))
    const chats = Array.from({ length: size }, (_, i) => drawChat(at + i))
    const runs =
      size > 1
        ? await answerTogether(served, chats)
        : [await runChat(served.model, jobOf(chats[0]!), { trace: 'operators' })]
    if (size > 1) batched += size
    for (const [i, asked] of chats.entries()) await checkRun(served, asked, runs[i]!)
    at += size
  }
  return batched
}

describe('an honest provider is never found wrong', () => {
  const [parts, runs] = isHeavy ? [20, 500] : [1, 8]
  for (let part = 0; part < parts; part++) {
    test(`runs ${part * runs} to ${(part + 1) * runs} of Weightless Bard 1M`, async (t) => {
      const served = await serve(new Uint8Array(readFileSync(bard)))
      t.diagnostic(`${await runAll(served, part * runs, runs)} in batches`)
    })
  }

  test('runs of SmolLM2', smolLm2.options, async () => {
    await runAll(await serve(smolLm2.bytes()), 0, isHeavy ? 20 : 1)
  })
})
