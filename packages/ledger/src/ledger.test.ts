/** The ledger against a scripted node: faults that a healthy chain never shows. The real chain is driven in `node`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { FetchOptions, FetchResponse, Log } from '@weightless/env'
import { encodeErrorResult, encodeEventTopics, encodeFunctionResult, keccak256, parseAbi, parseTransaction } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { TransactionRevertedError } from './decodeRevert.ts'
import { LedgerUnreachableError } from './jsonRpc.ts'
import { createLedger } from './ledger.ts'
import { InsufficientFundsError, TransactionPendingError } from './submitTransaction.ts'
import type { WatchStep } from './watchEvents.ts'

const abi = parseAbi([
  'function priceOf(uint256 id) view returns (uint256)',
  'function pay(uint256 id) payable',
  'error TooPoor(address who, uint256 needed)',
  'event Paid(uint256 indexed id)',
])
const contract = '0x00000000000000000000000000000000000000c0'
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')

test('reads a view function and decodes a custom error', async () => {
  const node = scriptedNode()
  const ledger = ledgerOn(node)
  node.onCall = () => ({ result: encodeFunctionResult({ abi, functionName: 'priceOf', result: 7n }) })
  const price: bigint = await ledger.read({ address: contract, abi, functionName: 'priceOf', args: [1n] })
  assert.equal(price, 7n)
  const data = encodeErrorResult({ abi, errorName: 'TooPoor', args: [account.address, 5n] })
  node.onCall = () => ({ error: { code: 3, message: 'execution reverted', data } })
  await assert.rejects(ledger.read({ address: contract, abi, functionName: 'priceOf', args: [1n] }), (error) => {
    assert.ok(error instanceof TransactionRevertedError)
    assert.equal(error.reason.errorName, 'TooPoor')
    assert.deepEqual(error.reason.args, [account.address, 5n])
    return true
  })
})

test('however much is asked at once, a node meets sixteen requests, and each has its own answer', async () => {
  const node = scriptedNode()
  node.onCall = () => ({ result: encodeFunctionResult({ abi, functionName: 'priceOf', result: BigInt(++calls) }) })
  let calls = 0
  const ledger = ledgerOn(node)
  const read = { address: contract, abi, functionName: 'priceOf', args: [1n] } as const
  const prices = await Promise.all(Array.from({ length: 100 }, () => ledger.read(read)))
  assert.deepEqual(
    prices.map(Number),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  assert.equal(node.most, 16)
})

test('parallel submits leave with consecutive nonces', async () => {
  const node = scriptedNode()
  const ledger = ledgerOn(node)
  const receipts = await Promise.all(
    [1n, 2n, 3n].map((id) => ledger.submit({ address: contract, abi, functionName: 'pay', args: [id], value: id })),
  )
  assert.equal(receipts.length, 3)
  assert.deepEqual(
    node.sent.map((raw) => parseTransaction(raw).nonce ?? 0),
    [0, 1, 2],
  )
})

test('a lost answer to a sent transaction does not pay twice', async () => {
  const node = scriptedNode()
  const ledger = ledgerOn(node)
  node.loseNextAnswerOf = 'eth_sendRawTransaction'
  await ledger.submit({ address: contract, abi, functionName: 'pay', args: [1n] })
  assert.equal(node.sent.length, 1)
  assert.equal(node.refusedNonces, 1)
})

test('a nonce used elsewhere is asked for again', async () => {
  const node = scriptedNode()
  const ledger = ledgerOn(node)
  await ledger.submit({ address: contract, abi, functionName: 'pay', args: [1n] })
  node.nonce += 4
  await ledger.submit({ address: contract, abi, functionName: 'pay', args: [2n] })
  assert.equal(parseTransaction(node.sent[1]!).nonce, 5)
})

test('empty account, foreseen revert, silent node and exclusion are four different errors', async () => {
  const node = scriptedNode()
  const ledger = ledgerOn(node)
  const pay = { address: contract, abi, functionName: 'pay', args: [1n] } as const
  node.onEstimate = () => ({ error: { code: -32000, message: 'insufficient funds for gas * price + value' } })
  await assert.rejects(ledger.submit(pay), InsufficientFundsError)
  const data = encodeErrorResult({ abi, errorName: 'TooPoor', args: [account.address, 5n] })
  node.onEstimate = () => ({ error: { code: 3, message: 'execution reverted', data } })
  await assert.rejects(ledger.submit(pay), TransactionRevertedError)
  node.onEstimate = () => ({ result: '0x5208' })
  node.includes = false
  await assert.rejects(ledger.submit(pay, { deadlineMs: 50 }), TransactionPendingError)
  node.away = true
  await assert.rejects(ledger.submit(pay), LedgerUnreachableError)
})

test('watch resumes, pages, survives silence and takes back what a reorganisation removed', async () => {
  const node = scriptedNode()
  const ledger = ledgerOn(node)
  node.blocks = [block(0), block(1, 'a', [11n]), block(2, 'a', [12n])]
  node.final = 1
  const stop = new AbortController()
  const steps: WatchStep<typeof abi>[] = []
  const watching = (async () => {
    for await (const step of ledger.watch({ address: contract, abi, fromBlock: 1n }, stop.signal)) {
      steps.push(step)
      if (steps.length === 1) node.away = true
      if (steps.length === 1) setTimeout(() => (node.away = false), 5)
      if (steps.length === 1) node.blocks = [block(0), block(1, 'a', [11n]), block(2, 'b', [99n]), block(3, 'b')]
      if (steps.length === 3) node.final = 3
      if (steps.length === 4) stop.abort()
    }
  })()
  await watching
  const brief = steps.map((step) =>
    'revert' in step ? { revert: step.revert } : { ...step, events: step.events.map((event) => event.args.id) },
  )
  assert.deepEqual(brief, [
    { block: 2n, final: false, events: [11n, 12n] },
    { revert: 0n },
    { block: 3n, final: false, events: [11n, 99n] },
    { block: 3n, final: true, events: [] },
  ])
})

// ---- a node that answers from plain fields ----

type Answer = { result?: unknown; error?: { code: number; message: string; data?: Hex } }
type Block = { number: number; hash: Hex; events: bigint[] }

function block(number: number, fork = 'a', events: bigint[] = []): Block {
  return { number, hash: keccak256(new TextEncoder().encode(`${fork}${number}`)), events }
}

function scriptedNode() {
  const node = {
    away: false,
    /** Requests that were under way at once: the most, and now. */
    most: 0,
    now: 0,
    includes: true,
    nonce: 0,
    refusedNonces: 0,
    sent: [] as Hex[],
    final: 0,
    blocks: [block(0)],
    loseNextAnswerOf: '',
    onCall: (): Answer => ({ result: '0x' }),
    onEstimate: (): Answer => ({ result: '0x5208' }),
    answer(method: string, params: unknown[]): Answer {
      if (method === 'eth_call') return node.onCall()
      if (method === 'eth_estimateGas') return node.onEstimate()
      if (method === 'eth_chainId') return { result: '0x7a69' }
      if (method === 'eth_maxPriorityFeePerGas' || method === 'eth_getBalance') return { result: '0x1' }
      if (method === 'eth_getTransactionCount') return { result: `0x${node.nonce.toString(16)}` }
      if (method === 'eth_sendRawTransaction') return accept(params[0] as Hex)
      if (method === 'eth_getTransactionByHash') return { result: known(params[0] as Hex) ? {} : null }
      if (method === 'eth_getTransactionReceipt') return { result: receipt(params[0] as Hex) }
      if (method === 'eth_getBlockByNumber') return { result: header(params[0] as string) }
      if (method === 'eth_getLogs') return { result: logs(params[0] as { fromBlock: Hex; toBlock: Hex }) }
      return { error: { code: -32601, message: method } }
    },
  }
  const known = (hash: Hex) => node.sent.some((raw) => keccak256(raw) === hash)
  function accept(raw: Hex): Answer {
    const nonce = parseTransaction(raw).nonce ?? 0
    if (nonce !== node.nonce) {
      node.refusedNonces++
      return { error: { code: -32000, message: 'nonce too low' } }
    }
    node.nonce++
    node.sent.push(raw)
    return { result: keccak256(raw) }
  }
  function receipt(hash: Hex) {
    if (!node.includes || !known(hash)) return null
    return {
      transactionHash: hash,
      status: '0x1',
      blockNumber: '0x0',
      gasUsed: '0x1',
      cumulativeGasUsed: '0x1',
      logs: [],
    }
  }
  function header(tag: string) {
    const number = tag === 'latest' ? node.blocks.length - 1 : tag === 'finalized' ? node.final : Number(tag)
    const found = node.blocks[number]
    return found ? { number: `0x${number.toString(16)}`, hash: found.hash, baseFeePerGas: '0x1' } : null
  }
  function logs({ fromBlock, toBlock }: { fromBlock: Hex; toBlock: Hex }) {
    const span = node.blocks.slice(Number(fromBlock), Number(toBlock) + 1)
    return span.flatMap(({ number, hash, events }) =>
      events.map((id, index) => ({
        address: contract,
        topics: encodeEventTopics({ abi, eventName: 'Paid', args: { id } }),
        data: '0x',
        blockNumber: `0x${number.toString(16)}`,
        blockHash: hash,
        logIndex: `0x${index}`,
        transactionIndex: '0x0',
        transactionHash: hash,
      })),
    )
  }
  return node
}

function ledgerOn(node: ReturnType<typeof scriptedNode>) {
  async function fetch(_url: string, options: FetchOptions = {}): Promise<FetchResponse> {
    if (node.away) throw new Error('connection refused')
    node.most = Math.max(node.most, ++node.now)
    await new Promise((resolve) => setImmediate(resolve))
    node.now--
    const request = JSON.parse(options.body as string)
    const calls = Array.isArray(request) ? request : [request]
    const answers = calls.map(({ id, method, params }) => ({ id, ...node.answer(method, params) }))
    if (calls.some(({ method }) => method === node.loseNextAnswerOf)) {
      node.loseNextAnswerOf = ''
      throw new Error('socket hang up')
    }
    const body = Array.isArray(request) ? answers : answers[0]
    return { json: async () => structuredClone(body) } as FetchResponse
  }
  const log = { info() {}, warn() {}, error() {}, debug() {}, child: () => log } as Log
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => performance.now(),
    sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
  }
  const env = { log, clock, network: { fetch, serve: reject, connect: reject } }
  return createLedger({ rpcUrl: 'http://scripted', env, account, pollMs: 1 })
}

const reject = () => Promise.reject(new Error('not scripted'))
