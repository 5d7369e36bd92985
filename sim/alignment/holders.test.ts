/** Audits of storage nodes that lost a share of what they signed for, or lie; ten times the audits with WEIGHTLESS_HEAVY=1. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesToHex } from '../../packages/codec/src/index.ts'
import { type SprtState, sprtStart } from '../../packages/compute/src/audit/sprt.ts'
import {
  auditHolder,
  type HolderTools,
  holdingPlan,
  readingsMin,
} from '../../packages/compute/src/audit/storage/auditHolder.ts'
import type { SignedRow } from '../../packages/compute/src/audit/storage/drawFragment.ts'
import { findingOf } from '../../packages/contracts/src/drawTargets.ts'
import { ed25519PublicKey, fileTree } from '../../packages/crypto/src/index.ts'
import '../../packages/env/src/node/installEd25519.ts'
import { codeFile } from '../../packages/storage/src/testing/codedFile.ts'
import { encodeFragmentFrame, signPlacement, signShown } from '../../packages/storage/src/wire/index.ts'
import { createRandom, hashOf } from './playRounds.ts'

const audits = process.env.WEIGHTLESS_HEAVY === '1' ? 3_000 : 200
const [chainId, secretKey] = [31337, new Uint8Array(32).fill(3)]
const id = bytesToHex(ed25519PublicKey(secretKey))
const other = bytesToHex(ed25519PublicKey(new Uint8Array(32).fill(4)))

/** Forty small files of one fragment each, with what an honest node and a lying one answer. */
const held = Array.from({ length: 40 }, (_, at) => {
  const bytes = new Uint8Array(300).fill(at + 1)
  const tree = fileTree(bytes)
  const coded = codeFile(bytes, tree, { dataRows: 1, parityRows: 1 })
  const placement = coded.placement([id, other], chainId)
  const signatures = [signPlacement(placement, secretKey), signPlacement(placement, new Uint8Array(32).fill(4))]
  const row: SignedRow = { placement: { ...placement, signatures }, row: 0, fragments: 1 }
  const frame = encodeFragmentFrame(coded.fragment(0, 0)!)
  const name = { chainId, root: placement.root, sizeBytes: placement.sizeBytes, dataRows: 1, row: 0, stripe: 0 }
  const lie = frame.with(frame.length - 1, frame.at(-1)! ^ 1)
  const answerOf = (shown: Uint8Array) => ({
    kind: 'frame' as const,
    frame: shown,
    signature: signShown(name, shown, secretKey),
  })
  return { row, right: answerOf(frame), lie: answerOf(lie) }
})

type Answer = 'right' | 'lie' | 'nothing'
type Played = { faulty: number; clean: number; decidedClean: number; readings: number }

/** Goes on over rounds as an auditor does. */
async function playAudits(seed: number, answer: (file: number, random: () => number) => Answer): Promise<Played> {
  const played = { faulty: 0, clean: 0, decidedClean: 0, readings: 0 }
  let before: SprtState = sprtStart
  for (let round = 0; round < audits; round++) {
    const random = createRandom(seed, round)
    const tools: HolderTools = {
      listRows: async () => held.map(({ row }) => row),
      async read(_, { placement }) {
        played.readings++
        const at = held.findIndex(({ row }) => row.placement.root === placement.root)
        const kind = answer(at, random)
        return kind === 'nothing' ? { kind, detail: 'lost' } : held[at]![kind]
      },
      isReplaced: async () => false,
    }
    const { found, after } = await auditHolder(
      tools,
      { id, beta: hashOf(seed, 7, round), before },
      new AbortController().signal,
    )
    before = after
    if (found.finding === findingOf.faulty) played.faulty++
    else {
      assert.equal(found.finding, findingOf.clean)
      played.clean++
      if (after === sprtStart) played.decidedClean++
    }
  }
  return played
}

const sigmas = (rate: number, count: number): number => 3 * Math.sqrt(rate * (1 - rate) * count)

describe('Audits of storage nodes', () => {
  it('call one faulty that lacks as little as an honest one may no more often than stated', async () => {
    const { faulty, clean } = await playAudits(1, (_, random) => (random() < holdingPlan.honest ? 'nothing' : 'right'))
    const stated = holdingPlan.alpha / (1 - holdingPlan.beta)
    assert.ok(faulty <= stated * audits + sigmas(stated, audits), `${faulty} of ${audits}`)
    assert.ok(clean > 0)
  })

  it('find one that lost a third, and call it clean no more often than stated', async () => {
    const lost = (file: number): Answer => (file % 3 === 0 ? 'nothing' : 'right')
    const { faulty, decidedClean } = await playAudits(2, lost)
    const stated = holdingPlan.beta / (1 - holdingPlan.alpha)
    const tests = faulty + decidedClean
    assert.ok(decidedClean <= stated * tests + sigmas(stated, tests), `${decidedClean} of ${tests}`)
    assert.ok(faulty > audits / 3, `${faulty} of ${audits}`)
  })

  it('find one that lost all with three readings', async () => {
    const { faulty, readings } = await playAudits(3, () => 'nothing')
    assert.equal(faulty, audits)
    assert.equal(readings, 3 * audits)
  })

  it('find one that signs a tenth of its fragments wrongly as often as the draw says, each time with proof', async () => {
    const { faulty } = await playAudits(4, (file) => (file % 10 === 0 ? 'lie' : 'right'))
    // Eight readings are made where nothing is missing; the first lie ends them.
    const chance = 1 - 0.9 ** readingsMin
    assert.ok(Math.abs(faulty - chance * audits) <= sigmas(chance, audits), `${faulty} of ${audits}`)
  })
})
