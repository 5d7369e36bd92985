/** What malformed, hostile and oversized requests get, and what geth's words are for transactions that cannot be taken. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hexToBytes } from '@weightless/codec'
import { type Hex, parseGwei, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { openTestChain, type TestChain, testAccounts, testChainId } from '../testing/openTestChain.ts'

let chain: TestChain
describe('faults on the wire', () => {
  before(async () => {
    chain = await openTestChain({ limits: { rpc: { bodyBytesMax: 200_000, batchMax: 10 } } })
  })
  after(() => chain.close())

  type Wire = { id: unknown; result?: unknown; error?: { code: number; message: string } }
  const ask = async (body: string) => (await (await chain.post(body)).json()) as Wire

  test('malformed JSON, requests and batches get the codes of JSON-RPC', async () => {
    assert.deepEqual((await ask('{"jsonrpc":')).error?.code, -32700)
    assert.deepEqual((await ask('')).error?.code, -32700)
    assert.deepEqual((await ask('[]')).error?.code, -32600)
    assert.deepEqual((await ask('42')).error?.code, -32600)
    assert.deepEqual(await ask('{"id":7,"method":5}'), {
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32600, message: 'invalid request' },
    })
    assert.deepEqual((await ask('{"id":1,"method":"eth_nothing"}')).error?.code, -32601)
    assert.deepEqual((await ask('{"id":1,"method":"toString"}')).error?.code, -32601)
    assert.deepEqual((await ask('{"id":1,"method":"__proto__"}')).error?.code, -32601)
    const mixed = (await ask('[1,{"id":2,"method":"eth_chainId"},{"method":"eth_chainId"}]')) as unknown as Wire[]
    assert.deepEqual(
      mixed.map(({ id, result, error }) => [id, result ?? error?.code]),
      [
        [null, -32600],
        [2, '0x7a69'],
      ],
    )
    assert.equal((await ask(`[${Array(11).fill('{"id":1,"method":"eth_chainId"}').join()}]`)).error?.code, -32005)
    assert.equal((await chain.post('{"method":"eth_chainId"}')).status, 204)
    assert.equal((await ask(`${'['.repeat(50_000)}`)).error?.code, -32700)
  })

  test('a body above the limit ends with 413, GET says what this is', async () => {
    assert.equal((await chain.post('x'.repeat(200_001))).status, 413)
    assert.equal((await fetch(chain.url)).status, 200)
    assert.equal((await fetch(chain.url, { method: 'DELETE' })).status, 405)
  })

  test('a foreign web page and a foreign host name are refused', async () => {
    const headers = { origin: 'https://evil.example', 'content-type': 'application/json' }
    const body = '{"id":1,"method":"eth_accounts"}'
    assert.equal((await fetch(chain.url, { method: 'POST', headers, body })).status, 403)
  })

  test('wrong parameters are named', async () => {
    const cases: [string, unknown[]][] = [
      ['eth_getBalance', ['0x1234', 'latest']],
      ['eth_getBalance', [testAccounts[0]!.address, 'yesterday']],
      ['eth_getBlockByNumber', [{}, false]],
      ['eth_getStorageAt', [testAccounts[0]!.address, '0xasdf', 'latest']],
      ['eth_call', [null, 'latest']],
      ['eth_call', [{ to: 5 }, 'latest']],
      ['eth_call', [{ gasPrice: '0x1', maxFeePerGas: '0x1' }, 'latest']],
      ['eth_getLogs', [{ fromBlock: '0x5', toBlock: '0x1' }]],
      ['eth_getLogs', [{ topics: ['0x12'] }]],
      ['eth_getLogs', [{ blockHash: `0x${'11'.repeat(32)}`, fromBlock: '0x0' }]],
      ['eth_sendRawTransaction', ['0xzz']],
      ['eth_feeHistory', ['0x1', 'latest', [50, 10]]],
      ['evm_mine', [{ blocks: 1e9 }]],
    ]
    for (const [method, params] of cases) {
      const { error } = await chain.rpc(method, params)
      assert.equal(error?.code, -32602, `${method} ${JSON.stringify(params)} gave ${JSON.stringify(error)}`)
    }
    assert.equal(
      (await chain.rpc('eth_getBalance', [testAccounts[0]!.address, '0xffff'])).error?.message,
      'header not found',
    )
    assert.equal((await chain.rpc('eth_getTransactionReceipt', [`0x${'11'.repeat(32)}`])).result, null)
    assert.equal((await chain.rpc('eth_subscribe', ['newHeads'])).error?.code, -32601)
  })

  test('transactions that cannot be taken are refused in the words of geth', async () => {
    const account = testAccounts[0]!
    const base = {
      chainId: testChainId,
      nonce: 0,
      to: account.address,
      gas: 21_000n,
      maxFeePerGas: parseGwei('2'),
      maxPriorityFeePerGas: 1n,
    } as const
    const refusal = async (raw: Hex) => (await chain.rpc('eth_sendRawTransaction', [raw])).error
    const expect = async (raw: Hex, pattern: RegExp) => {
      const error = await refusal(raw)
      assert.equal(error?.code, -32000)
      assert.match(error?.message ?? '', pattern)
    }
    await chain.rpc('evm_setAutomine', [false])
    await expect(
      await account.signTransaction({ ...base, chainId: 1 }),
      /invalid chain id for signer: have 1 want 31337/,
    )
    await expect(await account.signTransaction({ ...base, gas: 20_999n }), /^intrinsic gas too low/)
    await expect(await account.signTransaction({ ...base, gas: 500_000_001n }), /^exceeds block gas limit/)
    await expect(
      await account.signTransaction({ ...base, maxFeePerGas: 6n }),
      /^max fee per gas less than block base fee/,
    )
    await expect(
      await account.signTransaction({ ...base, value: 20_000n * 10n ** 18n }),
      /^insufficient funds for gas \* price \+ value/,
    )
    await expect(await account.signTransaction({ ...base, nonce: 9_999 }), /^nonce too high/)
    await expect('0x', /typed transaction too short/)
    await expect('0x05c0', /transaction type not supported/)
    await expect('0x02c0', /^rlp/)
    await expect(toHex(new Uint8Array(200_000 / 2 - 500)), /transaction type not supported/)
    const raw = await account.signTransaction(base)
    assert.equal((await chain.rpc('eth_sendRawTransaction', [raw])).error, undefined)
    await expect(raw, /^already known/)
    await expect(
      await account.signTransaction({ ...base, maxFeePerGas: parseGwei('2.1') }),
      /^replacement transaction underpriced/,
    )
    const dearer = await account.signTransaction({ ...base, maxFeePerGas: parseGwei('2.2'), maxPriorityFeePerGas: 2n })
    assert.equal((await chain.rpc('eth_sendRawTransaction', [dearer])).error, undefined)
    assert.equal((await chain.rpc('eth_getTransactionCount', [account.address, 'pending'])).result, '0x1')
    assert.deepEqual((await chain.rpc('txpool_status')).result, { pending: '0x1', queued: '0x0' })
    await chain.rpc('evm_setAutomine', [true])
    await chain.rpc('evm_mine')
    await expect(raw, /^nonce too low: next nonce 1, tx nonce 0/)
  })

  test('one flipped bit of a signature never moves the money of the signer', async () => {
    const owner = privateKeyToAccount(`0x${'42'.repeat(32)}`)
    await chain.rpc('anvil_setBalance', [owner.address, toHex(10n ** 18n)])
    const raw = await owner.signTransaction({
      chainId: testChainId,
      nonce: 0,
      to: testAccounts[1]!.address,
      value: 5n,
      gas: 21_000n,
      maxFeePerGas: parseGwei('2'),
    })
    for (const at of [-1, -40]) {
      const bytes = hexToBytes(raw)
      bytes[bytes.length + at]! ^= 1
      const { error } = await chain.rpc('eth_sendRawTransaction', [toHex(bytes)])
      // Another signature belongs to another, penniless account, or to nobody.
      assert.match(error?.message ?? '', /insufficient funds|invalid sender|invalid transaction v, r, s values/)
    }
  })
})
