import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkRow, codingRoot, decodeRows, encodeStripe, stripeCommitment, TooFewRowsError } from './index.ts'

const rowBytes = 1024
const shape = { dataRows: 4, parityRows: 2 }
const rows = Array.from({ length: 4 }, (_, r) =>
  Uint8Array.from({ length: r === 3 ? 256 : rowBytes }, (_, i) => (i * 7 + r * 31) ^ (i >> 3)),
)
const stripe = encodeStripe(shape, rows, rowBytes)
const all = [...rows, ...stripe.parity]
const pathOf = (row: number) => stripe.rowPath(row)

describe('stripe', () => {
  it('accepts each of its rows and no other', () => {
    for (const [r, row] of all.entries()) {
      assert.equal(checkRow(stripe.header, r, row, pathOf(r)).ok, true)
      assert.equal(checkRow(stripe.header, (r + 1) % 6, row, pathOf(r)).ok, false)
      const wrong = row.slice()
      wrong[r]! ^= 1
      const verdict = checkRow(stripe.header, r, wrong, pathOf(r))
      assert.equal(!verdict.ok && verdict.code, 'row-path-wrong')
    }
  })

  it('refuses parity that was made wrong on purpose, by the row alone', () => {
    for (const r of [0, 4, 5]) {
      const combinations = stripe.header.combinations.slice()
      combinations[16 * (r % 4)]! ^= 1
      const verdict = checkRow({ ...stripe.header, combinations }, r, all[r]!, pathOf(r))
      assert.equal(!verdict.ok && verdict.code, 'row-combination-wrong')
    }
  })

  it('commits to all of the header', () => {
    const other = stripe.header.combinations.slice()
    other[5]! ^= 1
    assert.notDeepEqual(stripeCommitment({ ...stripe.header, combinations: other }), stripeCommitment(stripe.header))
    assert.equal(codingRoot([stripeCommitment(stripe.header)]).length, 32)
  })

  it('comes back from any four rows', () => {
    const padded = all.map((row) =>
      Object.assign(new Uint8Array(rowBytes), [])
        .fill(0)
        .map((_, i) => row[i] ?? 0),
    )
    for (let a = 0; a < 6; a++) {
      for (let b = 0; b < a; b++) {
        const given = all.map((row, r) => (r === a || r === b ? undefined : row))
        assert.deepEqual(decodeRows(shape, given, rowBytes, [a, b]), [padded[a], padded[b]])
      }
    }
    assert.throws(() => decodeRows(shape, all.slice(0, 3), rowBytes, [4]), TooFewRowsError)
  })
})
