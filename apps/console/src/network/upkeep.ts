/** Which transactions nodes send by themselves, over and over, so that what people did is not lost among them. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { type Address, type Hex, isAddressEqual, toFunctionSelector } from 'viem'

type Call = { to: Address | null; input: Hex }

/** Mining answers, rewards drawn, offers declared and renewed, rounds of audits: nothing else is asked of these contracts. */
const upkeepContracts = ['mine', 'rewardPool', 'serviceMarket', 'auditRounds']
/** Of the flow, which people's files come to: a miner closes an epoch. */
const closesEpoch = toFunctionSelector('function makeContext()')

export type Contracts = NetworkConfig['contracts']

export function isUpkeep(contracts: Contracts, { to, input }: Call): boolean {
  if (to === null) return false
  if (input.startsWith(closesEpoch)) return true
  return Object.entries(contracts).some(
    ([name, address]) => upkeepContracts.includes(name) && isAddressEqual(address, to),
  )
}

/** Contracts whose events tell of more than upkeep; the flow's tell of epochs too. */
export function usedContracts(contracts: Contracts): Address[] {
  return Object.entries(contracts).flatMap(([name, address]) => (upkeepContracts.includes(name) ? [] : [address]))
}
