/** Who this node is: eth_chainId, eth_syncing, net_*, web3_*, rpc_modules. */
import { bytesToHex, quantityToHex } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { readBytes } from './params.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'

export const clientVersion = 'Weightless/v0.1.0/typescript-revm'

export function networkMethods({ engine }: RpcContext): MethodTable {
  return {
    eth_chainId: () => quantityToHex(engine.chainId),
    eth_syncing: () => false,
    eth_mining: () => true,
    eth_hashrate: () => '0x0',
    eth_protocolVersion: () => '0x44',
    eth_coinbase: () => bytesToHex(engine.head.header.coinbase),
    net_version: () => String(engine.chainId),
    net_listening: () => true,
    net_peerCount: () => '0x0',
    web3_clientVersion: () => clientVersion,
    web3_sha3: ([data]) => bytesToHex(keccak256(readBytes(data, 'data'))),
    rpc_modules: () => ({ eth: '1.0', net: '1.0', web3: '1.0', txpool: '1.0', debug: '1.0', evm: '1.0' }),
  }
}
