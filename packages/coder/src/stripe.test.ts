/** What a holder of one row accepts and refuses, against liars who commit to whatever they like. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashTreePath, hashTreeRoot } from '@weightless/crypto'
import fc from 'fast-check'
import type { CodeShape } from './codeShape.ts'
import { challengeOf, combineRows } from './combineRows.ts'
import { invert, multiply } from './field.ts'
import { checkRow, codingRoot, decodeRows, encodeStripe, type StripeHeader, stripeCommitment } from './index.ts'
import { parityMatrix } from './parityMatrix.ts'
import { rowPosition, rowTree } from './rowTree.ts'

const shapes: readonly [number, number][] = [
  [4, 2],
  [16, 8],
  [1, 2],
  [3, 9],
  [10, 4],
  [5, 1],
]
const rowBytes = 1088

function makeRows({ dataRows }: CodeShape): Uint8Array[] {
  return Array.from({ length: dataRows }, (_, r) =>
    Uint8Array.from({ length: r === dataRows - 1 ? 256 : rowBytes }, (_, i) => (i * 7 + r * 31) ^ (i >> 3)),
  )
}

function codeOf(header: StripeHeader, row: number, data: Uint8Array, path: readonly Uint8Array[]): string {
  const verdict = checkRow(header, row, data, path)
  return verdict.ok ? 'ok' : verdict.code
}

describe('stripe', () => {
  for (const [dataRows, parityRows] of shapes) {
    const shape = { dataRows, parityRows }
    const data = makeRows(shape)
    const stripe = encodeStripe(shape, data, rowBytes)
    const all = [...data, ...stripe.parity]

    it(`of ${dataRows} + ${parityRows} accepts each of its rows where it stands, and none that differs in a bit`, () => {
      for (const [r, row] of all.entries()) {
        assert.equal(codeOf(stripe.header, r, row, stripe.rowPath(r)), 'ok')
        const elsewhere = (r + 1) % all.length
        assert.notEqual(codeOf(stripe.header, elsewhere, row, stripe.rowPath(elsewhere)), dataRows > 1 ? 'ok' : '')
        for (const bit of [0, 8 * row.length - 1, (r * 1013) % (8 * row.length)]) {
          const wrong = row.slice()
          wrong[bit >> 3]! ^= 1 << (bit & 7)
          assert.equal(codeOf(stripe.header, r, wrong, stripe.rowPath(r)), 'row-path-wrong')
        }
      }
    })

    it(`of ${dataRows} + ${parityRows} with one wrong row, all hashes made anew, refuses just what does not belong to the data`, () => {
      for (let wrong = 0; wrong < all.length; wrong++) {
        const liar = commitTo(shape, all, (rows) => {
          rows[wrong] = flip(rows[wrong]!)
        })
        // Data that is wrong from the start is other data: then it is the parity that does not belong to it.
        const refused = all.map((_, r) => codeOf(liar.header, r, liar.rows[r]!, liar.path(r)))
        const isParity = (r: number) => r >= dataRows
        assert.deepEqual(
          refused,
          all.map((_, r) => ((wrong < dataRows ? isParity(r) : r === wrong) ? 'row-combination-wrong' : 'ok')),
        )
      }
    })
  }

  it('whose combinations are bent until wrong parity passes refuses the data', () => {
    const shape = { dataRows: 4, parityRows: 2 }
    const data = makeRows(shape)
    const all = [...data, ...encodeStripe(shape, data, rowBytes).parity]
    const liar = commitTo(shape, all, (rows) => {
      rows[4] = flip(rows[4]!)
    })
    const factor = parityMatrix(shape)[0]![2]!
    const found = combineRows(challengeOf(shape, rowBytes, liar.header.rowRoot), [liar.rows[4], all[4]])
    const combinations = liar.header.combinations.slice()
    for (let i = 0; i < 16; i += 2) {
      const difference = (found[i]! ^ found[i + 16]!) | ((found[i + 1]! ^ found[i + 17]!) << 8)
      const bend = multiply(difference, invert(factor))
      combinations[32 + i]! ^= bend & 255
      combinations[33 + i]! ^= bend >> 8
    }
    const bent = { ...liar.header, combinations }
    const codes = liar.rows.map((row, r) => codeOf(bent, r, row, liar.path(r)))
    assert.deepEqual(codes, ['ok', 'ok', 'row-combination-wrong', 'ok', 'ok', 'row-combination-wrong'])
  })

  it('refuses whatever does not fit, without throwing', () => {
    const shape = { dataRows: 4, parityRows: 2 }
    const data = makeRows(shape)
    const { header, rowPath, parity } = encodeStripe(shape, data, rowBytes)
    const check = (changed: Partial<StripeHeader>) => codeOf({ ...header, ...changed }, 4, parity[0]!, rowPath(4))
    assert.equal(check({ dataRows: 0 }), 'header-malformed')
    assert.equal(check({ dataRows: 2 ** 40 }), 'header-malformed')
    assert.equal(check({ parityRows: -1 }), 'header-malformed')
    assert.equal(check({ rowBytes: 100 }), 'header-malformed')
    assert.equal(check({ rowRoot: new Uint8Array(31) }), 'header-malformed')
    assert.equal(check({ combinations: header.combinations.slice(1) }), 'header-malformed')
    assert.equal(check({ parityRows: 1 }), 'row-combination-wrong')
    assert.equal(check({ rowBytes: 1024 }), 'row-malformed')
    assert.equal(check({ rowBytes: 1152 }), 'row-path-wrong')
    for (const row of [-1, 6, 1.5, Number.NaN]) {
      assert.equal(codeOf(header, row, parity[0]!, rowPath(4)), 'row-malformed')
    }
    for (const path of [
      [],
      rowPath(4).slice(1),
      [...rowPath(4), new Uint8Array(32)],
      rowPath(4).map(() => new Uint8Array(31)),
    ]) {
      assert.equal(codeOf(header, 4, parity[0]!, path), 'row-path-wrong')
    }
  })

  it('commits to all of its header and to the order of stripes', () => {
    const { header } = encodeStripe({ dataRows: 4, parityRows: 2 }, makeRows({ dataRows: 4, parityRows: 2 }), rowBytes)
    const commitment = stripeCommitment(header)
    fc.assert(
      fc.property(fc.nat({ max: 95 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const rowRoot = header.rowRoot.slice()
        const combinations = header.combinations.slice()
        if (at < 32) rowRoot[at]! ^= change
        else combinations[at - 32]! ^= change
        assert.notDeepEqual(stripeCommitment({ ...header, rowRoot, combinations }), commitment)
      }),
    )
    const others = [1, 2, 3].map((byte) => commitment.map((b) => b ^ byte))
    assert.notDeepEqual(codingRoot(others), codingRoot([others[1]!, others[0]!, others[2]!]))
    assert.notDeepEqual(codingRoot([commitment]), commitment)
    assert.notDeepEqual(codingRoot(others.slice(0, 2)), codingRoot(others))
  })

  it('comes back from the rows that were accepted', () => {
    const shape = { dataRows: 4, parityRows: 2 }
    const data = makeRows(shape)
    const { header, rowPath, parity } = encodeStripe(shape, data, rowBytes)
    const arrived = [...data, ...parity].map((row, r) => (r === 2 ? flip(row) : r === 0 ? undefined : row))
    const good = arrived.map((row, r) => (row && checkRow(header, r, row, rowPath(r)).ok ? row : undefined))
    assert.deepEqual(decodeRows(shape, good, rowBytes, [0, 2]), [data[0], data[2]])
  })
})

function flip(row: Uint8Array): Uint8Array {
  return row.map((byte, i) => (i === 77 ? byte ^ 4 : byte))
}

/** A liar's stripe: any rows, with a tree and combinations of the data that fit them. */
function commitTo(shape: CodeShape, honest: readonly Uint8Array[], tamper: (rows: Uint8Array[]) => void) {
  const rows = [...honest]
  tamper(rows)
  const data = rows.slice(0, shape.dataRows)
  const tree = rowTree(shape, data, rows.slice(shape.dataRows), rowBytes)
  const rowRoot = hashTreeRoot(tree)
  const combinations = combineRows(challengeOf(shape, rowBytes, rowRoot), data)
  const header: StripeHeader = { ...shape, rowBytes, rowRoot, combinations }
  return { rows, header, path: (row: number) => hashTreePath(tree, rowPosition(shape, row)) }
}
