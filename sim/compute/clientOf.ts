/** Our SDK as one of the devnet's accounts, on a compute network for tests. */
import { bytesToHex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { fastAccount } from '@weightless/ledger'
import { type Client, createClient } from '@weightless/sdk'
import { type ComputeNet, gatewayKey } from './computeNet.ts'

export function clientOf(net: ComputeNet, index: number, gatewayUrl = net.rpcUrl): Client {
  const config = {
    chain: { rpcUrl: net.rpcUrl, wsUrl: net.rpcUrl, chainId: genesis.chainId, accounts: [] },
    contracts: addresses,
    storage: { indexerUrl: net.rpcUrl, nodeUrls: [] },
    compute: { gatewayUrl, apiKey: gatewayKey, providers: [] },
  }
  const key = bytesToHex(net.accountOf(index).getHdKey().privateKey!)
  return createClient({ config, env: net.env, account: fastAccount(key) })
}
