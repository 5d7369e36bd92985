/** Our SDK as one of the devnet's accounts, on a compute network for tests. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { fastAccount } from '@weightless/ledger'
import { type Client, createClient } from '@weightless/sdk'
import { type ComputeNet, gatewayKey } from './computeNet.ts'

export function clientOf(net: ComputeNet, index: number, gatewayUrl = net.rpcUrl): Client {
  const config = configOf(net, gatewayUrl)
  return createClient({ config, env: net.env, account: fastAccount(keyOf(net, index)) })
}

/** As the network's file would say it. */
export function configOf(net: ComputeNet, gatewayUrl = net.rpcUrl) {
  return {
    chain: { rpcUrl: net.rpcUrl, wsUrl: net.rpcUrl, chainId: genesis.chainId, accounts: [] },
    contracts: addresses,
    storage: { indexerUrl: net.rpcUrl, nodeUrls: [] },
    compute: { gatewayUrl, apiKey: gatewayKey, providers: [] },
  }
}

export function keyOf(net: ComputeNet, index: number): Hex {
  return bytesToHex(net.accountOf(index).getHdKey().privateKey!)
}
