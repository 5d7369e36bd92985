/** The devnet's helpers through viem's test client and plain JSON-RPC; and that none of them exists beyond loopback. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parseEther, toHex } from 'viem'
import { clientsOf, openTestChain, strangers, type TestChain, testAccounts } from '../testing/openTestChain.ts'
import { sampleAbi, sampleBytecode } from '../testing/sampleContract.ts'

let chain: TestChain
let clients: ReturnType<typeof clientsOf>
describe('developer methods', () => {
  before(async () => {
    chain = await openTestChain()
    clients = clientsOf(chain)
  })
  after(() => chain.close())

  test('mines blocks on demand and moves time', async () => {
    const { reader, helper } = clients
    const start = await reader.getBlock()
    await helper.mine({ blocks: 3, interval: 10 })
    const mined = await reader.getBlock()
    assert.ok(mined.number >= start.number + 3n)
    assert.ok(mined.timestamp >= start.timestamp + 20n)
    await helper.increaseTime({ seconds: 3600 })
    await helper.mine({ blocks: 1 })
    const later = await reader.getBlock()
    assert.ok(later.timestamp >= mined.timestamp + 3600n)
    await helper.setNextBlockTimestamp({ timestamp: later.timestamp + 500n })
    await helper.mine({ blocks: 1 })
    assert.ok((await reader.getBlock()).timestamp >= later.timestamp + 500n)
    const early = await chain.rpc('evm_setNextBlockTimestamp', [1])
    assert.equal(early.error?.code, -32602)
  })

  test('edits balance, code, nonce and storage, and the header agrees at once', async () => {
    const { reader, helper } = clients
    const address = strangers[0]!.address
    await helper.setBalance({ address, value: parseEther('3') })
    await helper.setNonce({ address: strangers[1]!.address, nonce: 9 })
    await helper.setCode({ address: strangers[2]!.address, bytecode: '0x60015f55' })
    const slot = toHex(5, { size: 32 })
    await helper.setStorageAt({ address: strangers[2]!.address, index: slot, value: toHex(77, { size: 32 }) })
    assert.equal(await reader.getBalance({ address }), parseEther('3'))
    assert.equal(await reader.getTransactionCount({ address: strangers[1]!.address }), 9)
    assert.equal(await reader.getCode({ address: strangers[2]!.address }), '0x60015f55')
    assert.equal(await reader.getStorageAt({ address: strangers[2]!.address, slot }), toHex(77, { size: 32 }))
  })

  test('snapshots take blocks, balances, indexes and time back', async () => {
    const { reader, helper, wallet } = clients
    const address = strangers[3]!.address
    const id = await helper.snapshot()
    const height = await reader.getBlockNumber()
    const hash = await wallet.sendTransaction({ to: address, value: 7n })
    await reader.waitForTransactionReceipt({ hash })
    await helper.increaseTime({ seconds: 10_000 })
    await helper.revert({ id })
    assert.equal(await reader.getBalance({ address }), 0n)
    assert.ok((await reader.getBlockNumber({ cacheTime: 0 })) <= height + 1n)
    await assert.rejects(reader.getTransactionReceipt({ hash }), /could not be found/)
    assert.equal((await chain.rpc('evm_revert', [id])).result, false)
    const again = await wallet.sendTransaction({ to: address, value: 8n })
    await reader.waitForTransactionReceipt({ hash: again })
    assert.equal(await reader.getBalance({ address }), 8n)
  })

  test('sends from unlocked and impersonated accounts', async () => {
    const { reader, helper } = clients
    const whale = strangers[1]!.address
    const send = (from: string) => chain.rpc('eth_sendTransaction', [{ from, to: strangers[2]!.address, value: '0x1' }])
    assert.equal((await send(whale)).error?.message, 'unknown account')
    await helper.setBalance({ address: whale, value: parseEther('1') })
    await helper.impersonateAccount({ address: whale })
    const hash = (await send(whale)).result as `0x${string}`
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.from.toLowerCase(), whale.toLowerCase())
    await helper.stopImpersonatingAccount({ address: whale })
    assert.equal((await send(whale)).error?.message, 'unknown account')
    const deployed = await chain.rpc('eth_sendTransaction', [
      { from: testAccounts[1]!.address, data: `${sampleBytecode}${'0'.repeat(64)}` },
    ])
    const made = await reader.waitForTransactionReceipt({ hash: deployed.result as `0x${string}` })
    assert.equal(
      await reader.readContract({ address: made.contractAddress!, abi: sampleAbi, functionName: 'counter' }),
      0n,
    )
  })

  test('without automine, transactions wait for a block on demand', async () => {
    const { reader, helper, wallet } = clients
    await helper.setAutomine(false)
    const hash = await wallet.sendTransaction({ to: strangers[0]!.address, value: 1n, nonce: await pendingNonce() })
    assert.equal((await reader.getTransaction({ hash })).blockHash, null)
    const pending = await reader.getBlock({ blockTag: 'pending' })
    assert.deepEqual(pending.transactions, [hash])
    await helper.mine({ blocks: 1 })
    assert.equal((await reader.getTransactionReceipt({ hash })).status, 'success')
    await helper.setAutomine(true)
  })

  const pendingNonce = () =>
    clients.reader.getTransactionCount({ address: testAccounts[0]!.address, blockTag: 'pending' })

  test('beyond loopback there are no test keys and no helpers', async () => {
    const open = await openTestChain({ host: '0.0.0.0' })
    try {
      assert.deepEqual((await open.rpc('eth_accounts')).result, [])
      for (const method of [
        'eth_sendTransaction',
        'eth_sign',
        'evm_mine',
        'anvil_setBalance',
        'hardhat_impersonateAccount',
      ]) {
        assert.equal((await open.rpc(method, [])).error?.code, -32601, method)
      }
      assert.equal((await open.rpc('eth_chainId')).result, '0x7a69')
    } finally {
      await open.close()
    }
  })
})
