/** The files of an address, from the Flow contract's `Submit` events. Spec: storage §3. */
import { bytesToHex, type Hex, hexToBytes, quantityToHex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { foldNodes } from '@weightless/crypto'
import { decodeLogs } from '@weightless/ledger'
import { encodeEventTopics } from 'viem'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { isPrivateTag } from './privateFiles.ts'

export type FileRecord = {
  root: Hex
  sizeBytes: number
  txSeq: number
  txHash: Hex
  block: bigint
  /** Opaque bytes of the submission. */
  tags: Hex
  /** Encrypted for the account that stored it. */
  isPrivate: boolean
}

type SubmitLog = {
  transactionHash: Hex
  blockNumber: bigint
  args: {
    submissionIndex: bigint
    submission: { length: bigint; tags: Hex; nodes: readonly { root: Hex; height: bigint }[] }
  }
}

/** Newest first; a root that was submitted twice appears once, with its first transaction. */
export async function listSubmissions({ config, ledger }: ClientContext, sender: Hex): Promise<FileRecord[]> {
  const address = contractAddress(config, 'flow')
  const topics = encodeEventTopics({ abi: abis.flow, eventName: 'Submit', args: { sender } })
  const filter = { address, topics, fromBlock: quantityToHex(0), toBlock: 'latest' }
  const logs = decodeLogs(abis.flow, (await ledger.rpc.request('eth_getLogs', [filter])) as never)
  const records = new Map<Hex, FileRecord>()
  for (const log of logs as unknown as SubmitLog[]) {
    const { submissionIndex, submission } = log.args
    const { length, nodes, tags } = submission
    const root = bytesToHex(
      foldNodes(nodes.map((node) => ({ root: hexToBytes(node.root), height: Number(node.height) }))),
    )
    if (records.has(root)) continue
    const { transactionHash: txHash, blockNumber: block } = log
    const isPrivate = isPrivateTag(tags)
    records.set(root, {
      root,
      sizeBytes: Number(length),
      txSeq: Number(submissionIndex),
      txHash,
      block,
      tags,
      isPrivate,
    })
  }
  return [...records.values()].reverse()
}
