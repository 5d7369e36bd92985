// A node that does nothing: it knows every file as soon as it is asked, takes segments unread, and calls them final.
// What an upload through the SDK takes against it is the SDK and the chain alone. Prints its URL; argument: Flow address.
import { createServer } from 'node:http'

const [flowAddress] = process.argv.slice(2)
const p2pProtocolVersion = { major: 0, minor: 4, build: 0 }
const networkIdentity = { chainId: 31337, flowAddress, p2pProtocolVersion }
const filesSeen = new Map()
let url = ''

const server = createServer(async (request, response) => {
  let head
  for await (const chunk of request) head ??= chunk.toString('latin1', 0, 512)
  const [, method] = /"method":"(\w+)"/.exec(head) ?? []
  const [, id] = /"id":([^,}]+)/.exec(head) ?? []
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`{"jsonrpc":"2.0","id":${id ?? 1},"result":${JSON.stringify(answer(method, head))}}`)
})
server.listen(0, '127.0.0.1', () => {
  url = `http://127.0.0.1:${server.address().port}`
  console.log(JSON.stringify({ indexerUrl: url }))
})
process.stdin.resume().on('end', () => process.exit(0))

function answer(method, head) {
  const config = { shardId: 0, numShard: 1 }
  if (method === 'indexer_getShardedNodes') {
    return { trusted: [{ url, config, latency: 1, since: 1 }], discovered: [] }
  }
  if (method === 'zgs_getShardConfig') return config
  if (method === 'zgs_getStatus') {
    return { connectedPeers: 0, logSyncHeight: 1, logSyncBlock: `0x${'00'.repeat(32)}`, nextTxSeq: 1, networkIdentity }
  }
  if (method === 'zgs_getFileInfo') return fileInfo(head)
  if (method.startsWith('zgs_uploadSegment')) for (const file of filesSeen.values()) file.finalized = true
  return 0
}

/** Unknown when first asked, known from then on, final once a segment has come: what lets the SDK go on at once. */
function fileInfo(head) {
  const [, root] = /"params":\["(0x\w+)"/.exec(head)
  const known = filesSeen.get(root)
  if (!known) {
    filesSeen.set(root, { finalized: false })
    return null
  }
  const tx = { streamIds: [], data: [], dataMerkleRoot: root, merkleNodes: [], startEntryIndex: 0, size: 1, seq: 0 }
  return { tx, finalized: known.finalized, isCached: false, uploadedSegNum: 0, pruned: false }
}
