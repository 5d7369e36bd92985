/** A falling loss is drawn falling, however many points there are, and a flat one draws no nonsense. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawLoss } from './drawLoss.ts'

test('the picture has the extremes as labels, the first column full and the last low', () => {
  const lines = drawLoss(Array.from({ length: 500 }, (_, step) => 4 * Math.exp(-step / 100)))
  assert.equal(lines.length, 8)
  const cells = lines.map((line) => line.split('│')[1]!)
  assert.equal(cells[0]!.length, 60)
  assert.ok(cells.every((line) => line.startsWith('█')))
  assert.ok(cells.slice(0, 7).every((line) => line.endsWith(' ')))
  assert.match(lines[0]!, /^ +3\.\d{3} /)
})

test('equal losses and a single one', () => {
  for (const losses of [[1, 1, 1], [2]]) {
    const lines = drawLoss(losses)
    assert.equal(lines[0]!.includes('NaN'), false)
    assert.equal(lines.at(-1)!.split('│')[1]!.length, losses.length)
  }
})
