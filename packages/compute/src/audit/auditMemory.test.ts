/** An auditor whose machine dies at any write of its disk finds the same as one that goes on, and keeps no more than it needs. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { bytesToHex, type Hex, uintToBytes } from '@weightless/codec'
import { findingOf, targetKind } from '@weightless/contracts/drawTargets'
import { ed25519PublicKey, fileTree, keccak256 } from '@weightless/crypto'
import type { Disk, Env } from '@weightless/env'
import { createSim, type Sim } from '@weightless/env/sim'
import { type Bundle, readBundle } from '@weightless/receipt'
import { codeFile } from '@weightless/storage/testing/codedFile'
import { signPlacement } from '@weightless/storage/wire'
import type { AuditChain } from './auditChain.ts'
import { type AuditMemory, evidencesMax, openAuditMemory } from './auditMemory.ts'
import type { AuditorOptions } from './auditorOptions.ts'
import { exactTest } from './auditTarget.ts'
import { drawNumber } from './drawNumber.ts'
import type { Outcome } from './evidence.ts'
import { makeReport } from './makeReport.ts'
import { createSettler } from './settleRounds.ts'

const auditor: Hex = `0x${'aa'.repeat(20)}`
const holderKey = new Uint8Array(32).fill(3)
const secret = new Uint8Array(32).fill(9)
const seedOf = (round: bigint): Hex => bytesToHex(keccak256(uintToBytes(round, 8)))
const always = { fromRound: 0n, untilRound: 0n, juryRound: 0n }
const targets = [
  { id: `0x${'00'.repeat(12)}${'22'.repeat(20)}` as Hex, kind: targetKind.inference, ...always },
  { id: bytesToHex(ed25519PublicKey(holderKey)), kind: targetKind.storage, ...always },
  { id: `0x${'44'.repeat(32)}` as Hex, kind: targetKind.chain, ...always },
]
/** Of a file of one segment that it holds alone. */
const bytes = new Uint8Array(300).fill(1)
const placement = codeFile(bytes, fileTree(bytes), { dataRows: 1, parityRows: 1 }).placement(
  [targets[1]!.id, seedOf(8n)],
  1,
)
const signed = { ...placement, signatures: [signPlacement(placement, holderKey), null] }
const chain = { rules: { auditorsPerTarget: 2n }, targets: async () => targets } as unknown as AuditChain

const { bundle: sample } = (
  JSON.parse(readFileSync(new URL('../../../../vectors/receipt/receipts.json', import.meta.url), 'utf8')) as {
    vectors: { bundle: { receipt: object } }[]
  }
).vectors[0]!

function bundleOf(jobNonce: bigint): Bundle {
  const read = readBundle({ ...sample, receipt: { ...sample.receipt, jobNonce: String(jobNonce) } })
  assert.ok(read.ok)
  return read.value
}

/** What a question is answered with follows from the question alone; some answers are right, some wrong, some missing. */
function optionsOf(env: Env, asked: string[]): AuditorOptions {
  const drawn = (what: string) => bytesToHex(keccak256(new TextEncoder().encode(what)))
  const isBad = (what: string) => drawNumber(drawn(what), targets[0]!.id, 'bad', 0) % 3n === 0n
  return {
    ...{ env, secret, disk: env.disk, ledger: { address: auditor } },
    tools: {
      ...{ env, pace: { requestsMin: 2, requestsMax: 5, meanGapMs: 100 } },
      async ask(_: Hex, prompt: { messages: readonly { content: string }[] }) {
        const what = `answer ${JSON.stringify(prompt.messages)}`
        asked.push(what)
        return bundleOf(BigInt(drawn(what)) >> 8n)
      },
      judge: async ({ receipt }: Bundle) =>
        isBad(String(receipt.jobNonce))
          ? { verdict: 'wrong', detail: 'layer 2' }
          : { verdict: 'right', reExecuted: true },
    },
    holders: {
      listRows: async () => [{ placement: signed, row: 0, fragments: 900 }],
      async read(_: Hex, __: unknown, stripe: number) {
        asked.push(`fragment ${stripe}`)
        return isBad(`fragment ${stripe}`) ? { kind: 'nothing', detail: 'lost' } : { kind: 'silent', detail: 'away' }
      },
      isReplaced: async () => false,
    },
    chainNodes: {
      ...{ env, meanGapMs: 100 },
      own: viewOf(() => true),
      viewOf: () => viewOf((number) => !isBad(`block ${number}`)),
    },
  } as unknown as AuditorOptions
}

const viewOf = (isRight: (number: bigint) => boolean) => ({
  chainId: async () => 1,
  head: async () => ({ number: 5_000n, timestampSeconds: 10n ** 12n }),
  blockHash: async (number: bigint) => seedOf(isRight(number) ? number : 0n),
})

const report = (env: Env, memory: AuditMemory, round: bigint, asked: string[], signal = new AbortController().signal) =>
  makeReport(
    { options: optionsOf(env, asked), chain, memory },
    { round, seed: seedOf(round), licences: 1n, allLicences: 1n, signal },
  )

/** Plays rounds on one host, which dies at the changes of its disk that `crashAt` names. */
async function play(sim: Sim, rounds: number, crashAt: () => number, asked: string[]) {
  const said: { findings: Hex; evidence: Hex }[] = []
  for (let life = 0; said.length < rounds; life++) {
    assert.ok(life < 2_000)
    const env = sim.boot('a')
    sim.disk('a').crashAtChange(crashAt())
    const work = (async () => {
      const memory = await openAuditMemory(env.disk)
      while (said.length < rounds) {
        const { findings, evidence } = await report(env, memory, BigInt(said.length + 1), asked)
        assert.ok(await memory.evidence(BigInt(said.length + 1)))
        said.push({ findings, evidence })
      }
    })()
    await sim.run(Promise.race([work, sim.whenDown('a')]))
    sim.crash('a')
    sim.disk('a').crashAtChange(0)
  }
  return said
}

const rounds = 6

describe('What an auditor knows', () => {
  it('is the same wherever its machine dies: same findings, same evidence, nothing asked twice that was kept', async () => {
    const asked: string[] = []
    const calm = await play(createSim({ seed: 1 }), rounds, () => 0, asked)
    const found = calm.flatMap(({ findings }) => [...Buffer.from(findings.slice(2), 'hex')])
    for (const finding of [findingOf.clean, findingOf.faulty]) assert.ok(found.includes(finding))
    for (const every of [1, 2, 3, 7]) {
      const again: string[] = []
      let deaths = 0
      const sim = createSim({ seed: every })
      sim.faults.sectorLossChance = 0.3
      // Later and later, so that it comes to an end.
      const crashed = await play(sim, rounds, () => every + deaths++, again)
      assert.deepEqual(crashed, calm, `every ${every}`)
      assert.ok(deaths > 3)
      assert.ok(again.length <= asked.length + 3 * deaths, `${again.length} of ${asked.length} after ${deaths}`)
    }
  })

  it('takes over what it saw in a round that ended without a report, and asks on whom that found faulty', async () => {
    const sim = createSim({ seed: 2 })
    const env = sim.boot('a')
    await sim.run(
      (async () => {
        const target = { id: targets[0]!.id, kind: targets[0]!.kind }
        const wrong = (index: number): Outcome => ({ index, verdict: 'wrong', detail: 'layer 2' })
        const memory = await openAuditMemory(env.disk)
        const keep = (round: bigint, index: number) => {
          const drawn = { round, beta: seedOf(round), auditor }
          return memory.keepOutcome(drawn, { ...target, finding: findingOf.skipped }, wrong(index))
        }
        await keep(1n, 0)
        assert.equal(memory.seenOf(target, seedOf(1n)).outcomes.length, 1)
        assert.equal(memory.seenOf(target, seedOf(2n)).outcomes.length, 0)
        await memory.takeOver(seedOf(1n), targets)
        assert.equal(memory.testOf(target).samples, 0)
        for (const _ of [1, 2]) await memory.takeOver(seedOf(2n), targets)
        const once = exactTest.observe({ ratio: 0, samples: 0 }, true)
        assert.deepEqual(memory.testOf(target), once)
        assert.equal(memory.isSuspect(target), false)
        await keep(2n, 3)
        await memory.takeOver(seedOf(3n), targets)
        assert.equal(memory.testOf(target).samples, 0)
        assert.equal(memory.isSuspect(target), true)
      })(),
    )
  })

  it('is left in the middle of a round without a report, which then comes to be as if it had not been left', async () => {
    const asked: string[] = []
    const calm = await play(createSim({ seed: 1 }), 1, () => 0, asked)
    const sim = createSim({ seed: 1 })
    const env = sim.boot('a')
    await sim.run(
      (async () => {
        const memory = await openAuditMemory(env.disk)
        const stop = new AbortController()
        const begun: string[] = []
        const making = report(env, memory, 1n, begun, stop.signal)
        while (begun.length < 2) await env.clock.sleep(10)
        stop.abort('left')
        await assert.rejects(making, { code: 'compute/audit-left' })
        await memory.close()
        const { findings, evidence } = await report(env, await openAuditMemory(env.disk), 1n, [])
        assert.deepEqual({ findings, evidence }, calm[0])
      })(),
    )
  })

  it('is bounded: the evidence of its last rounds, and nothing of targets that were seen', async () => {
    const sim = createSim({ seed: 3 })
    const env = sim.boot('a')
    await sim.run(
      (async () => {
        const memory = await openAuditMemory(env.disk)
        for (let round = 1n; round <= BigInt(evidencesMax + 6); round++) {
          await memory.finish({ round, seed: auditor, findings: '0x', evidence: auditor }, new Uint8Array(9), [], true)
        }
        assert.equal((await env.disk.list('evidence')).length, evidencesMax)
        assert.equal(await memory.evidence(6n), undefined)
        assert.ok(await memory.evidence(7n))
        assert.equal(memory.unpublished(), BigInt(evidencesMax + 6))
      })(),
    )
  })

  it('has the cases that it waits for: one that is contested is carried out by an auditor that was restarted', async () => {
    const sim = createSim({ seed: 4 })
    const env = sim.boot('a')
    const carried: Hex[] = []
    let state = 'contested'
    const courts = {
      rules: { openSeconds: 1n },
      roundOf: async () => ({ licences: 1n }),
      targets: async () => [targets[0]!],
      tallyOf: async () => ({ isSettled: true, outcome: 2 }),
      enrolledAt: async () => [],
      caseOf: async () => ({ state, readyAt: 0n }),
      carryOut: async (id: Hex) => void carried.push(id),
    } as unknown as AuditChain
    const settleOn = async (disk: Disk, round: bigint) => {
      const memory = await openAuditMemory(disk)
      await createSettler(courts, memory, env)({ round, second: 90 }, 5n, 0)
      await memory.close()
      return memory.cases()
    }
    await sim.run(
      (async () => {
        assert.equal((await settleOn(env.disk, 1n)).length, 1)
        state = 'upheld'
        // The round is so long ago that nothing of it is looked at any more.
        courts.roundOf = async () => ({ seedBlock: 0n, licences: 0n, seed: auditor })
        assert.equal((await settleOn(env.disk, 40n)).length, 0)
        assert.equal(carried.length, 1)
      })(),
    )
  })
})
