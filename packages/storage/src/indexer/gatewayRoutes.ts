/** The indexer's REST gateway: file and node information, and segments pushed as JSON. Spec: storage §8. */
import { callNode, NodeRefusedError } from '@weightless/blobs'
import type { Network } from '@weightless/env'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { envelope, gatewayCodes, readCid } from '../http/contentRoutes.ts'
import type { Route } from '../http/storageHandler.ts'
import type { FileInfoJson, StatusJson } from '../wire/index.ts'
import type { NodeRegistry } from './nodeRegistry.ts'

const cidsMax = 100
const segmentBodyMax = 1024 * 1024

export function createGatewayRoutes(network: Network, registry: NodeRegistry): Route[] {
  return [
    async ({ method, path, query, signal }) => {
      if (method !== 'GET') return undefined
      if (path.startsWith('/file/info/')) return sendInfo(registry, path.slice('/file/info/'.length), signal)
      if (path === '/files/info') return sendInfos(registry, query.getAll('cid'), signal)
      if (path === '/node/status') return sendStatus(registry)
      return undefined
    },
    async (request) =>
      request.method === 'POST' && request.path === '/file/segment'
        ? pushSegment(network, registry, request)
        : undefined,
  ]
}

const success = (data: unknown): HttpResponse => envelope(gatewayCodes.success, 'Success', data)
const invalid = (reason: string): HttpResponse => envelope(gatewayCodes.invalidParameter, 'Invalid parameter', reason)

async function sendInfo(registry: NodeRegistry, text: string, signal: AbortSignal): Promise<HttpResponse> {
  const cid = readCid(text)
  if (cid === undefined) return invalid('cid must be a file root or a txSeq')
  const info = mergeInfos((await registry.fileInfos(cid, signal)).map((answer) => answer.info))
  return info ? success(info) : envelope(gatewayCodes.notFound, 'File not found')
}

async function sendInfos(registry: NodeRegistry, cids: readonly string[], signal: AbortSignal): Promise<HttpResponse> {
  if (cids.length === 0 || cids.length > cidsMax) return invalid(`from 1 to ${cidsMax} cids`)
  const infos = await Promise.all(
    cids.map(async (text) => {
      const cid = readCid(text)
      if (cid === undefined) return 'invalid cid'
      return mergeInfos((await registry.fileInfos(cid, signal)).map((answer) => answer.info)) ?? null
    }),
  )
  return success(infos)
}

/** A file is final when every node that knows it says so. */
function mergeInfos(infos: readonly FileInfoJson[]): FileInfoJson | undefined {
  const [first] = infos
  return (
    first && {
      ...first,
      finalized: infos.every(({ finalized }) => finalized),
      uploadedSegNum: Math.min(...infos.map(({ uploadedSegNum }) => uploadedSegNum)),
      pruned: infos.some(({ pruned }) => pruned),
    }
  )
}

async function sendStatus(registry: NodeRegistry): Promise<HttpResponse> {
  const statuses = await registry.statuses()
  const lowest = [...statuses].sort((a, b) => a.logSyncHeight - b.logSyncHeight)[0]
  if (!lowest) return envelope(gatewayCodes.internal, 'Internal server error', 'no storage node answers', 503)
  const merged: StatusJson = {
    ...lowest,
    nextTxSeq: Math.min(...statuses.map(({ nextTxSeq }) => nextTxSeq)),
    connectedPeers: Math.max(...statuses.map(({ connectedPeers }) => connectedPeers)),
  }
  return success(merged)
}

async function pushSegment(network: Network, registry: NodeRegistry, request: HttpRequest): Promise<HttpResponse> {
  const body = parse(new TextDecoder().decode(await readBody(request.body, segmentBodyMax)))
  const { root, txSeq, data, index, proof } = body
  const cid = readCid(String(txSeq ?? root ?? ''))
  if (cid === undefined) return invalid('root or txSeq')
  const infos = await registry.fileInfos(cid, request.signal)
  if (infos.length === 0) return envelope(gatewayCodes.notFound, 'File not found')
  const faults: string[] = []
  for (const { node, info } of infos) {
    const segment = { root: info.tx.dataMerkleRoot, data, index, proof, fileSize: info.tx.size }
    try {
      await callNode(network, node.url, 'zgs_uploadSegmentsByTxSeq', [[segment], info.tx.seq])
    } catch (fault) {
      const text = fault instanceof NodeRefusedError ? `${fault.facts.message}: ${fault.facts.data}` : 'no answer'
      if (!text.includes('already uploaded and finalized')) faults.push(text)
    }
  }
  return faults.length === infos.length ? invalid(faults.join('; ')) : success(null)
}

function parse(text: string): { readonly [name: string]: unknown } {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as { readonly [name: string]: unknown }) : {}
  } catch {
    return {}
  }
}
