/** Finds the last blocks in which our contracts were used, from their events, so that a quiet chain does not look unused. */
import { useQuery } from '@tanstack/react-query'
import { getBlockNumber, getLogs } from 'viem/actions'
import { addBlocks } from './blockFeed.ts'
import { chainClient } from './chainClient.ts'
import { useNetwork } from './NetworkProvider.tsx'

const blocksBack = 5_000n
const blocksWanted = 8

export function usePastWork() {
  const { chain, contracts } = useNetwork()
  return useQuery({
    queryKey: ['past work', chain.rpcUrl],
    queryFn: async () => {
      const client = chainClient(chain.rpcUrl)
      const newest = await getBlockNumber(client)
      const fromBlock = newest > blocksBack ? newest - blocksBack : 0n
      const logs = await getLogs(client, { address: Object.values(contracts), fromBlock, toBlock: newest })
      const numbers = [...new Set(logs.map(({ blockNumber }) => blockNumber))].slice(-blocksWanted)
      await addBlocks(chain.rpcUrl, numbers)
      return numbers.length
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
}
