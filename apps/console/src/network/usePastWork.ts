/** Finds the last blocks in which somebody used our contracts, from their events, so that a chain with nothing but upkeep does not look unused. */
import { useQuery } from '@tanstack/react-query'
import { encodeEventTopics, type Hex } from 'viem'
import { getBlockNumber, getLogs } from 'viem/actions'
import { addBlocks } from './blockFeed.ts'
import { chainClient } from './chainClient.ts'
import { useNetwork } from './NetworkProvider.tsx'
import { usedContracts } from './upkeep.ts'

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
      const newEpoch = await epochTopic()
      const logs = (await getLogs(client, { address: usedContracts(contracts), fromBlock, toBlock: newest })).filter(
        ({ topics }) => topics[0] !== newEpoch,
      )
      const numbers = [...new Set(logs.map(({ blockNumber }) => blockNumber))].slice(-blocksWanted)
      await addBlocks(chain.rpcUrl, numbers)
      return numbers.length
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
}

/** The ABIs come when they are needed. */
async function epochTopic(): Promise<Hex> {
  const { abis } = await import('@weightless/contracts')
  return encodeEventTopics({ abi: abis.flow, eventName: 'NewEpoch' })[0]
}
