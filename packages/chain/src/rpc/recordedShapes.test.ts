/** Field by field, our answers have the shape of the exchanges recorded by ethereum/execution-apis (vectors/chain/execution-apis). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { encodeFunctionData, type Hex } from 'viem'
import { clientsOf, openTestChain, type TestChain, testAccounts } from '../testing/openTestChain.ts'
import { sampleAbi, sampleBytecode } from '../testing/sampleContract.ts'

let chain: TestChain
let sample: Hex
describe('recorded shapes of JSON-RPC', () => {
  before(async () => {
    chain = await openTestChain()
    const { wallet, reader } = clientsOf(chain)
    const hash = await wallet.deployContract({ abi: sampleAbi, bytecode: sampleBytecode, args: [1n] })
    sample = (await reader.waitForTransactionReceipt({ hash })).contractAddress!
  })
  after(() => chain.close())

  type Answer = { result?: unknown; error?: { code: number; message: string; data?: string } }

  function recorded(name: string): Answer {
    const text = readFileSync(new URL(`../../../../vectors/chain/execution-apis/${name}.io`, import.meta.url), 'utf8')
    const line = text.split('\n').find((candidate) => candidate.startsWith('<< '))
    return JSON.parse(line!.slice(3)) as Answer
  }

  /** The kind of a value: names of fields, kinds of JSON, and whether hex is a quantity, 20 or 32 bytes, a bloom or data. */
  function shapeOf(value: unknown): unknown {
    if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value)
          .sort()
          .map(([name, field]) => [name, shapeOf(field)]),
      )
    }
    if (typeof value !== 'string') return value === null ? 'null' : typeof value
    if (/^0x[0-9a-f]{40}$/.test(value)) return 'address'
    if (/^0x[0-9a-f]{512}$/.test(value)) return 'bloom'
    // r and s are quantities of nearly always 64 digits; a missing leading zero must not count as another shape.
    if (/^0x[0-9a-f]{62,64}$/.test(value)) return 'word'
    if (/^0x(0|[1-9a-f][0-9a-f]{0,16})$/.test(value)) return 'quantity'
    return /^0x[0-9a-f]*$/.test(value) ? 'data' : 'text'
  }

  function same(ours: unknown, name: string, ignore: readonly string[] = []): void {
    const strip = (shape: unknown) =>
      Object.fromEntries(Object.entries(shape as object).filter(([field]) => !ignore.includes(field)))
    assert.deepEqual(strip(shapeOf(ours)), strip(shapeOf(recorded(name).result)), name)
  }

  async function mined(settings: { type: 'legacy' | 'eip2930' | 'eip1559' }) {
    const { wallet, reader } = clientsOf(chain)
    const entries = [{ address: sample, storageKeys: [`0x${'0'.repeat(64)}` as Hex] }]
    const accessList = settings.type === 'legacy' ? {} : { accessList: entries }
    const data = `0x6057361d` as Hex
    const hash = await wallet.sendTransaction({
      to: testAccounts[1]!.address,
      value: 1n,
      data,
      gas: 60_000n,
      ...settings,
      ...accessList,
    } as never)
    await reader.waitForTransactionReceipt({ hash })
    return hash
  }

  test('blocks, transactions and receipts', async () => {
    const hash = await mined({ type: 'eip1559' })
    same((await chain.rpc('eth_getTransactionByHash', [hash])).result, 'eth_getTransactionByHash.get-dynamic-fee', [
      'input',
    ])
    const receipt = (await chain.rpc('eth_getTransactionReceipt', [hash])).result as { blockNumber: Hex }
    same(receipt, 'eth_getTransactionReceipt.get-dynamic-fee', ['logs'])
    const block = (await chain.rpc('eth_getBlockByNumber', [receipt.blockNumber, false])).result
    same(block, 'eth_getBlockByNumber.get-block-cancun-fork', ['extraData'])
    const listed = await mined({ type: 'eip2930' })
    same((await chain.rpc('eth_getTransactionByHash', [listed])).result, 'eth_getTransactionByHash.get-access-list', [
      'input',
    ])
    const legacy = await mined({ type: 'legacy' })
    const { chainId, ...shown } = (await chain.rpc('eth_getTransactionByHash', [legacy])).result as { chainId: Hex }
    // The recorded one is from before EIP-155; with it, geth shows the chain id too.
    assert.equal(chainId, '0x7a69')
    same(shown, 'eth_getTransactionByHash.get-legacy-tx', ['input'])
  })

  test('logs, proofs, fee history, access lists, the pool and reverts', async () => {
    const { wallet, reader, helper } = clientsOf(chain)
    const hash = await wallet.writeContract({ address: sample, abi: sampleAbi, functionName: 'storeMany', args: [2n] })
    await reader.waitForTransactionReceipt({ hash })
    const logs = (await chain.rpc('eth_getLogs', [{ fromBlock: '0x0', address: sample }])).result as object[]
    same(logs, 'eth_getLogs.contract-addr')
    const slot = `0x${'1'.padStart(64, '0')}`
    const proof = (await chain.rpc('eth_getProof', [sample, [slot], 'latest'])).result as { storageProof: object[] }
    const wanted = recorded('eth_getProof.get-account-proof-with-storage').result as { storageProof: object[] }
    assert.deepEqual(Object.keys(proof).sort(), Object.keys(wanted).sort())
    assert.deepEqual(Object.keys(proof.storageProof[0]!).sort(), Object.keys(wanted.storageProof[0]!).sort())
    same((await chain.rpc('eth_feeHistory', ['0x1', 'latest', [95, 99]])).result, 'eth_feeHistory.fee-history')
    const data = encodeFunctionData({ abi: sampleAbi, functionName: 'store', args: [1n, 1n] })
    const list = await chain.rpc('eth_createAccessList', [{ to: sample, input: data }, 'latest'])
    assert.deepEqual(
      Object.keys(list.result as object)
        .sort()
        .includes('accessList'),
      true,
    )
    const refuse = encodeFunctionData({ abi: sampleAbi, functionName: 'refuse' })
    const failed = recorded('eth_call.call-revert-abi-error').error!
    const refused = (await chain.rpc('eth_call', [{ to: sample, input: refuse }, 'latest'])).error
    assert.deepEqual([Object.keys(refused ?? {}).sort(), refused?.code], [Object.keys(failed).sort(), failed.code])
    await helper.setAutomine(false)
    await wallet.sendTransaction({ to: sample, value: 1n, type: 'legacy', gas: 50_000n })
    const firstOf = (content: unknown) => {
      const { pending } = content as { pending: { [sender: string]: { [nonce: string]: object } } }
      return Object.values(Object.values(pending)[0]!)[0]!
    }
    const waiting = firstOf((await chain.rpc('txpool_content')).result)
    const known = firstOf(recorded('txpool_content.get-content').result)
    assert.deepEqual(Object.keys(waiting).sort(), Object.keys(known).sort())
    await helper.setAutomine(true)
  })

  test('struct logs', async () => {
    const { wallet, reader } = clientsOf(chain)
    const hash = await wallet.writeContract({ address: sample, abi: sampleAbi, functionName: 'storeMany', args: [1n] })
    await reader.waitForTransactionReceipt({ hash })
    const ours = (await chain.rpc('debug_traceTransaction', [hash])).result as { structLogs: object[] }
    const theirs = recorded('debug_traceTransaction.trace-contract-call').result as { structLogs: object[] }
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort())
    assert.deepEqual(Object.keys(ours.structLogs[0]!).sort(), Object.keys(theirs.structLogs[0]!).sort())
  })
})
