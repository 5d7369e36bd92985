/** Stake and settled earnings of each provider, summed from the events of the registry and the settlement contract. */
import { contractAddress, type NetworkConfig } from '@weightless/sdk/networkConfig'
import { parseAbi } from 'viem'
import { getLogs } from 'viem/actions'
import { chainClient } from '../../network/chainClient.ts'

export type ChainFigures = { stakeWei: bigint; settledWei: bigint; settlements: number }

const stakeEvents = parseAbi([
  'event ProviderStaked(address indexed provider, uint256 amount)',
  'event ProviderStakeReturned(address indexed provider, uint256 amount)',
])
const settledEvents = parseAbi([
  'event VouchersSettled(address indexed provider, bytes32 indexed receiptsRoot, uint256 paid, bytes outcomes)',
  'event UnpaidCollected(address indexed user, address indexed provider, uint256 paid, uint256 stillUnpaid)',
])

/** By address in lower case. */
export async function readChainFigures(config: NetworkConfig): Promise<Map<string, ChainFigures>> {
  const client = chainClient(config.chain.rpcUrl)
  const from = { fromBlock: 0n, strict: true } as const
  const [stakes, settled] = await Promise.all([
    getLogs(client, { ...from, address: contractAddress(config, 'inferenceServing'), events: stakeEvents }),
    getLogs(client, { ...from, address: contractAddress(config, 'receiptSettlement'), events: settledEvents }),
  ])
  const figures = new Map<string, ChainFigures>()
  const of = (provider: string): ChainFigures => {
    const key = provider.toLowerCase()
    const known = figures.get(key) ?? { stakeWei: 0n, settledWei: 0n, settlements: 0 }
    figures.set(key, known)
    return known
  }
  // The stake goes back as a whole, so the last event says what is there.
  for (const { eventName, args } of stakes)
    of(args.provider).stakeWei = eventName === 'ProviderStaked' ? args.amount : 0n
  for (const { args } of settled) {
    const known = of(args.provider)
    known.settledWei += args.paid
    known.settlements++
  }
  return figures
}
