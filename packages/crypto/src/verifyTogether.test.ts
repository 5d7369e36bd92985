import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { nistPublicKey, nistSign, nistVerify } from './nistEcdsa.ts'
import { type LateVerifier, verifyTogether } from './verifyTogether.ts'

const secret = new Uint8Array(32).fill(3)
const key = nistPublicKey('P-256', secret)
const messages = ['one', 'two', 'three'].map(textToBytes)
const signatures = messages.map((message) => nistSign('P-256', message, secret))

/** Stops at the first wrong one, as verifiers do. @param order - which signature stands with which message */
const checkAll = (order: readonly number[]) => () =>
  order.findIndex((from, i) => !nistVerify('P-256', signatures[from]!, messages[i]!, key))

describe('signatures that are verified together', () => {
  const late: LateVerifier = async (...question) => nistVerify(...question)

  test('give what the same work gives alone, and nothing is believed that was not verified', async () => {
    for (const order of [
      [0, 1, 2],
      [1, 1, 2],
      [0, 0, 2],
      [0, 1, 0],
    ]) {
      assert.equal(await verifyTogether(late, checkAll(order)), checkAll(order)())
    }
    assert.equal(await verifyTogether(async () => false, checkAll([0, 1, 2])), 0)
  })

  test('are asked for once each, all before the first answer', async () => {
    let asked = 0
    let release: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const work = verifyTogether(
      async () => {
        asked++
        await gate
        return true
      },
      checkAll([0, 1, 2]),
    )
    assert.equal(asked, 3)
    release()
    assert.equal(await work, -1)
    assert.equal(asked, 3)
  })

  test('work that asks something else the second time is answered by the engine', async () => {
    let runs = 0
    const fickle = () => checkAll(runs++ === 0 ? [0, 1, 2] : [1, 1, 2])()
    assert.equal(await verifyTogether(async () => true, fickle), 0)
  })

  test('more than are gathered, and work that fails', async () => {
    const many = () =>
      Array.from({ length: 70 }, () => nistVerify('P-256', signatures[0]!, messages[1]!, key)).every(Boolean)
    assert.equal(await verifyTogether(async () => true, many), false)
    await assert.rejects(
      verifyTogether(late, () => {
        throw new Error('no')
      }),
      /no/,
    )
    assert.ok(nistVerify('P-256', signatures[0]!, messages[0]!, key))
    assert.equal(nistVerify('P-256', signatures[0]!, messages[1]!, key), false)
  })
})
