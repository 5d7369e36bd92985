/** Asks an indexer which nodes hold a file or take one, and a node what it knows about a root. Spec: storage §8. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Network } from '@weightless/env'
import { NetworkError } from '@weightless/env'
import type { FileInfoJson, ShardedNodeJson, ShardedNodesJson } from '@weightless/storage/wire'
import { type CallOptions, callNode, NodeRefusedError } from './callNode.ts'

/** Nodes that hold whole files, in the indexer's order. @throws {StorageUnavailableError} when it names none */
export async function findStorageNodes(network: Network, indexerUrl: string, options: CallOptions): Promise<string[]> {
  const nodes = await callNode<ShardedNodesJson | null>(network, indexerUrl, 'indexer_getShardedNodes', [], options)
  const urls = wholeFileNodes([...(nodes?.trusted ?? []), ...(nodes?.discovered ?? [])])
  if (urls.length === 0) throw new StorageUnavailableError({ indexerUrl })
  return urls
}

/** Nodes where a file is final. @throws {BlobMissingError} */
export async function locateFile(
  network: Network,
  indexerUrl: string,
  root: Hex,
  options: CallOptions,
): Promise<string[]> {
  try {
    const nodes = await callNode<ShardedNodeJson[] | null>(
      network,
      indexerUrl,
      'indexer_getFileLocations',
      [root],
      options,
    )
    const urls = wholeFileNodes(nodes ?? [])
    if (urls.length > 0) return urls
  } catch (fault) {
    if (!(fault instanceof NodeRefusedError) || !fault.facts.message.includes('file not found')) throw fault
  }
  throw new BlobMissingError({ root })
}

/** The first answer of several nodes; undefined when those that answer do not know the root. */
export async function askFileInfo(
  network: Network,
  nodeUrls: readonly string[],
  root: Hex,
  options: CallOptions,
): Promise<{ nodeUrl: string; info: FileInfoJson } | undefined> {
  let silent: unknown
  let answered = false
  for (const nodeUrl of nodeUrls) {
    try {
      const info = await callNode<FileInfoJson | null>(network, nodeUrl, 'zgs_getFileInfo', [root, false], options)
      if (info) return { nodeUrl, info }
      answered = true
    } catch (fault) {
      // An indexer that is no node has no such method.
      if (fault instanceof NodeRefusedError && fault.facts.rpcCode === methodMissing) continue
      if (!(fault instanceof NetworkError)) throw fault
      silent = fault
    }
  }
  if (!answered && silent) throw silent
  return undefined
}

const methodMissing = -32_601

function wholeFileNodes(nodes: readonly ShardedNodeJson[]): string[] {
  return nodes.filter(({ config }) => config.numShard === 1).map(({ url }) => url)
}

export class StorageUnavailableError extends WeightlessError {
  constructor(facts: { indexerUrl: string }) {
    super('blobs/storage-unavailable', 'The indexer names no storage node that takes whole files.', facts, {
      hint: 'Start a storage node, or give another indexer.',
    })
  }
}

export class BlobMissingError extends WeightlessError {
  constructor(facts: { root: Hex }) {
    super('blobs/blob-missing', 'No storage node holds this root in full.', facts, {
      hint: 'Check the root; if its upload was interrupted, upload the file again: it is not paid twice.',
    })
  }
}
