/** The rules by which a holder goes on from one placement to the next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { ed25519PublicKey } from '@weightless/crypto'
import { type SignedPlacement, supersedes } from '../wire/index.ts'
import { basisOf, weighShown, weighStep } from './weighPlacement.ts'

const ids = Array.from({ length: 12 }, (_, i) => bytesToHex(ed25519PublicKey(new Uint8Array(32).fill(i + 1))))
const signature: Hex = `0x${'5'.repeat(128)}`
const base = { chainId: 1, root: ids[0]!, sizeBytes: 9, dataRows: 4, parityRows: 2, codingRoot: ids[1]! }

function placed(version: number, nodes: readonly number[], unsigned: readonly number[] = []): SignedPlacement {
  const signatures = nodes.map((node) => (unsigned.includes(node) ? null : signature))
  return { ...base, version, holders: nodes.map((node) => ids[node]!), signatures }
}

const six = [0, 1, 2, 3, 4, 5]
const heir = [6, 1, 2, 3, 4, 5]
const codeOf = (verdict: { ok: boolean; code?: string }) => (verdict.ok ? 'ok' : verdict.code)

test('a step goes one version on, to other holders', () => {
  const known = placed(3, six)
  assert.deepEqual(weighStep(placed(1, six), undefined), { ok: true, value: { kind: 'next', changed: [] } })
  assert.equal(codeOf(weighStep(placed(2, six), undefined)), 'version-gap')
  assert.deepEqual(weighStep(placed(3, six), known), { ok: true, value: { kind: 'again' } })
  assert.deepEqual(weighStep(placed(4, heir), known), { ok: true, value: { kind: 'next', changed: [0] } })
  assert.equal(codeOf(weighStep(placed(3, heir), known)), 'version-old')
  assert.equal(codeOf(weighStep(placed(5, heir), known)), 'version-gap')
  assert.equal(codeOf(weighStep(placed(4, six), known)), 'placement-same')
  const recoded = { ...placed(4, heir), codingRoot: ids[7]! }
  assert.deepEqual(weighStep(recoded, known), { ok: true, value: { kind: 'next', changed: six } })
})

test('what is shown beside a proposal counts where this node, or k that stay, have signed it', () => {
  const known = placed(1, six)
  const shown = placed(7, heir)
  const next = placed(8, [6, 7, 2, 3, 4, 5])
  assert.deepEqual(basisOf(ids[5]!, next, known, shown), shown)
  assert.equal(basisOf(ids[5]!, next, known, placed(7, [6, 7, 8, 9, 10, 5], [5])), known)
  assert.deepEqual(basisOf(ids[7]!, next, undefined, shown), shown)
  assert.equal(basisOf(ids[7]!, next, undefined, placed(7, [6, 8, 9, 10, 4, 5])), undefined)
  assert.equal(basisOf(ids[5]!, next, known, placed(7, heir, [1, 2])), known)
  assert.equal(basisOf(ids[5]!, next, known, { ...shown, sizeBytes: 8 }), known)
})

test('of two next versions that were signed at once all nodes keep the same one', () => {
  const [one, other] = [placed(2, heir, [6]), placed(2, [7, 1, 2, 3, 4, 5], [7])]
  assert.notEqual(supersedes(one, other), supersedes(other, one))
  const [winner, loser] = supersedes(one, other) ? [one, other] : [other, one]
  assert.equal(codeOf(weighShown(ids[1]!, loser, winner)), 'version-old')
  assert.equal(codeOf(weighShown(ids[1]!, winner, loser)), 'ok')
  const final = { ...loser, signatures: loser.signatures.map(() => signature) }
  assert.equal(codeOf(weighShown(ids[1]!, final, winner)), 'ok')
  assert.equal(supersedes(final, winner), true)
  assert.equal(supersedes(placed(3, six, [0]), final), true)
})
