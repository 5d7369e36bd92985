/** What the network's nodes say of its Flow contract and of a file's submission. Spec: storage §8. */
import type { Hex } from '@weightless/codec'
import type { FileInfoJson } from '@weightless/storage/wire'
import { callNode } from './callNode.ts'
import { askFileInfo, BlobMissingError, findStorageNodes } from './findNodes.ts'
import { askNodes } from './network/askIndexer.ts'
import type { TransferParts } from './network/transferParts.ts'

type Asking = Pick<TransferParts, 'network' | 'timeoutMs'> & { indexerUrl: string; flowAddress: Hex | undefined }

/** The Flow contract that a node follows. */
export async function readFlowAddress(network: TransferParts['network'], nodeUrl: string): Promise<Hex> {
  const status = await callNode<{ networkIdentity: { flowAddress: Hex } }>(network, nodeUrl, 'zgs_getStatus', [])
  return status.networkIdentity.flowAddress
}

/** @throws {StorageUnavailableError} {NetworkError} */
export async function findFlow(asking: Asking): Promise<Hex> {
  const { network, indexerUrl, flowAddress, timeoutMs } = asking
  if (flowAddress) return flowAddress
  const [node] = await askNodes(asking, indexerUrl)
  if (node) return node.flowAddress
  const [nodeUrl] = await findStorageNodes(network, indexerUrl, { timeoutMs })
  return readFlowAddress(network, nodeUrl!)
}

/** @throws {BlobMissingError} {StorageUnavailableError} {NetworkError} */
export async function findFileInfo(asking: Asking, root: Hex): Promise<FileInfoJson> {
  const { network, indexerUrl, timeoutMs } = asking
  const nodes = await askNodes(asking, indexerUrl)
  const coded = [indexerUrl, ...nodes.map(({ url }) => url)].slice(0, nodesMax)
  const urls = nodes.length > 0 ? coded : await findStorageNodes(network, indexerUrl, { timeoutMs })
  const found = await askFileInfo(network, urls, root, { timeoutMs })
  if (!found) throw new BlobMissingError({ root })
  return found.info
}

const nodesMax = 4
