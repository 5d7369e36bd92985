import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeFunctionData, parseEther } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { createRig } from '../scripts/contractRig.ts'
import { testAccounts } from '../scripts/testAccounts.ts'
import { abis } from './abis.ts'
import { addresses } from './addresses.generated.ts'
import { genesis } from './genesis.generated.ts'

describe('Devnet genesis', () => {
  it('funds the ten usual test accounts, all at nonce 0', () => {
    for (const addressIndex of [0, 1, 9]) {
      const { address } = mnemonicToAccount(genesis.mnemonic, { addressIndex })
      assert.equal(address, testAccounts[addressIndex]!.address)
      assert.deepEqual(genesis.alloc[address], { balance: parseEther('10000') })
    }
  })

  it('has code at every named address, and nowhere a zero slot', () => {
    for (const [name, address] of Object.entries(addresses)) assert.ok(genesis.alloc[address]?.code, name)
    for (const { storage = {} } of Object.values(genesis.alloc)) {
      for (const [slot, value] of Object.entries(storage)) {
        assert.match(slot, /^0x[0-9a-f]{64}$/)
        assert.ok(/^0x[0-9a-f]{64}$/.test(value) && BigInt(value) > 0n)
      }
    }
  })

  it('answers the published compute SDK at the addresses that it looks at', async () => {
    const rig = await createRig()
    const { ledgerManager, inferenceServing } = rig.contracts
    assert.equal(ledgerManager.address.toLowerCase(), '0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0')
    assert.equal(inferenceServing.address.toLowerCase(), '0x0165878a594ca255338adfa4d48449f69242eb8f')
    const [service] = (await rig.must(ledgerManager, 'getAllActiveServices', [])).value
    assert.deepEqual(
      [service!.serviceAddress, service!.serviceType, service!.version, service!.fullName, service!.isRecommended],
      [inferenceServing.address, 'inference', 'v1.0', 'inference-v1.0', true],
    )
    assert.deepEqual((await rig.must(ledgerManager, 'getRecommendedService', ['inference'])).value, [
      'v1.0',
      inferenceServing.address,
    ])
    const missing = await rig.send(ledgerManager, 'getLedger', [rig.accounts[1]!.address])
    assert.equal(!missing.ok && missing.error, 'LedgerNotExists')
    const account = await rig.send(inferenceServing, 'getAccount', [rig.accounts[1]!.address, rig.accounts[2]!.address])
    assert.equal(!account.ok && account.error, 'AccountNotExists')
    assert.equal((await rig.must(inferenceServing, 'ledgerAddress', [])).value, ledgerManager.address)
  })
})

describe('Devnet proxies', () => {
  it('can be initialised by nobody again, neither a proxy nor its implementation', async () => {
    const rig = await createRig()
    const [, stranger] = rig.accounts
    const from = stranger!.address
    for (const address of [addresses.ledgerManager, addresses.ledgerManagerImplementation]) {
      const result = await rig.send({ abi: abis.ledgerManager, address }, 'initialize', [from], { from })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
    for (const address of [addresses.inferenceServing, addresses.inferenceServingImplementation]) {
      const args = [3600n, from, from] as const
      const result = await rig.send({ abi: abis.inferenceServing, address }, 'initialize', args, { from })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
    for (const address of [addresses.receiptSettlement, addresses.receiptSettlementImplementation]) {
      const args = [from, from, 1n, 1n] as const
      const result = await rig.send({ abi: abis.receiptSettlement, address }, 'initialize', args, { from })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
    const stakes = [addresses.providerStake, addresses.providerStakeImplementation]
    for (const address of [...stakes, addresses.trainingStake, addresses.trainingStakeImplementation]) {
      const result = await rig.send({ abi: abis.providerStake, address }, 'initialize', [from, from, from, 1n], {
        from,
      })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
    for (const address of [addresses.priorityStake, addresses.priorityStakeImplementation]) {
      const result = await rig.send({ abi: abis.priorityStake, address }, 'initialize', [from, 1n, 1n], { from })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
    for (const address of [addresses.serviceMarket, addresses.serviceMarketImplementation]) {
      const result = await rig.send({ abi: abis.serviceMarket, address }, 'initialize', [from, from, from], { from })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
    for (const address of [addresses.jobBoard, addresses.jobBoardImplementation]) {
      const result = await rig.send({ abi: abis.jobBoard, address }, 'initialize', [from, 1n], { from })
      assert.equal(!result.ok && result.error, 'AlreadyInitialized')
    }
  })

  it('brings a Multicall3 that aggregates', async () => {
    const rig = await createRig()
    const item = { name: 'calls', type: 'tuple[]' } as const
    const components = [
      { name: 'target', type: 'address' },
      { name: 'allowFailure', type: 'bool' },
      { name: 'callData', type: 'bytes' },
    ] as const
    const outputs = [
      { name: 'success', type: 'bool' },
      { name: 'returnData', type: 'bytes' },
    ] as const
    const abi = [
      {
        type: 'function',
        name: 'aggregate3',
        stateMutability: 'payable',
        inputs: [{ ...item, components }],
        outputs: [{ name: 'results', type: 'tuple[]', components: outputs }],
      },
    ] as const
    const callData = encodeFunctionData({ abi: abis.market, functionName: 'pricePerSector' })
    const call = { target: addresses.market, allowFailure: false, callData }
    const { value } = await rig.must({ abi, address: addresses.multicall3 }, 'aggregate3', [[call, call]])
    assert.equal(BigInt(value[1]!.returnData), 30_733_644_962n)
  })
})
