/** Says what a transaction does: the contract's name and the method with its arguments, where the contract is ours. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { type Abi, type AbiFunction, decodeFunctionData, type Hex, toFunctionSelector } from 'viem'

export type DecodedCall = { contract: string | undefined; method: string; args: { name: string; value: string }[] }

type Call = { to: Hex | null; input: Hex; value: bigint }

/** The ABIs are fetched when the first transaction is shown. */
export async function decodeTransaction(config: NetworkConfig, call: Call): Promise<DecodedCall> {
  if (call.to === null) return { contract: undefined, method: 'create contract', args: [] }
  const contract = contractNameOf(config, call.to)
  if (call.input.length < 10) return { contract, method: 'transfer', args: [] }
  const known = (await selectors()).get(call.input.slice(0, 10))
  if (!known) return { contract, method: call.input.slice(0, 10), args: [] }
  try {
    const { args = [] } = decodeFunctionData({ abi: [known], data: call.input }) as { args?: readonly unknown[] }
    return {
      contract,
      method: known.name,
      args: args.map((value, i) => ({ name: known.inputs[i]?.name || `${i}`, value: say(value) })),
    }
  } catch {
    // The selector is one of ours by chance; the arguments are not.
    return { contract, method: known.name, args: [] }
  }
}

export function contractNameOf(config: NetworkConfig, address: string): string | undefined {
  const found = Object.entries(config.contracts).find(([, value]) => value.toLowerCase() === address.toLowerCase())
  return found?.[0]
}

let loading: Promise<Map<string, AbiFunction>> | undefined

function selectors(): Promise<Map<string, AbiFunction>> {
  loading ??= import('@weightless/contracts').then(({ abis }) => {
    const functions = Object.values(abis as Record<string, Abi>)
      .flat()
      .filter((item): item is AbiFunction => item.type === 'function')
    return new Map(functions.map((item) => [toFunctionSelector(item), item]))
  })
  return loading
}

/** Arguments as short text; long bytes are cut. */
export function say(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  const text = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part)) ?? String(value)
  const bare = typeof value === 'string' ? value : text
  return bare.length > 600 ? `${bare.slice(0, 600)}… (${bare.length} characters)` : bare
}
