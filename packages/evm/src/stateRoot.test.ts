/** Every root and receipt of our blocks against another implementation, on fixed and on random blocks. */
import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, sign as signWithOpenssl } from 'node:crypto'
import { test } from 'node:test'
import { bytesToHex, concatBytes } from '@weightless/codec'
import fc from 'fast-check'
import { emptyStateRoot } from './createEvm.ts'
import type { AccountChange, BlockInput, BlockOutput, TransactionInput } from './evm.ts'
import { addressOf, createOracle, type Oracle, oracleChainId } from './testing/ethereumjsOracle.ts'
import { createMemoryState, type MemoryState } from './testing/memoryState.ts'
import { authorize, contracts, deploying, senders, sign, word } from './testing/signedTransactions.ts'

const coinbase = addressOf(0xc01ba5en)
const gwei = 10n ** 9n

const wealth: AccountChange[] = senders.map((address) => ({ address, balance: 10n ** 21n }))
const deployed = Object.fromEntries(
  Object.keys(contracts).map((name, index) => [name, addressOf(0xc0de0000n + BigInt(index))]),
) as Record<keyof typeof contracts, Uint8Array>
const standing: AccountChange[] = Object.entries(contracts).map(([name, code]) => ({
  address: deployed[name as keyof typeof contracts],
  code,
  nonce: 1n,
}))

function blockOn(parentStateRoot: Uint8Array, number: number, transactions: TransactionInput[]): BlockInput {
  return {
    parentStateRoot,
    number,
    timestamp: 1_700_000_000 + number,
    coinbase,
    gasLimit: 30_000_000n,
    baseFeePerGas: gwei,
    prevRandao: word(number * 7),
    parentBeaconBlockRoot: word(number * 11),
    chainId: oracleChainId,
    blockHashes: Array.from({ length: Math.min(number, 256) }, (_, index) => word(0xb10c_0000 + number - 1 - index)),
    transactions,
    withdrawals: [],
  }
}

/** Both engines on the same genesis; `run` executes a block on both and demands equality of everything. */
async function createPair(genesis: AccountChange[], spec: 'cancun' | 'cancun-p256' | 'prague' = 'cancun') {
  const oracle = await createOracle(spec)
  const state = await createMemoryState()
  let root = state.applyState(emptyStateRoot, genesis).stateRoot
  assert.equal(bytesToHex(root), bytesToHex(await oracle.applyState(genesis)), 'genesis root')
  let number = 0
  return {
    oracle,
    state,
    root: () => root,
    async run(transactions: TransactionInput[], extra: Partial<BlockInput> = {}): Promise<BlockOutput> {
      const block: BlockInput = { ...blockOn(root, ++number, transactions), spec, ...extra }
      const ours = state.execute(block)
      await assertSame(oracle, block, ours)
      root = ours.stateRoot
      return ours
    },
  }
}

async function assertSame(oracle: Oracle, block: BlockInput, ours: BlockOutput): Promise<void> {
  const theirs = await oracle.execute(block)
  const plain = (output: Omit<typeof theirs, 'receipts'>) => ({
    stateRoot: bytesToHex(output.stateRoot),
    transactionsRoot: bytesToHex(output.transactionsRoot),
    receiptsRoot: bytesToHex(output.receiptsRoot),
    withdrawalsRoot: bytesToHex(output.withdrawalsRoot),
    logsBloom: bytesToHex(output.logsBloom),
    gasUsed: output.gasUsed,
  })
  const receipts = ours.receipts.map(({ status, cumulativeGasUsed, bloom, logs }) => ({
    status,
    cumulativeGasUsed,
    bloom,
    logs: logs.map(({ address, topics, data }) => [address, topics, data]),
  }))
  assert.deepEqual(
    receipts.map((receipt) => ({ ...receipt, bloom: bytesToHex(receipt.bloom), logs: JSON.stringify(receipt.logs) })),
    theirs.receipts.map((receipt) => ({
      ...receipt,
      bloom: bytesToHex(receipt.bloom),
      logs: JSON.stringify(receipt.logs),
    })),
  )
  assert.deepEqual(plain(ours), plain(theirs))
}

test('transfers of all envelope types give the state of another implementation', async () => {
  const { oracle, run, state, root } = await createPair(wealth)
  const common = oracle.common
  const to = addressOf(0xabcn)
  await run([
    sign(common, 0, { type: 0, nonce: 0n, gasPrice: 2n * gwei, gasLimit: 21_000n, to, value: 5n }),
    sign(common, 1, {
      type: 1,
      nonce: 0n,
      gasPrice: 3n * gwei,
      gasLimit: 30_000n,
      to,
      value: 6n,
      accessList: [{ address: bytesToHex(to), storageKeys: [bytesToHex(word(1))] }],
    }),
    sign(common, 2, {
      type: 2,
      nonce: 0n,
      maxFeePerGas: 9n * gwei,
      maxPriorityFeePerGas: gwei,
      gasLimit: 21_000n,
      to: senders[3]!,
      value: 10n ** 20n,
    }),
  ])
  assert.equal(state.evm.getAccount(root(), to)?.balance, 11n)
  assert.equal(state.evm.getAccount(root(), senders[2]!)?.nonce, 1n)
  const empty = await run([])
  assert.equal(empty.receipts.length, 0)
})

test('deployment, storage, logs, reverts, CREATE2 and selfdestruct agree with another implementation', async () => {
  const { oracle, run, state, root } = await createPair([...wealth, ...standing])
  const nonces = [0n, 0n, 0n, 0n, 0n]
  const send = (index: number, to: Uint8Array | undefined, data: Uint8Array, value = 0n) =>
    sign(oracle.common, index, {
      type: 2,
      nonce: nonces[index]!++,
      maxFeePerGas: 5n * gwei,
      maxPriorityFeePerGas: gwei,
      gasLimit: 1_000_000n,
      ...(to && { to: to as never }),
      data,
      value,
    })
  const first = await run([
    send(0, undefined, deploying(contracts.store)),
    send(1, deployed.store, concatBytes([word(1), word(11)])),
    send(2, deployed.log, concatBytes([word(42), new Uint8Array(100).fill(7)])),
    send(3, deployed.revert, word(99)),
    send(4, deployed.environment, new Uint8Array(0)),
    send(0, deployed.factory, deploying(contracts.log)),
    send(0, deployed.factory, deploying(contracts.log)),
  ])
  assert.deepEqual(
    first.receipts.map((receipt) => receipt.status),
    [1, 1, 1, 0, 1, 1, 1],
  )
  assert.equal(bytesToHex(state.evm.getStorage(root(), deployed.store, word(1))), bytesToHex(word(11)))
  const made = first.receipts[0]!.contractAddress!
  assert.deepEqual(state.evm.getCode(state.evm.getAccount(root(), made)!.codeHash), contracts.store)
  await run([
    send(1, made, concatBytes([word(5), word(6)])),
    send(1, deployed.store, concatBytes([word(1), word(0)])),
    send(2, deployed.selfdestruct, word(0xdead), 12345n),
    // A contract that is created and destroyed in one transaction leaves nothing behind (EIP-6780).
    send(3, undefined, new Uint8Array([0x33, 0xff]), 777n),
    send(4, deployed.forward, concatBytes([word(BigInt(bytesToHex(deployed.log))), word(1), word(2)]), 3n),
    send(4, deployed.forward, concatBytes([word(BigInt(bytesToHex(deployed.revert))), word(8)]), 3n),
  ])
  assert.equal(bytesToHex(state.evm.getStorage(root(), deployed.store, word(1))), bytesToHex(word(0)))
})

test('withdrawals and the beacon root contract change the state as they should', async () => {
  // EIP-4788's contract, as deployed on mainnet.
  const beaconRoots = addressOf(0x000f3df6d732807ef1319fb7b8bb8522d0beac02n)
  const code = Uint8Array.from(
    '3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500'.match(
      /../g,
    )!,
    (byte) => Number.parseInt(byte, 16),
  )
  const { run, state, root } = await createPair([...wealth, { address: beaconRoots, code, nonce: 1n }])
  const address = addressOf(0xfeedn)
  await run([], {
    withdrawals: [
      { index: 3, validatorIndex: 9, address, amountGwei: 32n },
      { index: 4, validatorIndex: 10, address: senders[0]!, amountGwei: 1n },
    ],
  })
  assert.equal(state.evm.getAccount(root(), address)?.balance, 32n * gwei)
  const timestamp = 1_700_000_001
  assert.deepEqual(state.evm.getStorage(root(), beaconRoots, word((timestamp % 8191) + 8191)), word(11))
})

test('random blocks agree with another implementation', async () => {
  const operation = fc.record({
    sender: fc.nat({ max: 4 }),
    kind: fc.constantFrom('transfer', 'store', 'store', 'store', 'log', 'revert', 'selfdestruct', 'deploy', 'factory'),
    a: fc.nat({ max: 12 }),
    b: fc.nat({ max: 3 }),
  })
  const blocks = fc.array(fc.array(operation, { maxLength: 8 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(blocks, async (plan) => {
      const { oracle, run } = await createPair([...wealth, ...standing])
      const nonces = [0n, 0n, 0n, 0n, 0n]
      for (const operations of plan) {
        await run(
          operations.map(({ sender, kind, a, b }) => {
            const calls: Record<string, [Uint8Array | undefined, Uint8Array, bigint]> = {
              transfer: [addressOf(BigInt(0x1000 + a)), new Uint8Array(0), BigInt(b)],
              deploy: [undefined, deploying(contracts.store.slice(0, a % 8)), BigInt(b)],
              factory: [deployed.factory, deploying(contracts.log), 0n],
              store: [deployed.store, concatBytes([word(a), word(b)]), 0n],
              log: [deployed.log, concatBytes([word(a), word(b)]), BigInt(b)],
              revert: [deployed.revert, word(a), BigInt(b)],
              selfdestruct: [deployed.selfdestruct, word(0x2000 + a), BigInt(b)],
            }
            const [to, data, value] = calls[kind]!
            return sign(oracle.common, sender, {
              type: 2,
              nonce: nonces[sender]!++,
              maxFeePerGas: 5n * gwei,
              maxPriorityFeePerGas: BigInt(b),
              gasLimit: 300_000n,
              ...(to && { to: to as never }),
              data,
              value,
            })
          }),
        )
      }
    }),
    { numRuns: 12 },
  )
})

test('a historical root stays readable after later blocks', async () => {
  const { oracle, run, root, state }: Awaited<ReturnType<typeof createPair>> & { state: MemoryState } =
    await createPair(wealth)
  const genesis = root()
  const data = { type: 0, nonce: 0n, gasPrice: 2n * gwei, gasLimit: 21_000n, to: addressOf(7n) as never, value: 5n }
  await run([sign(oracle.common, 0, data)])
  assert.equal(state.evm.getAccount(genesis, senders[0]!)?.nonce, 0n)
  assert.equal(state.evm.getAccount(root(), senders[0]!)?.nonce, 1n)
  assert.equal(state.evm.getAccount(genesis, addressOf(7n)), undefined)
})

test('the precompile for P-256 before its fork: right and wrong signatures, its price, and none of it in Cancun', async () => {
  const precompile = addressOf(0x100n)
  const message = new Uint8Array(40).fill(7)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = createPublicKey(privateKey).export({ format: 'jwk' })
  const point = [x!, y!].map((text) => new Uint8Array(Buffer.from(text, 'base64url')))
  const signature = new Uint8Array(signWithOpenssl('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
  const good = concatBytes([new Uint8Array(createHash('sha256').update(message).digest()), signature, ...point])
  const cases = [
    good,
    good.with(0, good[0]! ^ 1),
    good.with(100, good[100]! ^ 1),
    good.subarray(1),
    new Uint8Array(160),
  ]
  const fee = {
    maxFeePerGas: 5n * gwei,
    maxPriorityFeePerGas: gwei,
    gasLimit: 100_000n,
    type: 2,
    to: precompile as never,
  }
  for (const spec of ['cancun-p256', 'cancun'] as const) {
    const { oracle, run, state, root } = await createPair(wealth, spec)
    const made = cases.map((data, nonce) => sign(oracle.common, 0, { ...fee, nonce: BigInt(nonce), data }))
    const { receipts } = await run(made)
    const calldata = good.reduce((gas, byte) => gas + (byte === 0 ? 4 : 16), 21_000)
    assert.equal(Number(receipts[0]!.gasUsed), calldata + (spec === 'cancun' ? 0 : 6_900))
    const outputs = cases.map((data) => {
      const { parentStateRoot: _, ...block } = { ...blockOn(root(), 2, []), spec }
      const called = state.evm.call({ stateRoot: root(), block, to: precompile, data, gas: 100_000n })
      return called.status === 'success' ? bytesToHex(called.output) : called.status
    })
    const yes = spec === 'cancun' ? '0x' : bytesToHex(word(1))
    assert.deepEqual(outputs, [yes, '0x', '0x', '0x', '0x'])
  }
})

test('the Prague rules: delegations, the calldata floor and the history of block hashes', async () => {
  const history = addressOf(0x0000f90827f1c53a10cb7a02335b175320002935n)
  // EIP-2935's contract, as deployed on mainnet.
  const code = Uint8Array.from(
    '3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500'.match(
      /../g,
    )!,
    (byte) => Number.parseInt(byte, 16),
  )
  const genesis = [...wealth, ...standing, { address: history, code, nonce: 1n }]
  const { oracle, run, state, root } = await createPair(genesis, 'prague')
  const fee = { maxFeePerGas: 5n * gwei, maxPriorityFeePerGas: gwei, gasLimit: 500_000n }
  const authorizationList = [
    authorize(oracle.common, 1, deployed.store, 0n),
    authorize(oracle.common, 2, deployed.store, 7n),
    authorize(oracle.common, 0, deployed.log, 1n),
  ]
  await run([
    sign(oracle.common, 0, { ...fee, type: 4, nonce: 0n, to: senders[3]! as never, authorizationList }),
    sign(oracle.common, 3, {
      ...fee,
      type: 2,
      nonce: 0n,
      to: senders[1]! as never,
      data: concatBytes([word(4), word(5)]),
    }),
    sign(oracle.common, 4, {
      ...fee,
      type: 2,
      nonce: 0n,
      to: addressOf(0x99n) as never,
      data: new Uint8Array(3000).fill(1),
    }),
  ])
  assert.deepEqual(state.evm.getStorage(root(), senders[1]!, word(4)), word(5))
  assert.equal(state.evm.getCode(state.evm.getAccount(root(), senders[1]!)!.codeHash).length, 23)
  assert.equal(state.evm.getCode(state.evm.getAccount(root(), senders[2]!)!.codeHash).length, 0)
  const back = [authorize(oracle.common, 1, addressOf(0n), 1n)]
  await run([sign(oracle.common, 3, { ...fee, type: 4, nonce: 1n, to: senders[1]! as never, authorizationList: back })])
  assert.equal(state.evm.getCode(state.evm.getAccount(root(), senders[1]!)!.codeHash).length, 0)
  assert.deepEqual(state.evm.getStorage(root(), history, word(1)), word(0xb10c_0001))
})
