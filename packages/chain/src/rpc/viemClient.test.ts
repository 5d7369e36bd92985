/** A real client, viem, does over loopback what applications do: deploy, call, estimate, filter, watch, sign, prove. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  getAddress,
  type Hash,
  parseEther,
  verifyTypedData,
} from 'viem'
import { clientsOf, openTestChain, strangers, type TestChain, testAccounts } from '../testing/openTestChain.ts'
import { sampleAbi, sampleBytecode } from '../testing/sampleContract.ts'

let chain: TestChain
let clients: ReturnType<typeof clientsOf>
describe('viem as the client', () => {
  before(async () => {
    chain = await openTestChain()
    clients = clientsOf(chain)
  })
  after(() => chain.close())

  async function deploySample() {
    const { reader, wallet } = clients
    const hash = await wallet.deployContract({ abi: sampleAbi, bytecode: sampleBytecode, args: [7n], value: 5n })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    return { address: getAddress(receipt.contractAddress!), abi: sampleAbi }
  }

  test('a lone transfer is in a block with a receipt, and the balances have moved', async () => {
    const { reader, wallet } = clients
    const target = strangers[0]!.address
    const before = await reader.getBalance({ address: testAccounts[0]!.address })
    const hash = await wallet.sendTransaction({ to: target, value: parseEther('1.5') })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    assert.equal(receipt.gasUsed, 21_000n)
    assert.equal(receipt.type, 'eip1559')
    assert.equal(await reader.getBalance({ address: target }), parseEther('1.5'))
    const paid = receipt.gasUsed * receipt.effectiveGasPrice
    assert.equal(await reader.getBalance({ address: testAccounts[0]!.address }), before - parseEther('1.5') - paid)
    const transaction = await reader.getTransaction({ hash })
    assert.equal(transaction.blockHash, receipt.blockHash)
    assert.equal(transaction.from.toLowerCase(), testAccounts[0]!.address.toLowerCase())
    const block = await reader.getBlock({ blockHash: receipt.blockHash, includeTransactions: true })
    assert.deepEqual(
      block.transactions.map((item) => item.hash),
      [hash],
    )
    assert.equal((await reader.getTransactionConfirmations({ hash })) >= 1n, true)
  })

  test('legacy and access-list transactions are taken too', async () => {
    const { reader, wallet } = clients
    const target = strangers[1]!.address
    const legacy = await wallet.sendTransaction({ to: target, value: 1n, type: 'legacy' })
    const accessList = [{ address: target, storageKeys: [`0x${'00'.repeat(32)}` as Hash] }]
    const listed = await wallet.sendTransaction({ to: target, value: 1n, type: 'eip2930', accessList })
    assert.equal((await reader.waitForTransactionReceipt({ hash: legacy })).type, 'legacy')
    const receipt = await reader.waitForTransactionReceipt({ hash: listed })
    assert.equal(receipt.type, 'eip2930')
    assert.equal(receipt.gasUsed, 21_000n + 2_400n + 1_900n)
    assert.deepEqual((await reader.getTransaction({ hash: listed })).accessList?.length, 1)
  })

  test('deploys, calls, estimates, writes; state, code and storage read back', async () => {
    const { reader, wallet } = clients
    const sample = await deploySample()
    assert.equal(await reader.getBalance({ address: sample.address }), 5n)
    assert.equal(await reader.readContract({ ...sample, functionName: 'counter' }), 7n)
    const { result, request } = await reader.simulateContract({
      ...sample,
      functionName: 'store',
      args: [3n, 33n],
      account: testAccounts[0]!,
    })
    assert.equal(result, 8n)
    const gas = await reader.estimateContractGas({
      ...sample,
      functionName: 'store',
      args: [3n, 33n],
      account: testAccounts[0]!,
    })
    const receipt = await reader.waitForTransactionReceipt({ hash: await wallet.writeContract(request) })
    assert.ok(gas >= receipt.gasUsed && gas < receipt.gasUsed + receipt.gasUsed / 10n, `${gas} for ${receipt.gasUsed}`)
    assert.equal(await reader.readContract({ ...sample, functionName: 'values', args: [3n] }), 33n)
    assert.equal(await reader.getStorageAt({ address: sample.address, slot: '0x1' }), `0x${'8'.padStart(64, '0')}`)
    assert.ok((await reader.getCode({ address: sample.address }))!.length > 100)
    const [number, time, id] = await reader.readContract({ ...sample, functionName: 'clock' })
    assert.equal(id, 31337n)
    const head = await reader.getBlock({ blockNumber: number })
    assert.equal(time, head.timestamp)
    const old = await reader.readContract({ ...sample, functionName: 'counter', blockNumber: receipt.blockNumber - 1n })
    assert.equal(old, 7n)
  })

  test('reverts carry reason, panic and custom errors, in calls and in estimates', async () => {
    const { reader, wallet } = clients
    const sample = await deploySample()
    const reverted = async (run: () => Promise<unknown>) => {
      const error = await run().then(
        () => undefined,
        (fault: unknown) => fault,
      )
      assert.ok(error instanceof BaseError)
      return error.walk((cause) => cause instanceof ContractFunctionRevertedError) as ContractFunctionRevertedError
    }
    assert.equal(
      (await reverted(() => reader.readContract({ ...sample, functionName: 'refuse' }))).reason,
      'refused for a reason',
    )
    const panic = await reverted(() => reader.readContract({ ...sample, functionName: 'underflow', args: [0n] }))
    assert.match(panic.reason ?? '', /Arithmetic operation resulted in underflow/)
    const custom = await reverted(() => wallet.writeContract({ ...sample, functionName: 'store', args: [1n, 2000n] }))
    assert.deepEqual([custom.data?.errorName, custom.data?.args], ['TooLarge', [2000n, 1000n]])
    const data = encodeFunctionData({ abi: sampleAbi, functionName: 'refuse' })
    const { error } = await chain.rpc('eth_call', [{ to: sample.address, data }, 'latest'])
    assert.equal(error?.code, 3)
    assert.equal(error?.message, 'execution reverted: refused for a reason')
    assert.match(error?.data ?? '', /^0x08c379a0/)
    const spin = await chain.rpc('eth_call', [
      { to: sample.address, data: encodeFunctionData({ abi: sampleAbi, functionName: 'spin' }), gas: '0x186a0' },
    ])
    assert.deepEqual([spin.error?.code, spin.error?.message], [-32000, 'out of gas'])
  })

  test('a reverting transaction stands in its block with status 0', async () => {
    const { reader, wallet } = clients
    const sample = await deploySample()
    const hash = await wallet.writeContract({ ...sample, functionName: 'store', args: [1n, 5000n], gas: 100_000n })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'reverted')
    assert.deepEqual(receipt.logs, [])
  })

  test('logs by range, contract and topic; filters deliver changes once', async () => {
    const { reader, wallet } = clients
    const sample = await deploySample()
    const from = await reader.getBlockNumber()
    const filter = await reader.createContractEventFilter({ ...sample, eventName: 'Stored' })
    const blocks = await reader.createBlockFilter()
    await reader.waitForTransactionReceipt({
      hash: await wallet.writeContract({ ...sample, functionName: 'storeMany', args: [5n] }),
    })
    const one = await reader.getContractEvents({ ...sample, eventName: 'Stored', args: { key: 3n }, fromBlock: from })
    assert.deepEqual(
      one.map(({ args, logIndex }) => [args.key, args.value, logIndex]),
      [[3n, 4n, 3]],
    )
    const all = await reader.getContractEvents({ ...sample, fromBlock: 0n, toBlock: 'latest' })
    assert.equal(all.length, 5)
    assert.equal((await reader.getLogs({ address: strangers[0]!.address, fromBlock: 0n })).length, 0)
    assert.equal((await reader.getLogs({ blockHash: all[0]!.blockHash })).length, 5)
    assert.equal((await reader.getFilterChanges({ filter })).length, 5)
    assert.equal((await reader.getFilterChanges({ filter })).length, 0)
    assert.equal((await reader.getFilterLogs({ filter })).length, 5)
    assert.ok((await reader.getFilterChanges({ filter: blocks })).includes(all[0]!.blockHash))
    assert.equal(await reader.uninstallFilter({ filter }), true)
    await assert.rejects(reader.getFilterChanges({ filter }), /filter not found/)
  })

  test('pushes new heads, logs and pending transactions over the WebSocket', async () => {
    const { wallet, openSocket } = clients
    const sample = await deploySample()
    const socket = openSocket()
    const seen = {
      head: Promise.withResolvers<bigint>(),
      log: Promise.withResolvers<bigint>(),
      pending: Promise.withResolvers<Hash>(),
    }
    const ends = [
      socket.watchBlocks({ onBlock: (block) => seen.head.resolve(block.number), onError: seen.head.reject }),
      socket.watchContractEvent({
        ...sample,
        eventName: 'Stored',
        onLogs: (logs) => seen.log.resolve(logs[0]!.args.value!),
        onError: seen.log.reject,
      }),
      socket.watchPendingTransactions({
        onTransactions: ([hash]) => seen.pending.resolve(hash!),
        onError: seen.pending.reject,
      }),
    ]
    // A round trip on the same socket: the subscriptions have been made before it.
    await socket.getBlockNumber()
    await socket.getBlockNumber()
    const hash = await wallet.writeContract({ ...sample, functionName: 'store', args: [1n, 99n] })
    assert.equal(await seen.log.promise, 99n)
    assert.equal(await seen.pending.promise, hash)
    assert.ok((await seen.head.promise) > 0n)
    for (const end of ends) end()
    await socket.getBlockNumber()
    const { getRpcClient } = socket.transport as unknown as { getRpcClient(): Promise<{ close(): void }> }
    ;(await getRpcClient()).close()
  })

  test('fees: estimates, history and gas price suit a wallet', async () => {
    const { reader } = clients
    const fees = await reader.estimateFeesPerGas()
    assert.ok(fees.maxFeePerGas >= fees.maxPriorityFeePerGas && fees.maxPriorityFeePerGas > 0n)
    const history = await reader.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 90] })
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1)
    assert.ok(history.reward!.every((row) => row.length === 2))
    assert.ok((await reader.getGasPrice()) > 0n)
  })

  test('typed data and messages are signed by the unlocked account', async () => {
    const address = testAccounts[0]!.address
    const domain = { name: 'Weightless', version: '1', chainId: 31337 } as const
    const types = {
      Order: [
        { name: 'price', type: 'uint256' },
        { name: 'note', type: 'string' },
      ],
    } as const
    const message = { price: 12n, note: 'tea' } as const
    const text = JSON.stringify({
      domain,
      types: {
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'version', type: 'string' },
          { name: 'chainId', type: 'uint256' },
        ],
        ...types,
      },
      primaryType: 'Order',
      message: { price: '12', note: 'tea' },
    })
    const { result } = await chain.rpc('eth_signTypedData_v4', [address, text])
    assert.equal(
      await verifyTypedData({ address, domain, types, primaryType: 'Order', message, signature: result as Hash }),
      true,
    )
    const signed = await chain.rpc('personal_sign', ['0x68656c6c6f', address])
    assert.equal(signed.result, await testAccounts[0]!.signMessage({ message: 'hello' }))
    const refused = await chain.rpc('eth_sign', [strangers[0]!.address, '0x00'])
    assert.equal(refused.error?.message, 'unknown account')
  })

  test('traces show the call tree and every opcode', async () => {
    const { reader, wallet } = clients
    const sample = await deploySample()
    const hash = await wallet.writeContract({ ...sample, functionName: 'store', args: [2n, 22n] })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    const tree = (await chain.rpc('debug_traceTransaction', [hash, { tracer: 'callTracer' }])).result as {
      type: string
      to: string
      gasUsed: string
      logs?: unknown[]
    }
    assert.deepEqual([tree.type, tree.to], ['CALL', sample.address.toLowerCase()])
    assert.equal(BigInt(tree.gasUsed), receipt.gasUsed)
    const steps = (await chain.rpc('debug_traceTransaction', [hash])).result as {
      gas: number
      failed: boolean
      structLogs: { op: string }[]
    }
    assert.deepEqual([BigInt(steps.gas), steps.failed], [receipt.gasUsed, false])
    assert.deepEqual([steps.structLogs[0]!.op, steps.structLogs.at(-1)!.op], ['PUSH1', 'RETURN'])
    assert.equal(steps.structLogs.filter(({ op }) => op === 'SSTORE').length, 2)
    const block = (await chain.rpc('debug_traceBlockByHash', [receipt.blockHash, { tracer: 'callTracer' }])).result
    assert.deepEqual(block, [{ txHash: hash, result: tree }])
    const data = encodeFunctionData({ abi: sampleAbi, functionName: 'refuse' })
    const call = await chain.rpc('debug_traceCall', [{ to: sample.address, data }, 'latest', { tracer: 'callTracer' }])
    assert.equal((call.result as { error: string }).error, 'execution reverted')
    assert.equal((await chain.rpc('debug_traceTransaction', [hash, { tracer: 'nothing' }])).error?.code, -32602)
  })

  test('state and block overrides, access lists and fee caps', async () => {
    const { reader } = clients
    const sample = await deploySample()
    const value = await reader.readContract({
      ...sample,
      functionName: 'counter',
      stateOverride: [
        {
          address: sample.address,
          stateDiff: [{ slot: `0x${'1'.padStart(64, '0')}`, value: `0x${'ff'.padStart(64, '0')}` }],
        },
      ],
    })
    assert.equal(value, 255n)
    const data = encodeFunctionData({ abi: sampleAbi, functionName: 'clock' })
    const { result } = await chain.rpc('eth_call', [
      { to: sample.address, data },
      'latest',
      {},
      { time: '0x77', number: '0x55' },
    ])
    assert.equal(result, `0x${[0x55, 0x77, 31337].map((part) => part.toString(16).padStart(64, '0')).join('')}`)
    const store = encodeFunctionData({ abi: sampleAbi, functionName: 'store', args: [1n, 1n] })
    const listed = await reader.createAccessList({ to: sample.address, data: store, account: testAccounts[0]!.address })
    assert.deepEqual(
      listed.accessList.map(({ address }) => getAddress(address)),
      [sample.address],
    )
    // A fee that would eat more than the balance at full gas: the estimate is capped, not refused.
    const gas = await reader.estimateGas({
      account: testAccounts[0]!,
      to: strangers[0]!.address,
      value: 1n,
      maxFeePerGas: 10n ** 17n,
    })
    assert.ok(gas >= 21_000n && gas < 22_000n)
  })
})
