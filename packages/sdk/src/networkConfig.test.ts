/** A configuration from anywhere is read or refused, never believed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContractUnknownError, contractAddress, readNetworkConfig } from './networkConfig.ts'

const address = `0x${'ab'.repeat(20)}`
const devnet = {
  chain: {
    rpcUrl: 'http://127.0.0.1:8545',
    wsUrl: 'ws://127.0.0.1:8545',
    chainId: 31337,
    accounts: [{ address, privateKey: `0x${'01'.repeat(32)}` }, { address: `0x${'cd'.repeat(20)}` }],
  },
  contracts: { flow: address },
  storage: { indexerUrl: 'http://127.0.0.1:5678/', nodeUrls: ['http://127.0.0.1:5678'] },
  compute: {
    gatewayUrl: 'http://127.0.0.1:8080',
    apiKey: 'sk-1',
    providers: [{ address, url: 'http://127.0.0.1:8081', models: ['m'] }],
  },
  console: { url: 'http://127.0.0.1:3000' },
  weights: { model: 'm', stage: 'fetching', doneBytes: 1, totalBytes: 2 },
}

test('a devnet.json is read whole, without slashes at the end of its URLs', () => {
  assert.deepEqual(readNetworkConfig(devnet), {
    ok: true,
    value: { ...devnet, storage: { ...devnet.storage, indexerUrl: 'http://127.0.0.1:5678' } },
  })
})

test('without wsUrl the WebSocket is on the port of the RPC', () => {
  const { wsUrl: _, ...chain } = devnet.chain
  const verdict = readNetworkConfig({ ...devnet, chain })
  assert.ok(verdict.ok && verdict.value.chain.wsUrl === 'ws://127.0.0.1:8545')
})

const broken: [string, unknown][] = [
  ['nothing', undefined],
  ['a list', []],
  ['no chain', { ...devnet, chain: undefined }],
  ['a chain id that is text', { ...devnet, chain: { ...devnet.chain, chainId: '31337' } }],
  ['a script for an RPC URL', { ...devnet, chain: { ...devnet.chain, rpcUrl: 'javascript:alert(1)' } }],
  ['no indexer', { ...devnet, storage: {} }],
  ['no gateway', { ...devnet, compute: { gatewayUrl: 'not a url' } }],
]
for (const [name, document] of broken)
  test(`${name} is refused`, () => {
    const verdict = readNetworkConfig(document)
    assert.equal(verdict.ok, false)
    assert.equal(!verdict.ok && verdict.code, 'sdk/config-invalid')
  })

test('addresses and keys of the wrong length are left out', () => {
  const accounts = [{ address: '0x12' }, { address, privateKey: '0x01' }]
  const verdict = readNetworkConfig({
    ...devnet,
    chain: { ...devnet.chain, accounts },
    contracts: { flow: '0x', market: address },
  })
  assert.ok(verdict.ok)
  assert.deepEqual(verdict.value.chain.accounts, [{ address }])
  assert.deepEqual(verdict.value.contracts, { market: address })
  assert.throws(() => contractAddress(verdict.value, 'flow'), ContractUnknownError)
})

test('no JSON document makes it throw', () => {
  fc.assert(fc.property(fc.jsonValue(), (document) => typeof readNetworkConfig(document).ok === 'boolean'))
})
