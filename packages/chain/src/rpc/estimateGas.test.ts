/** Estimates for contracts that do work once in so many blocks: the flow closes epochs. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Hex, hexToBigInt, numberToHex } from 'viem'
import { clientsOf, openTestChain, strangers, type TestChain, testAccounts } from '../testing/openTestChain.ts'

let chain: TestChain
describe('estimates of gas', () => {
  before(async () => {
    chain = await openTestChain()
    await clientsOf(chain).helper.mine({ blocks: 3 })
  })
  after(() => chain.close())

  /** Of a contract that keeps the hash of a block as soon as there is a later one. @throws {Error} the node's */
  async function estimate(border: bigint, block?: string): Promise<bigint> {
    const word = numberToHex(border, { size: 2 }).slice(2)
    // PUSH2 border, NUMBER, GT, PUSH1 9, JUMPI, STOP, JUMPDEST, PUSH2 border, BLOCKHASH, PUSH1 0, SSTORE
    const code = `0x61${word}4311600957005b61${word}40600055`
    const to = strangers[0]!.address
    const call = { from: testAccounts[0]!.address, to, data: '0x01' }
    const { result, error } = await chain.rpc('eth_estimateGas', [call, block ?? null, { [to]: { code } }])
    if (error) throw new Error(error.message)
    return hexToBigInt(result as Hex)
  }

  test('hold when another transaction takes the next block', async () => {
    const head = await clientsOf(chain).reader.getBlockNumber({ cacheTime: 0 })
    const dear = await estimate(head)
    assert.ok(dear > 42_000n, `${dear}`)
    assert.equal(await estimate(head + 1n), dear)
    assert.equal(await estimate(head + 1n, 'pending'), dear)
    // Further ahead, or of a block that is named, they say no more than was asked.
    for (const cheap of [await estimate(head + 2n), await estimate(head + 1n, numberToHex(head))]) {
      assert.ok(cheap < 22_000n, `${cheap}`)
    }
  })
})
