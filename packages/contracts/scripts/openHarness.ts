/** Calls one of the test contracts of `harness/`, or a contract of the genesis that calls nothing but its like, in the chain's own EVM. */
import { createEvm, emptyStateRoot } from '@weightless/evm'
import { type Abi, bytesToHex, decodeErrorResult, decodeFunctionResult, encodeFunctionData, hexToBytes } from 'viem'
import { abis } from '../src/abis.ts'
import { addresses } from '../src/addresses.generated.ts'
import { genesis } from '../src/genesis.generated.ts'
import { sourceHash } from './renderHarness.ts'

export type HarnessCall =
  /** `gasUsed` is the whole transaction's, calldata included. */
  | { ok: true; value: unknown; gasUsed: number }
  /** Name of the custom error, or what else ended the call. */
  | { ok: false; error: string }

export type Harness = {
  call(functionName: string, ...args: readonly unknown[]): HarnessCall
  /** As `call`. @throws {Error} unless it went through */
  must(functionName: string, ...args: readonly unknown[]): unknown
}

/** Where a contract of `harness/` stands. */
const place = new Uint8Array(20).fill(0x77)
/** No bound of a block: thousands of cases go into one call. */
const gasMax = 1n << 40n
const block = {
  number: 1,
  timestamp: 1,
  coinbase: place,
  gasLimit: gasMax,
  baseFeePerGas: 0n,
  prevRandao: new Uint8Array(32),
  chainId: 1,
  blockHashes: [],
}

type Made = { abi: Abi; code: `0x${string}`; sourceHash: string }

/**
 * @param contract - name of the contract that is called, and of its file
 * @throws {Error} where a generated file is older than its sources, or the code too large for the chain
 */
export async function openHarness(contract: string): Promise<Harness> {
  const { abi, code } = await readMade(contract)
  return callsOf(abi, place, [{ address: place, code: hexToBytes(code), nonce: 1n }])
}

/** A contract of the devnet's genesis by its name there. @param others - that it calls */
export function openDeployed(
  contract: 'wordJudge' | 'stepJudge' | 'sampleJudge' | 'operatorPlans' | 'forwardJudge' | 'backwardJudge',
  ...others: readonly Name[]
) {
  const accounts = [contract, ...others].map((name) => {
    const address = addresses[name as Name]
    return { address: hexToBytes(address), code: hexToBytes(genesis.alloc[address]!.code!), nonce: 1n }
  })
  return callsOf(abis[contract], hexToBytes(addresses[contract]), accounts)
}

type Name = keyof typeof addresses
type Account = { address: Uint8Array; code: Uint8Array; nonce: bigint }

async function callsOf(abi: Abi, to: Uint8Array, accounts: readonly Account[]): Promise<Harness> {
  const nodes = new Map<string, Uint8Array>()
  const evm = await createEvm((key) => nodes.get(bytesToHex(key)))
  const { stateRoot, dirtyNodes } = evm.applyState(emptyStateRoot, accounts)
  for (const { key, value } of dirtyNodes) nodes.set(bytesToHex(key), value)
  function call(functionName: string, ...args: readonly unknown[]): HarnessCall {
    const data = hexToBytes(encodeFunctionData({ abi, functionName, args }))
    const called = evm.call({ stateRoot, block, to, data, gas: gasMax })
    if (called.status === 'success') {
      const value = decodeFunctionResult({ abi, functionName, data: bytesToHex(called.output) })
      return { ok: true, value, gasUsed: Number(called.gasUsed) }
    }
    if (called.status === 'halt') return { ok: false, error: called.reason }
    if (called.status === 'invalid') return { ok: false, error: called.message }
    return { ok: false, error: decodeErrorResult({ abi, data: bytesToHex(called.output) }).errorName }
  }
  return {
    call,
    must(functionName, ...args) {
      const called = call(functionName, ...args)
      if (!called.ok) throw new Error(`${functionName}: ${called.error}`)
      return called.value
    },
  }
}

async function readMade(contract: string): Promise<Made> {
  const made: Made = await import(`../harness/${contract}.generated.ts`)
  if (made.sourceHash !== sourceHash(contract)) {
    throw new Error(
      `${contract} is older than its sources: node packages/contracts/scripts/compileHarness.ts ${contract}`,
    )
  }
  if (made.code.length / 2 - 1 > codeBytesMax) throw new Error(`${contract} is larger than a contract may be`)
  return made
}

/** EIP-170. */
const codeBytesMax = 24_576
