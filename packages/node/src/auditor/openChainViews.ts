/** The nodes of the chain that an auditor can ask, each by Keccak-256 of its URL, beside its own. Spec: spec/alignment.md 16 */
import { bytesToHex, type Hex, quantityToHex, textToBytes } from '@weightless/codec'
import type { ChainNodeTools, ChainView } from '@weightless/compute'
import { keccak256 } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'

export const chainNodeId = (url: string): Hex => bytesToHex(keccak256(textToBytes(url)))

/** @param urls - those that it may find as targets */
export function openChainViews(env: Env, own: Ledger, urls: readonly string[], meanGapMs: number): ChainNodeTools {
  const views = new Map(urls.map((url) => [chainNodeId(url), viewOf(createLedger({ rpcUrl: url, env }))]))
  return { env, own: viewOf(own), viewOf: (id) => views.get(id), meanGapMs }
}

type BlockJson = { number: Hex; timestamp: Hex; hash: Hex } | null

export function viewOf({ rpc }: Pick<Ledger, 'rpc'>): ChainView {
  const block = async (tag: string) => (await rpc.request('eth_getBlockByNumber', [tag, false])) as BlockJson
  return {
    chainId: async () => Number(await rpc.request('eth_chainId')),
    async head() {
      const { number, timestamp } = (await block('latest'))!
      return { number: BigInt(number), timestampSeconds: BigInt(timestamp) }
    },
    blockHash: async (number) => (await block(quantityToHex(number)))?.hash,
  }
}
