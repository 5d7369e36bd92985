/**
 * The most memory that a gateway and its holders take while the published SDKs' way of uploading meets them: every segment of
 * a file in a JSON-RPC post of its own, all posts at once; then while the files stream out again.
 * `node measureMemory.ts [MiB [files]]`; 1024 MiB in 4 files by default.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { payOnce } from '@weightless/blobs/payForBlob'
import { bytesToHex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { type FileTree, fileTree, segmentBytes, segmentProof } from '@weightless/crypto'
import { createLedger } from '@weightless/ledger'
import { mnemonicToAccount } from 'viem/accounts'
import { startNetwork } from './codedNetwork.ts'
import { peakBytesOf } from './processes.ts'

const [mebibytes = 1024, files = 4] = process.argv.slice(2).map(Number)
const fileBytes = (mebibytes / files) * 2 ** 20
const folder = mkdtempSync(join(tmpdir(), 'weightless-memory-'))
const network = await startNetwork(folder, 6, 'gateway')
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
try {
  show('at the start')
  const stored = []
  for (let i = 0; i < files; i++) stored.push(await post(randomBytes(fileBytes)))
  for (const tree of stored) await untilFinal(bytesToHex(tree.root))
  show(`${mebibytes} MiB posted in ${files} files, ${fileBytes / segmentBytes} posts at once`)
  for (const tree of stored) await streamOut(bytesToHex(tree.root))
  show('and streamed out again')
} finally {
  agent.destroy()
  await network.close()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

function show(what: string): void {
  const { holders, indexer } = network.pids()
  const megabytes = (pid: number): string => `${(peakBytesOf(pid) / 1e6).toFixed(0)} MB`
  const most = holders.reduce((a, b) => (peakBytesOf(a) > peakBytesOf(b) ? a : b))
  console.log(`${what}: gateway at most ${megabytes(indexer)}, holders at most ${megabytes(most)} resident`)
}

async function post(bytes: Uint8Array): Promise<FileTree> {
  const tree = fileTree(bytes)
  const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 7 })
  const ledger = createLedger({ env: network.env, rpcUrl: network.rpcUrl, account, pollMs: 20 })
  const wish = { file: tree, tags: '0x', isAnew: false } as const
  const [paid] = await payOnce(ledger, async () => addresses.flow, [wish])
  const root = bytesToHex(tree.root)
  const posts = Array.from({ length: tree.shape.segments }, (_, index) => {
    const { lemma, path } = segmentProof(tree, index)
    const data = Buffer.from(bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes)).toString('base64')
    const proof = { lemma: lemma.map(bytesToHex), path }
    return call('zgs_uploadSegmentsByTxSeq', [[{ root, data, index, proof, fileSize: bytes.length }], paid!.txSeq])
  })
  await Promise.all(posts)
  return tree
}

async function untilFinal(root: string): Promise<void> {
  for (;;) {
    const info = (await call('zgs_getFileInfo', [root, true])) as { finalized: boolean } | null
    if (info?.finalized) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function streamOut(root: string): Promise<void> {
  const response = await fetch(`${network.indexerUrl}/file/${root}`)
  let seen = 0
  for await (const piece of response.body!) seen += piece.length
  if (seen !== fileBytes) throw new Error(`${seen} of ${fileBytes} bytes came back`)
}

/** One post, on a connection of its own like the SDK's. */
function call(method: string, params: unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const asked = request(network.indexerUrl, { method: 'POST', agent, headers }, async (response) => {
      const text: Buffer[] = []
      for await (const piece of response) text.push(piece as Buffer)
      const { result, error } = JSON.parse(Buffer.concat(text).toString()) as { result?: unknown; error?: unknown }
      if (error) reject(new Error(JSON.stringify(error)))
      else resolve(result)
    })
    asked.once('error', reject)
    asked.end(body)
  })
}
